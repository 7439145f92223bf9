//! A form that was sent after the session had ended. Nothing of it is kept on the server: the sign-in page holds it in fields
//! that nobody sees, and what is sent from there is offered again to the member who was signed in there before, nobody else.
//! Secrets are never held, nor what decides who may do what.

use http::request::Parts;
use leptos::prelude::*;
use store::UserId;

use crate::{
    caps::KEPT,
    form::{
        fields::{FIELDS_MAX, Fields},
        secret::is_secret,
    },
    page::{Visit, same_site_path},
    password::ask::PASSWORD,
};

/// Where it was going.
const ACTION: &str = "kept_for";

/// Who was signed in there last when it was sent.
const WHOSE: &str = "kept_whose";

/// Their forms give rights, decide a release or hold secrets: whoever signs in writes them anew.
const NEVER: [&str; 13] = [
    "/account",
    "/approvals",
    "/audit",
    "/call",
    "/invite",
    "/join",
    "/password",
    "/settings/members",
    "/settings/roles",
    "/settings/tokens",
    "/settings/webhooks",
    "/setup",
    "/sign-in",
];

/// So much comes through the sign-in page: as much as a form of a member may be, less what that page adds.
const BYTES_MAX: usize = 4 * 1024 * 1024 - 64 * 1024;
/// What a browser writes around a field.
const FIELD_BYTES: usize = 200;
/// More than the sign-in page has of its own.
const OTHER_FIELDS: usize = 16;

/// A form that nothing came of yet.
#[derive(Debug, Clone)]
pub struct Kept {
    /// A path of this site.
    action: String,
    fields: Fields,
    whose: UserId,
}

impl Kept {
    /// `None` when there is nothing in it, or what is never kept, or a secret or a file without which it would only be refused.
    pub fn of(parts: &Parts, fields: Fields, whose: UserId) -> Option<Self> {
        let action = parts.uri.path_and_query().map(ToString::to_string)?;
        if !may_be_kept(same_site_path(&action)?) || fields.has_unread_file() {
            return None;
        }
        // Asked for once more where it is needed.
        let fields = fields.without(PASSWORD);
        let has_secret = fields.iter().any(|(name, _)| is_secret(name));
        let is_empty = fields.iter().next().is_none();
        (!has_secret && !is_empty && fits(&fields)).then_some(Self { action, fields, whose })
    }

    /// Out of what the sign-in page sent.
    pub fn read(sent: &Fields) -> Option<Self> {
        let action = same_site_path(sent.find(ACTION)?).filter(|action| may_be_kept(action))?.to_owned();
        let whose = UserId::new(sent.find(WHOSE)?.parse().ok()?);
        let fields = sent.iter().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
        Some(Self { action, fields: Fields::of(fields.filter(|(name, _)| !is_secret(name))), whose })
    }

    /// Whether it is offered to this member. `last` signed in with the browser before them; what the page says of whose it is
    /// could have been written by anybody.
    pub fn is_for(&self, member: UserId, last: Option<UserId>) -> bool {
        self.whose == member && last == Some(member)
    }

    pub fn action(&self) -> &str {
        &self.action
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields of the sign-in page that carry it.
    pub fn hidden(&self) -> impl IntoView + use<> {
        let field = |(name, value): (&str, &str)| {
            view! { <input type="hidden" name=format!("{KEPT}{name}") value=value.to_owned() /> }
        };
        let fields = self.fields.iter().map(field).collect_view();
        view! {
            <input type="hidden" name=ACTION value=self.action.clone() />
            <input type="hidden" name=WHOSE value=self.whose.to_string() />
            {fields}
        }
    }

    /// All that will be sent, for a person to read: what has one line first, so that no long list hides the rest, and no line of
    /// a text looks like a field.
    pub fn text(&self) -> String {
        let (long, short): (Vec<_>, Vec<_>) = self.fields.iter().partition(|(_, value)| value.contains('\n'));
        let line = |(name, value): (&str, &str)| format!("{name}: {}", value.replace('\n', "\n    "));
        let lines: Vec<_> = short.into_iter().chain(long).map(line).collect();
        lines.join("\n")
    }
}

/// Who signed in last with the browser that a request comes from, as far as it is known.
pub async fn last_here(visit: &Visit) -> Option<UserId> {
    visit.store().last_of_device(visit.browser().device?).await.ok().flatten()
}

fn may_be_kept(action: &str) -> bool {
    let path = action.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let is_at = |rest: &str| rest.is_empty() || rest.starts_with('/');
    !NEVER.iter().any(|place| path.strip_prefix(*place).is_some_and(is_at)) && !path.ends_with("/plan/move")
}

/// Whether the sign-in page can send it on, however a browser writes the ends of its lines.
fn fits(fields: &Fields) -> bool {
    let of_one =
        |(name, value): (&str, &str)| FIELD_BYTES + name.len() + value.len() + value.matches('\n').count();
    fields.iter().count() + OTHER_FIELDS <= FIELDS_MAX
        && fields.iter().map(of_one).sum::<usize>() <= BYTES_MAX
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const ADA: UserId = UserId::new(7);

    fn kept(uri: &str, fields: &[(&str, &str)]) -> Option<Kept> {
        let (parts, ()) = Request::post(uri).body(()).expect("a request").into_parts();
        Kept::of(&parts, Fields::of(fields.iter().copied()), ADA)
    }

    #[test]
    fn a_form_goes_through_the_sign_in_page_as_it_was() {
        let sent = [("name", "a & b"), ("tag", "x"), ("tag", "y"), (PASSWORD, "hunter2")];
        let before = kept("/groups/new?env=staging", &sent).expect("something");
        let html = before.hidden().to_html();
        assert!(!html.contains("hunter2"), "{html}");
        let pairs = [("kept_for", "/groups/new?env=staging"), ("kept_whose", "7"), ("kept.name", "a & b")];
        let pairs =
            pairs.into_iter().chain([("kept.tag", "x"), ("kept.tag", "y"), ("email", "ada@example.test")]);
        let after = Kept::read(&Fields::of(pairs)).expect("the same");
        assert_eq!((&after.action, &after.fields), (&before.action, &before.fields));
        assert_eq!(after.text(), "name: a & b\ntag: x\ntag: y");
        assert!(after.is_for(ADA, Some(ADA)));
        let bob = UserId::new(8);
        assert!(!after.is_for(bob, Some(bob)) && !after.is_for(ADA, Some(bob)) && !after.is_for(ADA, None));
    }

    #[test]
    fn hidden_fields_are_told_and_no_text_looks_like_one() {
        let sent = [("list", "ada\ndo: nothing"), ("do", "remove"), ("note", "")];
        let text = kept("/groups/a", &sent).expect("something").text();
        assert_eq!(text, "do: remove\nnote: \nlist: ada\n    do: nothing");
    }

    #[test]
    fn what_gives_rights_and_what_is_too_long_is_never_kept() {
        for action in [
            "/settings/members",
            "/settings/members?x=1",
            "/settings/roles/",
            "/settings/tokens",
            "/settings/webhooks",
            "/approvals",
            "/flags/a/plan/move?env=staging",
            "/account",
        ] {
            assert!(kept(action, &[("do", "role")]).is_none(), "{action}");
            let pairs = [("kept_for", action), ("kept_whose", "7"), ("kept.do", "role")];
            assert!(Kept::read(&Fields::of(pairs)).is_none(), "{action}");
        }
        assert!(kept("/flags/a/plan", &[("do", "x")]).is_some());
        assert!(kept("/groups/a", &[("list", &*"a\n".repeat(BYTES_MAX / 3 - 200))]).is_some());
        assert!(
            kept("/groups/a", &[("list", &*"a\n".repeat(BYTES_MAX / 3))]).is_none(),
            "it would be refused"
        );
        let many = vec![("a", ""); FIELDS_MAX];
        assert!(kept("/groups/a", &many).is_none());
    }

    #[test]
    fn no_secret_is_kept_and_no_way_leads_elsewhere() {
        assert!(kept("/flags/a", &[("old", "x"), ("password", "y")]).is_none());
        assert!(kept("/flags/a/stop", &[]).is_none());
        let read = |action: &str| {
            Kept::read(&Fields::of([("kept_for", action), ("kept_whose", "7"), ("kept.password", "x")]))
        };
        assert!(read("//evil.example").is_none() && read("https://evil.example").is_none());
        assert_eq!(read("/flags/new").expect("a form").fields.iter().count(), 0);
    }
}
