//! Pages and actions of Fader itself, as far as the role allows them, each with the words that people look for it by.

use store::Operation;

use super::{find::Candidate, hit::HitKind};
use crate::page::{
    Page,
    here::Here,
    layout::{SIGN_OUT, Section},
    theme::Theme,
};

/// What a page is for, and by which other words it is looked for.
fn about(section: Section) -> (&'static str, &'static str) {
    match section {
        Section::Desk => ("All flags of the environment", "home start flags features toggles dashboard"),
        Section::Groups => ("Pilot groups", "segments audiences cohorts testers"),
        Section::People => {
            ("What somebody saw, would see, and why", "support users customers subjects traits")
        }
        Section::Feedback => ("What people say, and complaints", "inbox complaints ratings comments triage"),
        Section::Approvals => {
            ("Steps of release plans that wait for somebody", "approve release plan sign-off review")
        }
        Section::Audit => ("Who changed what, when and why", "log history changes journal export"),
        Section::Attributes => {
            ("What is known of people", "traits schema fields trusted properties settings")
        }
        Section::Metrics => ("What outcomes are measured", "events conversions latency settings"),
        Section::Guardrails => (
            "What guards every rollout without its own",
            "defaults limits ceiling comparison roll back settings alarm",
        ),
        Section::Members => {
            ("People who sign in here, and their roles", "users team invite disable accounts settings")
        }
        Section::Roles => ("Who may do what, and where", "permissions rights matrix may allow settings"),
        Section::Tokens => ("How applications ask Fader", "api keys sdk secrets rotate expire settings"),
        Section::Clients => (
            "What asks and reports, and what of it was left out",
            "telemetry opentelemetry exporter rejected events settings",
        ),
        Section::Webhooks => {
            ("Who is told of changes", "hooks notifications slack alerts integrations settings")
        }
        Section::Environments => {
            ("Production, staging, and how long things are kept", "retention stages settings")
        }
        Section::Account => (
            "Your time zone, password and sessions",
            "profile password change browsers sign out everywhere timezone utc clock",
        ),
    }
}

pub(super) fn ours(page: &Page, here: &Here) -> Vec<Candidate> {
    let action = |title: &str, detail: &str, href: String, words: &str| {
        Candidate::new(HitKind::Action, title, detail, href, words)
    };
    let sections = Section::NAVIGATION.into_iter().chain([Section::Account]);
    let mut list: Vec<_> = sections
        .filter(|section| section.is_for(&page.principal))
        .map(|section| {
            let (detail, words) = about(section);
            Candidate::new(HitKind::Page, section.label(), detail, here.href(section.path()), words)
        })
        .collect();
    let at = |path: &str| here.href(path);
    let doors = [
        (Operation::EditFlags, "New flag", "Create a flag", "/flags/new", "create add feature toggle"),
        (
            Operation::EditFlags,
            "New group",
            "Create a pilot group",
            "/groups/new",
            "create add segment audience",
        ),
        (
            Operation::Administer,
            "Import people",
            "From a file or a list",
            "/import/people",
            "upload csv excel customers traits",
        ),
        (
            Operation::HandleFeedback,
            "Log a complaint",
            "What somebody told you",
            "/feedback/new",
            "feedback report new add",
        ),
        (
            Operation::Administer,
            "Invite a member",
            "Somebody who signs in here",
            "/settings/members",
            "new add user team",
        ),
        (
            Operation::Administer,
            "New token",
            "For an application or a script",
            "/settings/tokens",
            "create add api key sdk",
        ),
    ];
    let doors = doors.into_iter().filter(|(operation, ..)| page.may(*operation));
    list.extend(doors.map(|(_, title, detail, path, words)| action(title, detail, at(path), words)));
    list.push(action(
        "Connect your app",
        "A program, a token, and lights that show when it asks",
        at("/connect"),
        "sdk snippet openfeature install integrate token start",
    ));
    list.push(action("Change your password", "On your account", at("/account"), "account secret"));
    for environment in here.environments.iter().filter(|it| it.key != here.environment.key) {
        let title = format!("Switch to {}", environment.name);
        let href = here.href_in("/", &environment.key);
        list.push(action(&title, "Environment", href, environment.key.as_str()));
    }
    for theme in Theme::ALL.into_iter().filter(|theme| *theme != here.theme) {
        let (title, button) = (format!("Theme: {}", theme.label()), format!("#{}", theme.button()));
        list.push(action(&title, "Colours of the pages", button, "dark light mode night colours appearance"));
    }
    list.push(action("Sign out", "Of this browser", format!("#{SIGN_OUT}"), "log out leave end session"));
    list
}
