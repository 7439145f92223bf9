//! The sticky header of a flag: its state in one sentence, who has it, the other environments, Stop and Resume.

use engine::{Count, counted};
use leptos::prelude::*;
use store::{Action, Operation};

use super::{FlagPage, Tab, incident, settings::form::kind_word};
use crate::{
    page::here::{Here, here},
    ui::{
        badge::{Badge, Callout, Tone},
        icon, time,
    },
};

/// Longest reason for stopping or resuming.
const REASON_CHARS_MAX: usize = store::limits::REASON_CHARS_MAX;

pub fn head(shown: &FlagPage, tab: Tab, confirm: bool, tabs: AnyView) -> impl IntoView + use<> {
    let here = here();
    let lock = shown.environment.protected.then(icon::lock);
    view! {
        <header class="flag-head" id="flag-head" data-live="">
            <div class="flag-title">
                <p class="flag-crumb">
                    <a href=here.href("/")>"Desk"</a>
                    <span aria-hidden="true">"/"</span>
                    <code>{shown.key().to_string()}</code>
                    <Badge text=kind_word(shown.flag.kind) />
                    {shown.archived().then(|| view! { <Badge tone=Tone::Warning text="Archived" /> })}
                </p>
                <h1>{shown.flag.name.clone()}</h1>
                <p class="flag-state">
                    <span class="flag-env">{lock}{shown.environment.name.clone()}</span>
                    {state(shown)}
                    {(!shown.archived()).then(|| shown.watch.view(shown.key()))}
                </p>
            </div>
            <div class="flag-actions">
                {elsewhere(shown, &here)}
                {controls(shown, confirm, &here)}
            </div>
            {stopped_banner(shown, tab, &here)}
            {tabs}
        </header>
    }
}

fn state(shown: &FlagPage) -> impl IntoView + use<> {
    if shown.archived() {
        return view! { <strong>"Archived: clients do not find this flag."</strong> }.into_any();
    }
    let known = counted(shown.known, "known person");
    if shown.stopped() {
        return view! {
            <strong class="flag-stopped">"Stopped"</strong>
            <span>{format!("Nobody has it. It was: {}.", shown.phrase())}</span>
        }
        .into_any();
    }
    let people = match (shown.known, shown.on) {
        (0, _) => "no people are known yet".to_owned(),
        (_, Some(on)) => format!("{} of {known}", on.phrase()),
        (_, None) => format!("being counted among {known}"),
    };
    view! { <strong>{shown.phrase()}</strong><span>{people}</span> }.into_any()
}

/// The same flag in the other environments: a switch that already says what is behind it.
fn elsewhere(shown: &FlagPage, here: &Here) -> impl IntoView + use<> {
    let links: Vec<_> = shown
        .elsewhere
        .iter()
        .map(|(environment, phrase)| {
            view! {
                <a class="flag-elsewhere" href=here.same_page_in(&environment.key)>
                    <small>{environment.name.clone()}</small>
                    <span>{phrase.clone()}</span>
                </a>
            }
        })
        .collect();
    view! { <nav class="cluster" aria-label="Other environments">{links}</nav> }
}

fn controls(shown: &FlagPage, confirm: bool, here: &Here) -> Option<AnyView> {
    if shown.archived() {
        return None;
    }
    match (shown.stopped(), here.may(Operation::Stop), here.may(Operation::RollOut)) {
        (true, _, true) => Some(resume(shown, confirm, here).into_any()),
        (false, true, _) => Some(stop(shown, confirm, here).into_any()),
        (true, _, false) | (false, false, _) => None,
    }
}

/// Two presses: the first opens the panel, the second stops. A `<details>`, so it needs no script.
fn stop(shown: &FlagPage, open: bool, here: &Here) -> impl IntoView + use<> {
    let name = shown.flag.name.clone();
    let environment = shown.environment.name.clone();
    let action = here.href(&format!("{}/stop", Tab::Rollout.path(shown.key())));
    let effect = match shown.on {
        None | Some(Count::Exact(0)) => {
            "Everybody gets the off variant at once, whatever the faders say.".to_owned()
        }
        Some(Count::Exact(1)) => {
            "The one known person who has it loses it at once. The faders keep their positions.".to_owned()
        }
        Some(on) => format!(
            "All {} known people who have it lose it at once. The faders keep their positions.",
            on.phrase()
        ),
    };
    view! {
        <details class="confirm stop" id="stop" open=open data-confirm="">
            <summary class="button stop-button" aria-label=format!("Stop {name}")>{icon::stop()}"Stop"</summary>
            <form method="post" action=action class="confirm-panel stack">
                <p class="stop-title">{format!("Stop {name} in {environment}?")}</p>
                <p class="note">{effect}</p>
                {reason("stop-reason", "Why?", "Errors on the payment page", open)}
                <button class="button" data-kind="danger">{icon::stop()}"Stop it now"</button>
            </form>
        </details>
    }
}

fn resume(shown: &FlagPage, open: bool, here: &Here) -> impl IntoView + use<> {
    let action = here.href(&format!("{}/resume", Tab::Rollout.path(shown.key())));
    let effect = format!(
        "Brings back exactly the same people: {} of {}. Nobody is drawn anew.",
        shown.on.map_or_else(|| "some".to_owned(), Count::phrase),
        counted(shown.known, "known person")
    );
    view! {
        <details class="confirm stop" id="resume" open=open data-confirm="">
            <summary class="button resume-button" aria-label=format!("Resume {}", shown.flag.name)>
                {icon::play()}
                "Resume"
            </summary>
            <form method="post" action=action class="confirm-panel stack">
                <p class="stop-title">{format!("Resume in {}?", shown.environment.name)}</p>
                <p class="note">{effect}</p>
                {reason("resume-reason", "What was done about it?", "Fixed in 2.4.1", open)}
                <button class="button" data-kind="primary">{icon::play()}"Resume now"</button>
            </form>
        </details>
    }
}

fn reason(id: &'static str, label: &'static str, example: &'static str, focus: bool) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                id=id
                name="reason"
                placeholder=example
                maxlength=REASON_CHARS_MAX.to_string()
                autocomplete="off"
                autofocus=focus
            />
            <p class="hint">"Optional. It goes into the audit log."</p>
        </div>
    }
}

/// Who stopped it and why; of the guard, with the way to what happened. The Health tab says itself why the guard did.
fn stopped_banner(shown: &FlagPage, tab: Tab, here: &Here) -> Option<impl IntoView + use<>> {
    let entry = shown.stop_entry()?;
    let by_guard = entry.action == Action::GuardStopped;
    let is_told_below = by_guard && tab == Tab::Health;
    let reason = (!entry.reason.is_empty() && !is_told_below).then(|| format!("“{}”", entry.reason));
    let who = entry.actor.clone();
    let ago = time::ago(here.now_ms, entry.at_ms);
    let incident = by_guard.then(|| here.href(&incident::path(shown.key(), entry.seq)));
    let incident = incident.map(|href| view! { " "<a href=href>"See what happened"</a> });
    Some(view! {
        <Callout tone=Tone::Danger>
            <p>
                <strong>"Stopped by "{who}</strong>
                ", "
                {ago}
                {reason.map(|reason| view! { ": " <span class="stop-reason">{reason}</span> })}
                "."
                {incident}
            </p>
        </Callout>
    })
}

/// Header, tabs and the body of one tab. `confirm` shows the panel of Stop or Resume opened.
pub fn frame<B: IntoView + 'static>(
    shown: &FlagPage,
    tab: Tab,
    confirm: bool,
    body: B,
) -> impl IntoView + use<B> {
    let here = here();
    let tabs = Tab::ALL
        .into_iter()
        .map(|it| {
            let current = (it == tab).then_some("page");
            view! { <a href=here.href(&it.path(shown.key())) aria-current=current>{it.label()}</a> }
        })
        .collect_view();
    view! {
        <div class="flag" data-stopped=shown.stopped().then_some("") data-archived=shown.archived().then_some("")>
            {head(shown, tab, confirm, view! { <nav class="tabs" aria-label="This flag">{tabs}</nav> }.into_any())}
            {body.into_any()}
        </div>
    }
}
