//! API tokens: a server token for backends, a client token for browsers, a management token for programs that do what
//! a member of a role may do. The token itself is shown once.

use leptos::prelude::*;
use store::{TokenId, limits::TOKEN_WARNING_DAYS};

use crate::{
    form::state::FormState,
    page::{
        Page, PageMeta, PageResult,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        field::FormError,
        secret::Secret,
    },
};

pub use super::form::{TokenInput, WORKSPACE};

/// A secret that was made just now. Shown once.
pub struct Issued {
    pub title: &'static str,
    pub secret: String,
}

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct TokensForms {
    pub new: FormState<TokenInput>,
    /// A refused change of one token.
    pub token: Option<(TokenId, FormState<()>)>,
    pub issued: Option<Issued>,
}

pub async fn get(page: Page) -> PageResult {
    show(&page, TokensForms::default()).await
}

pub async fn show(page: &Page, draft: TokensForms) -> PageResult {
    let administrator = page.principal.administrator()?;
    let tokens = page.store().list_tokens(&administrator).await?;
    let soon = page.store().tokens_that_expire_soon(&administrator);
    let status = draft.token.as_ref().map_or(draft.new.status(), |(_, draft)| draft.status());
    let meta = PageMeta::new("Tokens", Section::Tokens).status(status);
    let environment = page.environment.key.to_string();
    let base = page.absolute("");
    page.render(meta, move || {
        let TokensForms { new, token, issued } = draft;
        let refused = token.map(|(id, draft)| {
            let name = tokens.iter().find(|it| it.id == id).map(|it| it.name.clone()).unwrap_or_default();
            let error = draft.general().map(|sentence| format!("{name}: {sentence}"));
            view! { <FormError error=error /> }
        });
        let list = if tokens.is_empty() {
            view! {
                <Empty
                    title="No tokens yet"
                    text="Applications ask Fader with a token: make a server token for a backend, a client token for a web page, or a management token for a script."
                />
            }
            .into_any()
        } else {
            super::table::table(tokens).into_any()
        };
        view! {
            <PageHead
                title="Tokens"
                lead="How applications ask who gets a flag, and how programs manage Fader. Each token counts somewhere, belongs to somebody, and works until some day."
            />
            {issued.map(|issued| show_once(issued, &base))}
            {refused}
            {expiry_notice(soon)}
            {super::form::form(new, environment)}
            <div id="tokens" data-live="">{list}</div>
        }
    })
}

/// For whoever can do something about it.
pub fn expiry_notice(soon: usize) -> Option<impl IntoView> {
    let text = match soon {
        0 => return None,
        1 => format!(
            "1 token expires within {TOKEN_WARNING_DAYS} days: rotate it, so that its application is not refused."
        ),
        n => format!(
            "{n} tokens expire within {TOKEN_WARNING_DAYS} days: rotate them, so that their applications are not refused."
        ),
    };
    Some(view! { <Callout tone=Tone::Warning><p>{text}</p></Callout> })
}

fn show_once(issued: Issued, base: &str) -> impl IntoView + use<> {
    let Issued { title, secret } = issued;
    let example = if secret.starts_with("fdr_admin_") {
        format!("curl {base}/api/v1/token -H 'Authorization: Bearer {secret}'")
    } else {
        format!(
            "curl -X POST {base}/ofrep/v1/evaluate/flags -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' -d '{{\"context\":{{\"targetingKey\":\"someone\"}}}}'"
        )
    };
    view! {
        <Secret title=title text="Copy it now: only its fingerprint is kept." value=secret label="Token" />
        <details class="card example"><summary>"Try it"</summary><pre tabindex="0"><code>{example}</code></pre></details>
    }
}
