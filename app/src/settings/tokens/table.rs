//! The list of tokens, and what can be done with each.

use leptos::prelude::*;
use store::{Lifetime, TokenKind, TokenRow, TokenScope, TokenState, limits::TOKEN_OVERLAP_HOURS_DEFAULT};

use super::form::lifetimes;
use crate::{
    page::here::{Here, here},
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        field::Choice,
        table::{Column, Table},
        time,
    },
};

pub fn table(tokens: Vec<TokenRow>) -> impl IntoView {
    let rows = tokens.into_iter().map(row).collect_view();
    let columns = vec![
        Column::Text("Token"),
        Column::Text("Kind"),
        Column::Text("Counts in"),
        Column::Text("Owner"),
        Column::Text("Made"),
        Column::Text("Last used"),
        Column::Text("State"),
        Column::Hidden("Actions"),
    ];
    view! {
        <Table columns class="tokens">{rows}</Table>
    }
}

fn row(token: TokenRow) -> impl IntoView {
    let here = here();
    let state = token.state(here.now_ms);
    let off = match state {
        TokenState::Revoked { .. } | TokenState::Expired { .. } | TokenState::OwnerDisabled => Some(""),
        TokenState::Active | TokenState::ExpiresSoon { .. } => None,
    };
    let revoked = token.revoked_ms.is_some();
    let origins = (!token.origins.is_empty()).then(
        || view! { <span class="note clip" title=token.origins.join(", ")>{token.origins.join(", ")}</span> },
    );
    let used = token.last_used_ms.map_or_else(
        || view! { <span class="faint">"never"</span> }.into_any(),
        |at| time::ago(here.now_ms, at).into_any(),
    );
    let actions = (!revoked)
        .then(|| view! { <div class="cluster">{grant(&token)}{rotate(&token, &here)}{revoke(&token)}</div> });
    view! {
        <tr data-key=token.id.to_string() data-off=off>
            <td>
                <div class="who">
                    <strong>{token.name.clone()}</strong>
                    <code class="note">{token.hint.clone()}</code>
                    {origins}
                </div>
            </td>
            <td data-label="Kind">{kind(&token)}</td>
            <td data-label="Counts in">{scope(&token, &here)}</td>
            <td data-label="Owner">{owner(&token)}</td>
            <td data-label="Made">
                <span>{time::ago(here.now_ms, token.created_ms)}<span class="note">" by "{token.created_by.clone()}</span></span>
            </td>
            <td data-label="Last used">{used}</td>
            <td data-label="State">{describe(&token, state, &here)}</td>
            <td class="actions">{actions}</td>
        </tr>
    }
}

fn kind(token: &TokenRow) -> impl IntoView + use<> {
    let badge = match token.kind {
        TokenKind::Server => view! { <Badge text="Server" /> }.into_any(),
        TokenKind::Client => view! { <Badge tone=Tone::Accent text="Client" /> }.into_any(),
        TokenKind::Admin(role) => {
            view! { <Badge tone=Tone::Warning text=format!("Management: {role}") /> }.into_any()
        }
    };
    let traits = token.writes_traits.then(|| view! { <span class="note">"stores people"</span> });
    let less = token.kind.role().zip(token.owner.as_ref()).and_then(|(role, owner)| {
        let text = format!("no more than its owner may ({})", owner.role);
        (owner.role != role).then(|| view! { <span class="note">{text}</span> })
    });
    view! { <div class="who">{badge}{traits}{less}</div> }
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

fn owner(token: &TokenRow) -> impl IntoView + use<> {
    match &token.owner {
        Some(owner) => view! { <span title=owner.email.clone()>{owner.name.clone()}{owner.disabled.then_some(" (disabled)")}</span> }.into_any(),
        None => view! { <span class="faint">"nobody"</span> }.into_any(),
    }
}

fn describe(token: &TokenRow, state: TokenState, here: &Here) -> impl IntoView + use<> {
    let now_ms = here.now_ms;
    let (tone, word, note) = match state {
        TokenState::Active => {
            let until = token
                .expires_ms
                .map_or_else(|| "never expires".to_owned(), |at| format!("expires {}", time::date(at)));
            (Tone::Good, "Works", until)
        }
        TokenState::ExpiresSoon { at_ms } => (
            Tone::Warning,
            "Expires soon",
            format!("{}, on {}", time::ago_phrase(now_ms, at_ms), time::date(at_ms)),
        ),
        TokenState::Expired { at_ms } => (Tone::Danger, "Expired", format!("on {}", time::date(at_ms))),
        TokenState::OwnerDisabled => (Tone::Danger, "Refused", "its owner is disabled".to_owned()),
        TokenState::Revoked { at_ms } => {
            (Tone::Neutral, "Revoked", format!("revoked {}", time::ago_phrase(now_ms, at_ms)))
        }
    };
    let old = token.replaced_until_ms.filter(|until| *until > now_ms && token.revoked_ms.is_none());
    let old =
        old.map(|until| view! { <span class="note">"the old secret ends "{time::ago(now_ms, until)}</span> });
    view! { <div class="who"><Badge tone=tone text=word /><span class="note">{note}</span>{old}</div> }
}

fn revoke(token: &TokenRow) -> impl IntoView + use<> {
    let (id, name) = (token.id.to_string(), token.name.clone());
    view! {
        <Confirm
            label="Revoke"
            text=format!("Every application that uses “{}” is refused from that moment. This cannot be undone.", name)
            action=here().plain("/settings/tokens")
            button="Revoke the token"
            danger=true
        >
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="do" value="revoke" />
        </Confirm>
    }
}

/// A management token acts as its owner, so nobody else is offered its secret.
fn rotate(token: &TokenRow, here: &Here) -> Option<impl IntoView + use<>> {
    let manages = token.kind.role().is_some();
    let mine = token.owner.as_ref().map(|owner| owner.id)
        == here.principal.as_ref().and_then(store::Principal::person);
    if manages && !mine {
        return None;
    }
    let id = token.id.to_string();
    let overlaps = [
        ("0", "at once"),
        ("1", "in 1 hour"),
        ("24", "in 1 day"),
        ("168", "in 7 days"),
        ("720", "in 30 days"),
    ];
    let overlaps = overlaps.map(|(hours, text)| (hours.to_owned(), text.to_owned())).to_vec();
    let text = format!(
        "“{}” gets another secret, which is shown once. The old one works on for a while, so that its application can change over.",
        token.name
    );
    let never = token.expires_ms.is_none();
    let lifetime = if never { Lifetime::Never } else { Lifetime::default() };
    Some(view! {
        <Confirm
            label="Rotate"
            text=text
            action=here.plain("/settings/tokens")
            button="Rotate the token"
        >
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="do" value="rotate" />
            <Choice
                label="The old secret ends"
                name="overlap"
                id=format!("overlap-{id}")
                value=TOKEN_OVERLAP_HOURS_DEFAULT.to_string()
                options=overlaps
            />
            <Choice
                label="The new one expires"
                name="expires"
                id=format!("expires-{id}")
                value=lifetime.to_string()
                options=lifetimes(!manages)
            />
        </Confirm>
    })
}

fn grant(token: &TokenRow) -> Option<impl IntoView + use<>> {
    let (label, text, button, word) = match (token.kind, token.writes_traits) {
        (TokenKind::Client | TokenKind::Admin(_), _) => return None,
        (TokenKind::Server, false) => (
            "Let it store people",
            "may say who everybody is, with trusted attributes, in every environment",
            "Let it store people",
            "grant",
        ),
        (TokenKind::Server, true) => (
            "Forbid storing",
            "can store people no more from that moment",
            "Forbid it to store people",
            "withdraw",
        ),
    };
    let (id, text) = (token.id.to_string(), format!("“{}” {text}.", token.name));
    Some(view! {
        <Confirm label=label text=text action=here().plain("/settings/tokens") button=button>
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="do" value=word />
        </Confirm>
    })
}
