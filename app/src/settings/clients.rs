//! What asks and reports: every token of an application, when it was last used, and what of its events was left out.

use std::collections::BTreeMap;

use leptos::prelude::*;
use store::{OMITTED_SHOWN_MS, Omitted, TokenId, TokenKind, TokenRow, TokenScope};

use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        empty::Empty,
        table::{Column, Table},
        time,
    },
};

pub async fn get(page: Page) -> PageResult {
    let administrator = page.principal.administrator()?;
    let since_ms = page.store().clock().now_ms().saturating_sub(OMITTED_SHOWN_MS);
    let mut omitted = page.store().list_omitted(&administrator, since_ms).await?;
    let tokens = page.store().list_tokens(&administrator).await?;
    let asks = |token: &TokenRow| match token.kind {
        TokenKind::Server | TokenKind::Client => {
            token.revoked_ms.is_none() || omitted.contains_key(&token.id)
        }
        // It manages Fader and reports nothing.
        TokenKind::Admin(_) => false,
    };
    let tokens: Vec<_> = tokens.into_iter().filter(asks).collect();
    page.render(PageMeta::new("Clients", Section::Clients), move || {
        let list = if tokens.is_empty() {
            view! {
                <Empty
                    title="No clients yet"
                    text="A client is whatever asks or reports with a token: a backend, a web page, an exporter of OpenTelemetry. Make a token for the first one."
                >
                    <a class="button" href=here().href("/settings/tokens")>"Make a token"</a>
                </Empty>
            }
            .into_any()
        } else {
            table(tokens, &mut omitted).into_any()
        };
        view! {
            <PageHead
                title="Clients"
                lead="What asks Fader and reports to it, and what of the last 24 hours' events and telemetry was left out. Everything else that came with them was taken."
            />
            <div id="clients" data-live="">{list}</div>
        }
    })
}

fn table(tokens: Vec<TokenRow>, omitted: &mut BTreeMap<TokenId, Vec<Omitted>>) -> impl IntoView + use<> {
    let here = here();
    let rows = tokens.into_iter().map(|token| {
        let omitted = omitted.remove(&token.id).unwrap_or_default();
        row(&token, omitted, &here)
    });
    let rows = rows.collect_view();
    let columns = vec![
        Column::Text("Client"),
        Column::Text("Counts in"),
        Column::Text("Last used"),
        Column::Text("Left out"),
    ];
    view! { <Table columns class="clients">{rows}</Table> }
}

fn row(token: &TokenRow, omitted: Vec<Omitted>, here: &Here) -> impl IntoView + use<> {
    let used = token.last_used_ms.map_or_else(
        || view! { <span class="faint">"never"</span> }.into_any(),
        |at| time::ago(here.now_ms, at).into_any(),
    );
    let left_out = if omitted.is_empty() {
        view! { <span class="faint">"nothing"</span> }.into_any()
    } else {
        let each = omitted.into_iter().map(|it| reason(it, here)).collect_view();
        view! { <ul class="left-out">{each}</ul> }.into_any()
    };
    view! {
        <tr data-key=token.id.to_string()>
            <td>
                <div class="who">
                    <strong>{token.name.clone()}</strong>
                    <span class="note">{kind(token.kind)}</span>
                    {token.revoked_ms.is_some().then(|| view! { <Badge tone=Tone::Neutral text="Revoked" /> })}
                </div>
            </td>
            <td data-label="Counts in">{scope(token, here)}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Left out">{left_out}</td>
        </tr>
    }
}

fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Server => "server token",
        TokenKind::Client => "client token",
        TokenKind::Admin(_) => "management token",
    }
}

/// How often, and what its sender was told the last time.
fn reason(omitted: Omitted, here: &Here) -> impl IntoView + use<> {
    view! {
        <li>
            <strong>{omitted.omission.phrase(omitted.times)}</strong>
            <span class="note">{omitted.sentence}</span>
            <span class="note">{time::ago(here.now_ms, omitted.at_ms)}</span>
        </li>
    }
}

fn scope(token: &TokenRow, here: &Here) -> String {
    match &token.scope {
        TokenScope::Environment(key) => {
            let known = here.environments.iter().find(|it| it.key == *key);
            known.map_or_else(|| key.to_string(), |it| it.name.clone())
        }
        TokenScope::Workspace => "The whole workspace".to_owned(),
    }
}
