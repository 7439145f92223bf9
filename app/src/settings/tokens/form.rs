//! The form for a new token.

use leptos::prelude::*;
use store::{Lifetime, Role, TokenKind};

use crate::{
    form::{fields::Fields, state::FormState},
    page::here::here,
    ui::field::{Choice, Field, FormError, Paragraph},
};

/// No environment has this key.
pub const WORKSPACE: &str = "*";

/// What was typed into the form for a new token.
#[derive(Debug, Clone)]
pub struct TokenInput {
    pub name: String,
    pub kind: String,
    /// Of a management token.
    pub role: String,
    /// [`WORKSPACE`] for the whole workspace.
    pub environment: String,
    pub expires: String,
    pub writes_traits: bool,
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
            expires: fields.text("expires").to_owned(),
            writes_traits: fields.has("writes_traits"),
            origins: fields.text("origins").to_owned(),
        }
    }

    fn empty(environment: String) -> Self {
        Self {
            name: String::new(),
            kind: TokenKind::Server.as_str().to_owned(),
            role: Role::Support.as_str().to_owned(),
            environment,
            expires: Lifetime::default().to_string(),
            writes_traits: false,
            origins: String::new(),
        }
    }
}

/// How long a token may work, as a form offers it.
pub fn lifetimes(may_never: bool) -> Vec<(String, String)> {
    let days = [
        (1, "after 1 day"),
        (7, "after 7 days"),
        (30, "after 30 days"),
        (90, "after 90 days"),
        (180, "after 180 days"),
        (365, "after 1 year"),
        (730, "after 2 years"),
    ];
    let days = days.map(|(days, text)| (Lifetime::Days(days).to_string(), text.to_owned()));
    let never = may_never.then(|| (Lifetime::Never.to_string(), "never".to_owned()));
    days.into_iter().chain(never).collect()
}

pub fn form(draft: FormState<TokenInput>, environment: String) -> impl IntoView {
    let [name, kind, place, expires, origins] =
        ["name", "kind", "environment", "expires", "origins"].map(|field| draft.at(field));
    let general = draft.general();
    let input = draft.input.unwrap_or_else(|| TokenInput::empty(environment));
    let kinds = vec![
        (TokenKind::Server.as_str().to_owned(), "Server: may send every attribute".to_owned()),
        (TokenKind::Client.as_str().to_owned(), "Client: for browsers, no trusted attributes".to_owned()),
        ("admin".to_owned(), "Management: acts with a role, does not evaluate".to_owned()),
    ];
    let roles = Role::ALL.map(|role| (role.as_str().to_owned(), role.to_string())).to_vec();
    let mut places: Vec<_> =
        here().environments.iter().map(|it| (it.key.to_string(), it.name.clone())).collect();
    places.push((WORKSPACE.to_owned(), "The whole workspace (management tokens only)".to_owned()));
    let mut lifetimes = lifetimes(true);
    if let Some((_, text)) = lifetimes.last_mut() {
        text.push_str(" (server and client tokens only)");
    }
    view! {
        <form method="post" action=here().plain("/settings/tokens") class="card stack" aria-labelledby="new-title">
            <h2 id="new-title">"New token"</h2>
            <FormError error=general />
            <div class="field-row">
                <Field label="Name" name="name" value=input.name error=name placeholder="Payment API" autocomplete="off" required=true />
                <Choice label="Kind" name="kind" value=input.kind options=kinds error=kind />
                <Choice label="Environment" name="environment" value=input.environment options=places error=place />
                <Choice label="Role (management tokens only)" name="role" value=input.role options=roles />
                <Choice label="Expires" name="expires" value=input.expires options=lifetimes error=expires />
            </div>
            <label class="check">
                <input type="checkbox" name="writes_traits" checked=input.writes_traits />
                <span>"May store people and their traits, for the whole workspace (server tokens only)"</span>
            </label>
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
            <p class="hint">
                "People, groups, enrolments and defaults are the whole workspace’s: to manage them takes a management token for the whole workspace. A management token acts for you, and never may more than you."
            </p>
            <div class="cluster">
                <button class="button" data-kind="primary" name="do" value="create">"Create the token"</button>
            </div>
        </form>
    }
}
