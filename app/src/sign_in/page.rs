//! Signing in with e-mail and password. Before anybody exists it leads to the setup page.

use http::StatusCode;
use islands::menus::Menus;
use leptos::prelude::*;

use super::kept::Kept;
use crate::{
    form::{fields::Fields, state::FormState},
    page::{PageMeta, PageResult, Visit, here::here, same_site_path},
    ui::{
        badge::{Callout, Tone},
        field::{Field, FormError},
    },
};

/// What was typed; never the password, which is not sent back.
#[derive(Debug, Clone, Default)]
pub struct SignInInput {
    pub email: String,
    /// Where to go afterwards: a path of this site.
    pub next: String,
    /// A form that was sent while nobody was signed in.
    pub kept: Option<Kept>,
}

impl SignInInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            email: fields.trimmed("email").to_owned(),
            next: next_path(fields.text("next")),
            kept: Kept::read(fields),
        }
    }
}

/// The sign-in page that leads to `next` afterwards. `unsaved`: a form was sent, and it says that nothing came of it.
pub fn address(next: &str, unsaved: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if next != "/" {
        query.append_pair("next", next);
    }
    if unsaved {
        query.append_pair("unsaved", "1");
    }
    let query = query.finish();
    if query.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?{query}") }
}

pub async fn get(visit: Visit) -> PageResult {
    let next = next_path(&visit.query("next").unwrap_or_default());
    if visit.principal().is_some() {
        return Ok(visit.go(&next));
    }
    if visit.store().setup_needed().await? {
        return Ok(visit.go("/setup"));
    }
    let input = SignInInput { next, ..SignInInput::default() };
    show(&visit, FormState::editing(input))
}

/// For a form that was sent while nobody was signed in: the page holds it.
pub fn show_with(visit: &Visit, kept: Kept, next: &str) -> PageResult {
    show(
        visit,
        FormState::editing(SignInInput { next: next_path(next), kept: Some(kept), ..SignInInput::default() }),
    )
}

pub fn show(visit: &Visit, draft: FormState<SignInInput>) -> PageResult {
    let again = draft.errors.is_some();
    let is_kept = draft.input.as_ref().is_some_and(|input| input.kept.is_some());
    let status = if is_kept && !again { StatusCode::UNAUTHORIZED } else { draft.status() };
    let meta = PageMeta::outside("Sign in").status(status);
    let why = match (is_kept, !again && visit.query("unsaved").is_some()) {
        (true, _) => Some(
            "You were signed out, so nothing was saved yet. What you typed is kept: sign in, and send it again.",
        ),
        (false, true) => {
            Some("You were signed out, so nothing was saved. Sign in and make your change again.")
        }
        (false, false) => None,
    };
    let unsaved = why.map(|why| view! { <Callout tone=Tone::Warning role="alert"><p>{why}</p></Callout> });
    // What is kept may be as long as a form can be; written for an address it would be three times that.
    let enctype = is_kept.then_some("multipart/form-data");
    visit.render_door(meta, move || {
        let (error, input) = (draft.general(), draft.input.unwrap_or_default());
        view! {
            <h1>"Sign in"</h1>
            <form method="post" action=here().plain("/sign-in") enctype=enctype class="card stack">
                {unsaved}
                <FormError error=error />
                <input type="hidden" name="next" value=input.next />
                {input.kept.as_ref().map(Kept::hidden)}
                <Field
                    label="E-mail"
                    name="email"
                    kind="email"
                    value=input.email
                    autocomplete="username"
                    required=true
                    autofocus=!again
                />
                <Field
                    label="Password"
                    name="password"
                    kind="password"
                    autocomplete="current-password"
                    required=true
                    autofocus=again
                />
                <button class="button" data-kind="primary">"Sign in"</button>
            </form>
            <p class="note">"Forgotten your password? An admin can make you a new sign-in link."</p>
            {is_kept.then(|| view! { <Menus /> })}
        }
    })
}

fn next_path(text: &str) -> String {
    same_site_path(text).filter(|path| !path.starts_with("/sign-")).unwrap_or("/").to_owned()
}
