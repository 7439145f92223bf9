//! The frame around every page: skip link, brand, navigation, environment switch, search, person, toasts.

use islands::menus::Menus;
use leptos::prelude::*;
use store::{Operation, Principal};

use super::{here::Here, meta::PageMeta, navigation::navigation, theme::Theme, toast, updates::updates};
use crate::{
    search::palette::palette,
    ui::{
        badge::{Callout, Tone},
        icon,
    },
};

/// The forms and the button of whoever is signed in, on every page: the palette presses them.
pub const THEME_FORM: &str = "theme";
pub const SIGN_OUT_FORM: &str = "leave";
pub const SIGN_OUT: &str = "sign-out";

/// An entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Desk,
    Groups,
    Audit,
    Members,
    Tokens,
    Clients,
    Attributes,
    Account,
    Feedback,
    People,
    Metrics,
    Guardrails,
    Webhooks,
    Approvals,
    Environments,
    Roles,
}

impl Section {
    pub const NAVIGATION: [Self; 15] = [
        Self::Desk,
        Self::Groups,
        Self::People,
        Self::Feedback,
        Self::Approvals,
        Self::Audit,
        Self::Attributes,
        Self::Metrics,
        Self::Guardrails,
        Self::Members,
        Self::Roles,
        Self::Tokens,
        Self::Clients,
        Self::Webhooks,
        Self::Environments,
    ];

    pub fn path(self) -> &'static str {
        match self {
            Self::Desk => "/",
            Self::Groups => "/groups",
            Self::Audit => "/audit",
            Self::Members => "/settings/members",
            Self::Tokens => "/settings/tokens",
            Self::Clients => "/settings/clients",
            Self::Attributes => "/settings/attributes",
            Self::Account => "/account",
            Self::Feedback => "/feedback",
            Self::People => "/people",
            Self::Metrics => "/settings/metrics",
            Self::Guardrails => "/settings/guardrails",
            Self::Webhooks => "/settings/webhooks",
            Self::Approvals => "/approvals",
            Self::Environments => "/settings/environments",
            Self::Roles => "/settings/roles",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Desk => "Desk",
            Self::Groups => "Groups",
            Self::Audit => "Audit",
            Self::Members => "Members",
            Self::Tokens => "Tokens",
            Self::Clients => "Clients",
            Self::Attributes => "Attributes",
            Self::Account => "Account",
            Self::Feedback => "Feedback",
            Self::People => "People",
            Self::Metrics => "Metrics",
            Self::Guardrails => "Guardrails",
            Self::Webhooks => "Webhooks",
            Self::Approvals => "Approvals",
            Self::Environments => "Environments",
            Self::Roles => "Roles",
        }
    }

    /// Whether somebody may see the page at all.
    pub fn is_for(self, principal: &Principal) -> bool {
        match self {
            // Everybody sees on a flag's Health tab what guards it.
            // So does who may do what: a refusal names the roles that may.
            Self::Desk | Self::Groups | Self::Account | Self::Feedback | Self::Guardrails | Self::Roles => {
                true
            }
            Self::Audit => principal.may(Operation::ReadAudit) || principal.may(Operation::ReadTrail),
            Self::People => principal.may(Operation::ReadPeople),
            Self::Approvals => principal.may(Operation::Approve),
            Self::Members
            | Self::Tokens
            | Self::Clients
            | Self::Attributes
            | Self::Metrics
            | Self::Webhooks
            | Self::Environments => principal.may(Operation::Administer),
        }
    }

    pub(super) fn icon(self) -> AnyView {
        match self {
            Self::Desk => icon::desk().into_any(),
            Self::Groups => icon::groups().into_any(),
            Self::Audit => icon::audit().into_any(),
            Self::Members | Self::Account => icon::members().into_any(),
            Self::Tokens => icon::token().into_any(),
            Self::Clients => icon::clients().into_any(),
            Self::Attributes => icon::filter().into_any(),
            Self::Feedback => icon::feedback().into_any(),
            Self::People => icon::person().into_any(),
            Self::Metrics => icon::metric().into_any(),
            Self::Guardrails => icon::shield().into_any(),
            Self::Webhooks => icon::link().into_any(),
            Self::Approvals => icon::check().into_any(),
            Self::Environments => icon::layers().into_any(),
            Self::Roles => icon::lock().into_any(),
        }
    }
}

/// The title of a page, what it is for, and its buttons.
#[component]
pub fn PageHead(
    #[prop(into)] title: String,
    #[prop(optional, into)] lead: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="page-head">
            <div>
                <h1>{title}</h1>
                {lead.map(|lead| view! { <p class="lead">{lead}</p> })}
            </div>
            {children.map(|children| view! { <div class="cluster">{children()}</div> })}
        </header>
    }
}

/// The body of a page for somebody signed in. `worker` is the address of what listens for all pages of a browser.
pub fn frame(meta: &PageMeta, here: &Here, worker: String, page: AnyView) -> impl IntoView + use<> {
    let live = meta.live.then(|| updates(here, worker, meta.measures));
    view! {
        <a class="skip-link" href="#main">"Skip to the content"</a>
        <div class="frame" data-place=place(here)>
            <header class="rail">
                {brand(here)}
                {environment_switch(here)}
                {search_button(here)}
                {navigation(meta.section, here)}
                <div class="rail-foot">{live}{here.principal.as_ref().map(|who| person(who, here))}</div>
            </header>
            <main id="main" class="page" tabindex="-1">{place_mark(here)}{troubles(here)}{page}</main>
        </div>
        {toast::region(here.toast)}
        <Menus />
    }
}

/// Pages of an environment that changes with less care look unlike those of one that is protected.
fn place(here: &Here) -> &'static str {
    if here.environment.protected { "protected" } else { "open" }
}

/// Says in words where one is, where that is not an environment that is protected but there is one.
fn place_mark(here: &Here) -> Option<impl IntoView + use<>> {
    let protected = here.environments.iter().find(|it| it.protected)?;
    let own = here.environment.name.clone();
    (!here.environment.protected).then(|| {
        view! {
            <p class="place-mark">
                {icon::layers()}
                <span>"You are in "<strong>{own}</strong>{format!(", not in {}.", protected.name)}</span>
            </p>
        }
    })
}

fn troubles(here: &Here) -> Option<impl IntoView + use<>> {
    let sentences = here.troubles.iter().map(|it| view! { <p>{it.clone()}</p> }).collect_view();
    let any = !here.troubles.is_empty();
    any.then(|| view! { <Callout tone=Tone::Warning role="status">{sentences}</Callout> })
}

/// The body of a page for somebody who is not signed in: one card in the middle.
pub fn door(here: &Here, page: AnyView) -> impl IntoView + use<> {
    view! {
        <main id="main" class="door">
            {channels()}
            <div class="door-brand">{logo()}<span>"Fader"</span></div>
            {page}
        </main>
        {toast::region(here.toast)}
    }
}

/// Three channels of a desk; the middle one is pushed up.
pub fn logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <rect class="logo-back" x="0" y="0" width="24" height="24" rx="6" />
            <path class="logo-track" d="M7 5v14M12 5v14M17 5v14" />
            <rect class="logo-cap" x="4.5" y="13" width="5" height="3" rx="1" />
            <rect class="logo-cap" data-high="" x="9.5" y="6.5" width="5" height="3" rx="1" />
            <rect class="logo-cap" x="14.5" y="10" width="5" height="3" rx="1" />
        </svg>
    }
}

/// A desk with its channels at different heights, behind the card.
fn channels() -> impl IntoView {
    const LEVELS: [u32; 16] = [30, 62, 48, 20, 74, 55, 38, 66, 44, 26, 70, 52, 34, 60, 42, 24];
    let channels = LEVELS
        .iter()
        .zip(0_u32..)
        .map(|(level, at)| {
            let x = 30 + at * 60;
            let y = 110 - level;
            view! {
                <path d=format!("M{x} 10V130") />
                <rect x=(x - 13).to_string() y=y.to_string() width="26" height="14" rx="3" />
                <path class="channels-line" d=format!("M{} {}h14", x - 7, y + 7) />
            }
        })
        .collect_view();
    view! {
        <svg class="channels" viewBox="0 0 960 140" preserveAspectRatio="xMidYMax slice" aria-hidden="true">{channels}</svg>
    }
}

fn brand(here: &Here) -> impl IntoView + use<> {
    view! { <a class="brand" href=here.href("/")>{logo()}<span>"Fader"</span></a> }
}

fn environment_switch(here: &Here) -> impl IntoView + use<> {
    let links = here
        .environments
        .iter()
        .map(|environment| {
            let current = (environment.key == here.environment.key).then_some("true");
            let lock = environment.protected.then(icon::lock);
            view! {
                <a href=here.same_page_in(&environment.key) aria-current=current>{environment.name.clone()}{lock}</a>
            }
        })
        .collect_view();
    view! { <div class="segments" role="group" aria-label="Environment">{links}</div> }
}

fn search_button(here: &Here) -> impl IntoView + use<> {
    view! {
        <div class="rail-search">
            <a class="search-button" href=here.href("/search") data-palette="" aria-keyshortcuts="Control+K Meta+K">
                {icon::search()}<span>"Search"</span><kbd>"Ctrl K"</kbd>
            </a>
            {palette(here.environment.key.to_string())}
        </div>
    }
}

fn person(who: &Principal, here: &Here) -> impl IntoView + use<> {
    let themes = Theme::ALL
        .into_iter()
        .map(|theme| {
            let pressed = if theme == here.theme { "true" } else { "false" };
            view! {
                <button id=theme.button() name="theme" value=theme.as_str() aria-pressed=pressed>{theme.label()}</button>
            }
        })
        .collect_view();
    let back = here.same_path_with(&[]);
    view! {
        <details class="menu" data-menu="">
            <summary>
                <span class="avatar" aria-hidden="true">{initials(who.name())}</span>
                <span class="visually-hidden">"Signed in as"</span>
                <span class="menu-who"><span>{who.name().to_owned()}</span><small>{who.role().to_string()}</small></span>
            </summary>
            <div class="menu-panel">
                <p class="menu-mail">{who.email().to_owned()}</p>
                <a href=here.href("/account")>{icon::members()}"Your account"</a>
                <form id=THEME_FORM method="post" action=here.plain("/theme")>
                    <input type="hidden" name="back" value=back />
                    <div class="segments" role="group" aria-label="Theme">{themes}</div>
                </form>
                <form id=SIGN_OUT_FORM method="post" action=here.plain("/sign-out")>
                    <button id=SIGN_OUT>{icon::sign_out()}"Sign out"</button>
                </form>
            </div>
        </details>
    }
}

/// `Ada Lovelace` → `AL`.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_of_the_first_and_last_name() {
        assert_eq!(initials("Ada King Lovelace"), "AL");
        assert_eq!(initials("ada"), "A");
        assert_eq!(initials(""), "");
    }
}
