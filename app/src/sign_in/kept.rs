//! A form that was sent after the session had ended. Nothing of it is kept on the server: the sign-in page holds it in fields
//! that nobody sees, and what is sent from there is offered again to whoever has signed in. Secrets are never held.

use http::request::Parts;
use islands::menus::Menus;
use leptos::prelude::*;

use crate::{
    caps::KEPT,
    form::{fields::Fields, secret::is_secret},
    page::{PageMeta, PageResult, Visit, same_site_path},
    password::ask::PASSWORD,
    ui::text_area::TextArea,
};

/// Where it was going.
const ACTION: &str = "kept_for";

/// Fields that the page set and nobody typed.
const NOT_TYPED: [&str; 5] = ["intent", "expected", "seen", "do", "version"];

/// A form that nothing came of yet.
#[derive(Debug, Clone)]
pub struct Kept {
    /// A path of this site.
    action: String,
    fields: Fields,
}

impl Kept {
    /// `None` when there is nothing in it, or a secret, without which it would only be refused.
    pub fn of(parts: &Parts, fields: Fields) -> Option<Self> {
        let action = parts.uri.path_and_query().map(ToString::to_string)?;
        // Asked for once more where it is needed.
        let fields = fields.without(PASSWORD);
        let has_secret = fields.iter().any(|(name, _)| is_secret(name));
        let is_empty = fields.iter().next().is_none();
        same_site_path(&action)?;
        (!has_secret && !is_empty).then_some(Self { action, fields })
    }

    /// Out of what the sign-in page sent.
    pub fn read(sent: &Fields) -> Option<Self> {
        let action = same_site_path(sent.find(ACTION)?)?.to_owned();
        let fields = sent.iter().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
        Some(Self { action, fields: Fields::of(fields.filter(|(name, _)| !is_secret(name))) })
    }

    /// The fields of the sign-in page that carry it.
    pub fn hidden(&self) -> impl IntoView + use<> {
        let field = |(name, value): (&str, &str)| {
            view! { <input type="hidden" name=format!("{KEPT}{name}") value=value.to_owned() /> }
        };
        let fields = self.fields.iter().map(field).collect_view();
        view! { <input type="hidden" name=ACTION value=self.action.clone() />{fields} }
    }

    /// What was typed, for a person to read.
    fn text(&self) -> String {
        let typed = self.fields.iter().filter(|(name, value)| !value.is_empty() && !NOT_TYPED.contains(name));
        let lines: Vec<_> = typed.map(|(name, value)| format!("{name}: {value}")).collect();
        lines.join("\n")
    }
}

/// Offers it once more to whoever has just signed in; `next` leads on without it.
pub fn offer(visit: &Visit, kept: Kept, next: &str) -> PageResult {
    let next = next.to_owned();
    visit.render_door(PageMeta::outside("Not saved yet"), move || {
        let text = kept.text();
        let field = |(name, value): (&str, &str)| {
            view! { <input type="hidden" name=name.to_owned() value=value.to_owned() /> }
        };
        let fields = kept.fields.iter().map(field).collect_view();
        let typed = (!text.is_empty()).then(|| {
            view! {
                <details>
                    <summary>"What you typed"</summary>
                    <TextArea name="" value=text label="What you typed" rows=8 readonly=true spellcheck_off=true />
                </details>
            }
        });
        view! {
            <h1>"Not saved yet"</h1>
            <form method="post" action=kept.action.clone() class="card stack">
                <p>"You were signed out while you were typing. Now you are signed in again, and nothing is lost: send it once more, or leave it."</p>
                {fields}
                {typed}
                <div class="cluster">
                    <button class="button" data-kind="primary" autofocus=true>"Send it again"</button>
                    <a class="button" href=next>"Leave it"</a>
                </div>
            </form>
            <Menus />
        }
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn kept(uri: &str, fields: &[(&str, &str)]) -> Option<Kept> {
        let (parts, ()) = Request::post(uri).body(()).expect("a request").into_parts();
        Kept::of(&parts, Fields::of(fields.iter().copied()))
    }

    #[test]
    fn a_form_goes_through_the_sign_in_page_as_it_was() {
        let sent = [("name", "a & b"), ("tag", "x"), ("tag", "y"), (PASSWORD, "hunter2")];
        let before = kept("/groups/new?env=staging", &sent).expect("something");
        let html = before.hidden().to_html();
        assert!(!html.contains("hunter2"), "{html}");
        let pairs = [("kept_for", "/groups/new?env=staging"), ("kept.name", "a & b"), ("kept.tag", "x")];
        let pairs = pairs.into_iter().chain([("kept.tag", "y"), ("email", "ada@example.test")]);
        let after = Kept::read(&Fields::of(pairs)).expect("the same");
        assert_eq!((&after.action, &after.fields), (&before.action, &before.fields));
        assert_eq!(after.text(), "name: a & b\ntag: x\ntag: y");
    }

    #[test]
    fn no_secret_is_kept_and_no_way_leads_elsewhere() {
        assert!(kept("/account", &[("old", "x"), ("password", "y")]).is_none());
        assert!(kept("/flags/a/stop", &[]).is_none());
        let read = |action: &str| Kept::read(&Fields::of([("kept_for", action), ("kept.password", "x")]));
        assert!(read("//evil.example").is_none() && read("https://evil.example").is_none());
        assert_eq!(read("/flags/new").expect("a form").fields.iter().count(), 0);
    }
}
