//! One's own account: time zone, password and sessions.

use leptos::prelude::*;
use store::SessionRow;

use crate::{
    form::state::FormState,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        field::{Field, FormError, password_hint},
        time,
    },
    zone::{self, choice::ZoneForm},
};

pub async fn get(page: Page) -> PageResult {
    show(&page, Drafts::default()).await
}

/// The forms of the page as they were refused.
#[derive(Default)]
pub struct Drafts {
    pub password: FormState<()>,
    pub zone: FormState<ZoneForm>,
}

impl Drafts {
    fn status(&self) -> http::StatusCode {
        if self.zone.errors.is_some() { self.zone.status() } else { self.password.status() }
    }
}

pub async fn show(page: &Page, drafts: Drafts) -> PageResult {
    let token = page.session_token().unwrap_or_default();
    let sessions = page.store().list_sessions(&page.principal, token).await?;
    let who = page.principal.clone();
    let has_others = sessions.iter().any(|session| !session.current);
    let browser = page.browser_zone();
    page.render(PageMeta::new("Your account", Section::Account).status(drafts.status()), move || {
        let others = has_others.then(|| {
            view! {
                <form method="post" action=here().plain("/account")>
                    <button class="button" name="do" value="end_others">"Sign out everywhere else"</button>
                </form>
            }
        });
        view! {
            <PageHead title=who.name().to_owned() lead=format!("{} · {}", who.email(), who.role()) />
            <div class="halves">
                <div class="stack">
                    {zone::choice::form(&drafts.zone, browser.as_ref())}
                    {password_form(&drafts.password, who.email().to_owned())}
                </div>
                <section class="card stack" aria-labelledby="sessions-title">
                    <h2 id="sessions-title">"Where you are signed in"</h2>
                    <ul class="lines">{sessions.into_iter().map(session).collect_view()}</ul>
                    {others}
                </section>
            </div>
        }
    })
}

fn password_form(draft: &FormState<()>, email: String) -> impl IntoView + use<> {
    view! {
        <form method="post" action=here().plain("/account") class="card stack" aria-labelledby="password-title">
            <h2 id="password-title">"Change your password"</h2>
            <FormError error=draft.general() />
            <input class="visually-hidden" name="username" autocomplete="username" value=email tabindex="-1" aria-hidden="true" readonly />
            <Field
                label="Present password"
                name="old"
                kind="password"
                error=draft.at("old")
                autocomplete="current-password"
                required=true
            />
            <Field
                label="New password"
                name="password"
                kind="password"
                error=draft.at("password")
                hint=password_hint()
                autocomplete="new-password"
                required=true
            />
            <div class="cluster"><button class="button" data-kind="primary" name="do" value="password">"Change it"</button></div>
        </form>
    }
}

fn session(row: SessionRow) -> impl IntoView {
    let now_ms = here().now_ms;
    let last = if row.current {
        view! { <Badge tone=Tone::Good text="This one" /> }.into_any()
    } else {
        view! {
            <form method="post" action=here().plain("/account")>
                <input type="hidden" name="session" value=row.id.to_string() />
                <button class="button" data-size="small" name="do" value="end">"Sign out"</button>
            </form>
        }
        .into_any()
    };
    view! {
        <li>
            <div class="who">
                <span>{browser(&row.user_agent)}</span>
                <span class="note">
                    {row.address.clone()}" · signed in "{time::ago(now_ms, row.created_ms)}
                    " · seen "{time::ago(now_ms, row.last_seen_ms)}
                </span>
            </div>
            {last}
        </li>
    }
}

/// A browser's name out of what it says about itself: enough to recognise one's own.
fn browser(agent: &str) -> String {
    let name = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS", "macOS"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ];
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&name), find(&system)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) if agent.is_empty() => "Unknown browser".to_owned(),
        (None, _) => agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_recognised() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(browser(agent), "Chrome on Linux");
        assert_eq!(browser(""), "Unknown browser");
    }
}
