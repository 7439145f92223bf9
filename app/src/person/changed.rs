//! What changed for one person between two moments: for each flag that is decided differently, then and now in plain
//! sentences, and which change did it. Opening it is a look-up, and audited as one.

use std::collections::HashMap;

use axum::extract::Path;
use engine::{EnrolmentState, SubjectKey, VariantKey, counted};
use http::StatusCode;
use leptos::prelude::*;
use store::{AuditReader, Cause, FlagChanged, LastChange, PersonChanges, Turn};

use super::page::require_subject;
use crate::{
    form::error::as_sentence,
    page::{Page, PageMeta, PageResult, address, here::here, layout::Section},
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        field::Field,
        icon, time,
    },
    zone::{typed, zone},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Flags whose last change is offered as the earlier moment.
const RECENT_MAX: usize = 4;

/// A moment of the query: as typed, and what is wrong with it.
struct Asked {
    text: String,
    at_ms: Option<i64>,
    error: Option<String>,
}

impl Asked {
    fn read(page: &Page, name: &str) -> Self {
        let text = page.query(name).unwrap_or_default();
        let read = (!text.is_empty()).then(|| typed::read(&text));
        let error =
            read.as_ref().and_then(|it| it.as_ref().err()).map(|error| as_sentence(&error.to_string()));
        Self { at_ms: read.and_then(Result::ok), text, error }
    }

    fn value(&self) -> String {
        self.at_ms.map_or_else(|| self.text.clone(), typed::field)
    }
}

/// The two moments. Without any: since this time yesterday, until now.
struct Between {
    from: Asked,
    until: Asked,
    now_ms: i64,
}

impl Between {
    fn read(page: &Page) -> Self {
        let now_ms = page.now_ms();
        let (mut from, mut until) = (Asked::read(page, "from"), Asked::read(page, "until"));
        if until.at_ms.is_some_and(|until| until > now_ms) {
            until.error = Some("That moment is still to come.".to_owned());
        }
        let until_ms = until.at_ms.unwrap_or(now_ms);
        if from.text.is_empty() {
            from.at_ms = Some(until_ms - DAY_MS);
        }
        if from.at_ms.is_some_and(|from| from >= until_ms) && until.error.is_none() {
            from.error = Some("Choose a moment before the other one.".to_owned());
        }
        Self { from, until, now_ms }
    }

    /// Both in epoch ms, when both are right.
    fn moments(&self) -> Option<(i64, i64)> {
        let is_right = self.from.error.is_none() && self.until.error.is_none();
        self.from.at_ms.filter(|_| is_right).map(|from| (from, self.until.at_ms.unwrap_or(self.now_ms)))
    }

    /// `between 1 Mar 2026, 14:10 CET and now`.
    fn phrase(&self, (from_ms, until_ms): (i64, i64)) -> String {
        let until = if self.until.at_ms.is_some() { time::minute(until_ms) } else { "now".to_owned() };
        format!("between {} and {until}", time::minute(from_ms))
    }
}

/// Everything the page shows.
struct Shown {
    subject: SubjectKey,
    name: String,
    between: Between,
    changes: Option<PersonChanges>,
    /// Flags that changed last.
    recent: Vec<(String, LastChange)>,
    /// Whose entries may be opened.
    auditor: Option<AuditReader>,
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let subject = require_subject(&key)?;
    let reader = page.principal.people_reader()?;
    let moments =
        ["from", "until"].map(|name| (name, page.query(name).as_deref().and_then(typed::read_here)));
    let moments: Vec<_> = moments.into_iter().filter_map(|(name, ms)| Some((name, time::iso(ms?)))).collect();
    if !moments.is_empty() {
        // The address names the moments themselves, so that it means the same to whoever gets the link.
        let named: Vec<_> = moments.iter().map(|(name, at)| (*name, at.as_str())).collect();
        return Ok(page.go(&page.here().same_path_with(&named)));
    }
    let store = page.store();
    let looked = store.look_up(&reader, &subject).await?;
    let name = looked.traits().and_then(|it| it.get("name").map(|name| name.display()));
    let name = name.unwrap_or_else(|| subject.to_string());
    let between = Between::read(&page);
    let changes = match between.moments() {
        Some((from, until)) => {
            Some(store.changed_for(&reader, &page.environment, &subject, from, until).await?)
        }
        None => None,
    };
    let rows = store.desk(&page.viewer(), &page.environment.key).await?;
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.last_change.seq));
    let recent = rows.into_iter().take(RECENT_MAX);
    let recent = recent.map(|row| (row.flag.name.clone(), row.last_change.clone())).collect();
    let auditor = page.principal.audit_reader().ok();
    let status = if changes.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let meta = PageMeta::new(format!("What changed for {name}?"), Section::People).status(status);
    let shown = Shown { subject, name, between, changes, recent, auditor };
    page.render(meta, move || {
        view! {
            {head(&shown)}
            {form(&shown)}
            {presets(&shown)}
            <div id="changed" class="stack">{shown.changes.as_ref().map(|changes| answer(&shown, changes))}</div>
        }
    })
}

fn head(shown: &Shown) -> impl IntoView + use<> {
    let person = here().href(&address::person(shown.subject.as_str()));
    view! {
        <header class="page-head">
            <div>
                <nav class="crumb" aria-label="Where you are">
                    <a href=here().href("/people")>"People"</a>" / "<a href=person>{shown.name.clone()}</a>
                </nav>
                <h1>{format!("What changed for {}?", shown.name)}</h1>
                <p class="muted">{format!("Flags in {}, by what is stored with them.", here().environment.name)}</p>
            </div>
        </header>
    }
}

fn form(shown: &Shown) -> impl IntoView + use<> {
    let here = here();
    let path = here.plain(&address::person_changed(shown.subject.as_str(), None));
    let environment = (!here.is_default())
        .then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    let Between { from, until, .. } = &shown.between;
    let (first, last) = (from.value(), until.value());
    let zone = zone().name().to_owned();
    view! {
        <form method="get" autocomplete="off" action=path class="toolbar person-at" aria-label="The two moments">
            {environment}
            <Field label=format!("From ({zone})") name="from" kind=typed::field_kind(&first) value=first error=from.error.clone() />
            <Field label=format!("Until ({zone}); empty is now") name="until" kind=typed::field_kind(&last) value=last error=until.error.clone() />
            <div class="cluster"><button class="button" data-kind="primary">{icon::audit()}"What changed?"</button></div>
        </form>
    }
}

fn presets(shown: &Shown) -> impl IntoView + use<> {
    let here = here();
    let link = |label: String, from_ms: i64| {
        let href = here.href(&address::person_changed(shown.subject.as_str(), Some(&time::iso(from_ms))));
        view! { <a class="button" data-kind="quiet" data-size="small" href=href>{label}</a> }
    };
    let recent = shown
        .recent
        .iter()
        // A moment before it, so that the change itself is one of those in between.
        .map(|(flag, change)| link(format!("Since the last change of {flag}"), change.at_ms - 1))
        .collect_view();
    view! {
        <nav class="cluster person-moments" aria-label="Moments to begin with">
            {link("Since yesterday".to_owned(), here.now_ms - DAY_MS)}
            {link("A week".to_owned(), here.now_ms - 7 * DAY_MS)}
            {recent}
        </nav>
    }
}

fn answer(shown: &Shown, changes: &PersonChanges) -> impl IntoView + use<> {
    let moments = (changes.from_ms, changes.until_ms);
    let between = shown.between.phrase(moments);
    let body = if changes.flags.is_empty() {
        let text = match changes.compared {
            0 => "There was no flag, so nothing could change.".to_owned(),
            1 => format!("The one flag is decided the same {between}."),
            all => format!("All {} are decided the same {between}.", counted(all, "flag")),
        };
        view! { <Empty title="Nothing changed" text=text></Empty> }.into_any()
    } else {
        let all = changes.flags.len() + changes.more;
        let is = if all == 1 { "is" } else { "are" };
        let lead =
            format!("{} of {} {is} decided differently {between}.", all, counted(changes.compared, "flag"));
        let more = (changes.more > 0).then(|| {
            view! { <p class="note">{format!("Told one by one are the first {} by name.", changes.flags.len())}</p> }
        });
        let names: HashMap<_, _> =
            changes.flags.iter().map(|it| (it.flag.key.clone(), it.flag.name.clone())).collect();
        let flags = changes.flags.iter().map(|flag| of_flag(shown, flag, &names)).collect_view();
        view! {
            {more}
            <section class="person-flags" aria-labelledby="changed-title">
                <h2 id="changed-title">{lead}</h2>
                {flags}
            </section>
        }
        .into_any()
    };
    view! { {unknown(changes)} {body} }
}

/// What nobody can know of the time that is looked at.
fn unknown(changes: &PersonChanges) -> Option<impl IntoView + use<>> {
    let mut told = Vec::new();
    if let Some(begun_ms) = changes.begun_ms.filter(|begun| changes.from_ms < *begun) {
        told.push(format!("The audit log begins on {}: there was nothing before.", time::minute(begun_ms)));
    }
    match changes.stored_since_ms {
        Some(since_ms) if changes.from_ms < since_ms => told.push(format!(
            "What was stored with them before {} is not known: until then flags are decided without attributes.",
            time::minute(since_ms)
        )),
        Some(_) => {}
        None => told.push(
            "Nothing is stored with them: flags are decided without attributes. What an application sends with a call is not \
             known here."
                .to_owned(),
        ),
    }
    (!told.is_empty()).then(|| view! { <Callout tone=Tone::Accent><p>{told.join(" ")}</p></Callout> })
}

fn variant(key: Option<&VariantKey>, off: &VariantKey) -> impl IntoView + use<> {
    let on = key.is_some_and(|key| key != off);
    let text = key.map_or_else(|| "no answer".to_owned(), ToString::to_string);
    view! { <strong class="person-variant" data-on=on.then_some("")>{text}</strong> }
}

fn of_flag(
    shown: &Shown,
    changed: &FlagChanged,
    names: &HashMap<engine::FlagKey, String>,
) -> impl IntoView + use<> {
    let flag = &changed.flag;
    let id = format!("changed-{}", flag.key);
    let labelled = id.clone();
    let href = here().href(&address::flag(&flag.key));
    let off = &flag.off_variant;
    let [then, now] =
        [changed.given_then(), changed.given_now()].map(|it| variant(it.map(|it| &it.variant), off));
    let earlier = (changed.earlier > 0).then(|| {
        let times = if changed.earlier == 1 { "once".to_owned() } else { counted(changed.earlier, "time") };
        view! { <li class="note">{format!("It changed {times} more before that.")}</li> }
    });
    let turns = changed.turns.iter().map(|turn| turn_line(shown, turn, changed, names)).collect_view();
    view! {
        <article class="person-flag" aria-labelledby=labelled>
            <h3 id=id><a href=href>{flag.name.clone()}</a>" "<span class="person-turn">{then}" → "{now}</span></h3>
            <div class="person-saw">
                <h4>{format!("Then, {}", time::minute(changed_at(shown).0))}</h4>
                <p>{changed.then.sentence()}</p>
            </div>
            <div class="person-would">
                <h4>{if shown.between.until.at_ms.is_some() { "At the later moment" } else { "Now" }}</h4>
                <p>{changed.now.sentence()}</p>
            </div>
            <div class="person-why">
                <h4>"What did it"</h4>
                <ol class="person-turns">{earlier}{turns}</ol>
            </div>
        </article>
    }
}

fn changed_at(shown: &Shown) -> (i64, i64) {
    shown.changes.as_ref().map_or((0, 0), |it| (it.from_ms, it.until_ms))
}

fn turn_line(
    shown: &Shown,
    turn: &Turn,
    changed: &FlagChanged,
    names: &HashMap<engine::FlagKey, String>,
) -> impl IntoView + use<> {
    let here = here();
    let off = &changed.flag.off_variant;
    let what = match &turn.cause {
        Cause::Entry(entry) => {
            let sees = shown.auditor.as_ref().is_some_and(|reader| reader.sees(entry));
            let other = entry.flag().filter(|key| *key != changed.flag.key).map(|key| {
                let name = names.get(&key).cloned().unwrap_or_else(|| entry.object_name.clone());
                format!(" This flag needs {name}.")
            });
            let reason = (sees && !entry.reason.is_empty())
                .then(|| view! { " "<q class="log-reason">{entry.reason.clone()}</q> });
            if sees {
                let address = here.href(&format!("/audit/{}", entry.seq));
                let sentence = format!("{}.", entry.sentence.trim_end_matches('.'));
                view! {
                    {crate::audit::log::actor(entry)}" "<a href=address>{sentence}</a>{other}{reason}
                }
                .into_any()
            } else {
                "A change that you may not open in the audit log.".into_any()
            }
        }
        Cause::Enrolment { group, state: EnrolmentState::Expired } => {
            format!("Their enrolment in {group} ended by itself.").into_any()
        }
        Cause::Enrolment { group, state: EnrolmentState::Active | EnrolmentState::NotYet } => {
            format!("Their enrolment in {group} began by itself.").into_any()
        }
        Cause::Time => "Nobody: a condition compares a date with the clock, and time went by.".into_any(),
        Cause::Many => "One of the first changes in that time: there are too many to go through one by one. Choose a later moment to begin with.".into_any(),
        Cause::Unknown => "Nothing that was kept says what did it.".into_any(),
    };
    view! {
        <li>
            <p>{time::at(turn.at_ms, time::full(turn.at_ms))}": "{variant(turn.before.as_ref(), off)}" → "{variant(turn.after.as_ref(), off)}</p>
            <p>{what}</p>
        </li>
    }
}
