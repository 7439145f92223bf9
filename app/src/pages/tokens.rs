//! API tokens: a server token for backends, a client token for browsers, a management token for programs that do what
//! a member of a role may do. The token itself is shown once.

use leptos::prelude::*;
use store::{Role, TokenId, TokenKind, TokenRow};

use crate::{
    draft::Draft,
    fields::Fields,
    page::{Look, Page, PageResult},
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        empty::Empty,
        field::{Choice, Field, FormError, Paragraph},
        here,
        layout::{PageHead, Section},
        secret::Secret,
        time,
    },
};

/// What was typed into the form for a new token.
#[derive(Debug, Clone)]
pub struct TokenInput {
    pub name: String,
    pub kind: String,
    /// Of a management token.
    pub role: String,
    pub environment: String,
    /// One origin per line.
    pub origins: String,
}

impl TokenInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            name: fields.trimmed("name").to_owned(),
            kind: fields.text("kind").to_owned(),
            role: fields.text("role").to_owned(),
            environment: fields.text("environment").to_owned(),
            origins: fields.text("origins").to_owned(),
        }
    }
}

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct TokensDraft {
    pub new: Draft<TokenInput>,
    /// A token that was made just now. Shown once.
    pub issued: Option<String>,
}

pub async fn get(page: Page) -> PageResult {
    show(&page, TokensDraft::default()).await
}

pub async fn show(page: &Page, draft: TokensDraft) -> PageResult {
    let administrator = page.principal.administrator()?;
    let tokens = page.store().list_tokens(&administrator).await?;
    let look = Look::new("Tokens", Section::Tokens).status(draft.new.status());
    let environment = page.environment.key.to_string();
    let example = page.absolute("/ofrep/v1/evaluate/flags");
    page.render(look, move || {
        let TokensDraft { new, issued } = draft;
        let issued = issued.map(|token| {
            let example = format!("curl -X POST {example} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{\"context\":{{\"targetingKey\":\"someone\"}}}}'");
            view! {
                <Secret
                    title="The new token"
                    text="Copy it now: only its fingerprint is kept."
                    value=token
                    label="Token"
                />
                <details class="card example"><summary>"Try it"</summary><pre tabindex="0"><code>{example}</code></pre></details>
            }
        });
        let list = if tokens.is_empty() {
            view! {
                <Empty
                    title="No tokens yet"
                    text="Applications ask Fader with a token. It is bound to one environment: make a server token for a backend, a client token for a web page, or a management token for a script."
                />
            }
            .into_any()
        } else {
            table(tokens).into_any()
        };
        view! {
            <PageHead title="Tokens" lead="How applications ask who gets a flag. Each token is bound to one environment." />
            {issued}
            {form(new, environment)}
            <div id="tokens" data-live="">{list}</div>
        }
    })
}

fn form(draft: Draft<TokenInput>, environment: String) -> impl IntoView {
    let [name, kind, origins] = ["name", "kind", "origins"].map(|field| draft.at(field));
    let general = draft.general();
    let input = draft.input.unwrap_or_else(|| TokenInput {
        name: String::new(),
        kind: TokenKind::Server.as_str().to_owned(),
        role: Role::Support.as_str().to_owned(),
        environment,
        origins: String::new(),
    });
    let kinds = vec![
        (TokenKind::Server.as_str().to_owned(), "Server: may send every attribute".to_owned()),
        (TokenKind::Client.as_str().to_owned(), "Client: for browsers, no trusted attributes".to_owned()),
        ("admin".to_owned(), "Management: acts with a role, does not evaluate".to_owned()),
    ];
    let roles = Role::ALL.map(|role| (role.as_str().to_owned(), role.to_string())).to_vec();
    let environments =
        here().environments.iter().map(|it| (it.key.to_string(), it.name.clone())).collect::<Vec<_>>();
    view! {
        <form method="post" action="/settings/tokens" class="card stack" aria-labelledby="new-title">
            <h2 id="new-title">"New token"</h2>
            <FormError error=general />
            <div class="field-row">
                <Field label="Name" name="name" value=input.name error=name placeholder="Payment API" autocomplete="off" required=true />
                <Choice label="Kind" name="kind" value=input.kind options=kinds error=kind />
                <Choice label="Environment" name="environment" value=input.environment options=environments />
                <Choice label="Role (management tokens only)" name="role" value=input.role options=roles />
            </div>
            <Paragraph
                label="Allowed origins (client tokens only)"
                name="origins"
                value=input.origins
                error=origins
                rows=2
                mono=true
                placeholder="https://www.example.org"
                hint="One per line, as the browser names them. * allows every site."
            />
            <div class="cluster">
                <button class="button" data-kind="primary" name="do" value="create">"Create the token"</button>
            </div>
        </form>
    }
}

fn table(tokens: Vec<TokenRow>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="table" data-stack="">
                <thead>
                    <tr>
                        <th scope="col">"Token"</th>
                        <th scope="col">"Kind"</th>
                        <th scope="col">"Environment"</th>
                        <th scope="col">"Created"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{tokens.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(token: TokenRow) -> impl IntoView {
    let here = here();
    let kind = match token.kind {
        TokenKind::Server => view! { <Badge text="Server" /> }.into_any(),
        TokenKind::Client => view! { <Badge tone=Tone::Accent text="Client" /> }.into_any(),
        TokenKind::Admin(role) => {
            view! { <Badge tone=Tone::Warning text=format!("Management: {role}") /> }.into_any()
        }
    };
    let environment = here.environments.iter().find(|it| it.key == token.environment);
    let environment = environment.map_or_else(|| token.environment.to_string(), |it| it.name.clone());
    let origins = (!token.origins.is_empty()).then(
        || view! { <span class="note clip" title=token.origins.join(", ")>{token.origins.join(", ")}</span> },
    );
    let last = match token.revoked_ms {
        Some(at) => view! { <span class="note">"revoked "{time::ago(here.now_ms, at)}</span> }.into_any(),
        None => revoke(token.id, &token.name).into_any(),
    };
    view! {
        <tr data-key=token.id.to_string() data-off=token.revoked_ms.map(|_| "")>
            <td>
                <div class="who">
                    <strong>{token.name.clone()}</strong>
                    <code class="note">{token.hint.clone()}</code>
                    {origins}
                </div>
            </td>
            <td data-label="Kind">{kind}</td>
            <td data-label="Environment">{environment}</td>
            <td data-label="Created">
                <span>{time::ago(here.now_ms, token.created_ms)}<span class="note">" by "{token.created_by.clone()}</span></span>
            </td>
            <td class="actions">{last}</td>
        </tr>
    }
}

fn revoke(id: TokenId, name: &str) -> impl IntoView + use<> {
    view! {
        <Confirm
            label="Revoke"
            text=format!("Every application that uses “{name}” is refused from that moment. This cannot be undone.")
            action="/settings/tokens"
            button="Revoke the token"
            danger=true
        >
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="do" value="revoke" />
        </Confirm>
    }
}
