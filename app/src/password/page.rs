//! Giving one's password again: with the form that asked for it, or for an island, which asks once more afterwards.

use http::StatusCode;
use leptos::prelude::*;

use super::ask::PASSWORD;
use crate::{
    form::{fields::Fields, state::FormState},
    page::{Page, PageMeta, PageResult, here::here, layout::PageHead, same_site_path},
    ui::field::{Field, FormError},
};

pub const ADDRESS: &str = "/password";

/// What goes on once the password was given.
pub struct Asked {
    /// Where the form is sent: a path of this site.
    pub action: String,
    /// What stood in it.
    pub fields: Fields,
}

pub async fn get(page: Page) -> PageResult {
    let next = next_path(&page.query("next").unwrap_or_default());
    show_for(&page, &next, FormState::default())
}

/// For whatever leads back to `next` instead of sending a form.
pub(crate) fn show_for(page: &Page, next: &str, draft: FormState<()>) -> PageResult {
    let fields = Fields::of([("next", next)]);
    show(page, Asked { action: ADDRESS.to_owned(), fields }, draft)
}

/// `draft.input` is set when a form is waiting.
pub(crate) fn show(page: &Page, asked: Asked, draft: FormState<()>) -> PageResult {
    let waits = draft.input.is_some();
    let status = match (&draft.errors, waits) {
        (None, true) => StatusCode::UNAUTHORIZED,
        (_, _) => draft.status(),
    };
    let email = page.principal.email().to_owned();
    let back = if waits { page.href(page.path()) } else { asked.fields.text("next").to_owned() };
    let lead = if waits {
        "This changes who may do what, and you gave your password more than ten minutes ago. \
         Nothing was changed yet: with your password, it goes on where you were."
    } else {
        "What you were about to do changes who may do what, and you gave your password more than ten minutes ago."
    };
    page.render(PageMeta::outside("Your password, please").status(status), move || {
        let hidden = |(name, value): (&str, &str)| {
            view! { <input type="hidden" name=name.to_owned() value=value.to_owned() /> }
        };
        let fields = asked.fields.iter().map(hidden).collect_view();
        view! {
            <PageHead title="Your password, please" lead=lead />
            <form method="post" action=here().plain(&asked.action) class="card stack ask-again">
                {fields}
                <FormError error=draft.general() />
                <input class="visually-hidden" autocomplete="username" value=email tabindex="-1" aria-hidden="true" readonly />
                <Field
                    label="Password"
                    name=PASSWORD
                    kind="password"
                    error=draft.at(PASSWORD)
                    autocomplete="current-password"
                    required=true
                    autofocus=true
                />
                <div class="cluster">
                    <button class="button" data-kind="primary">"Go on"</button>
                    <a class="button" href=here().plain(&back)>"Cancel"</a>
                </div>
            </form>
        }
    })
}

/// The page that asks, and leads to `next` afterwards.
pub fn address(next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{ADDRESS}?{query}")
}

pub(crate) fn next_path(text: &str) -> String {
    same_site_path(text).filter(|path| !path.starts_with(ADDRESS)).unwrap_or("/").to_owned()
}
