//! The History tab: every change of the flag and of its rollout here, as sentences, with what to take back.

use axum::extract::Path;
use engine::{Change, Rollout, audience_phrase, counted, group_name, rollout_phrase};
use leptos::prelude::*;
use store::{AuditEntry, ObjectKind, ObjectRef, Versioned};

use super::{FlagPage, Tab, frame, incident};
use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::Section,
    },
    ui::{empty::Empty, icon, mini_fader::mini_fader, time},
};

const PAGE: usize = 40;

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    let object = ObjectRef::new(ObjectKind::Flag, shown.key().as_str());
    let before = page.query("before").and_then(|seq| seq.parse().ok());
    let (viewer, environment) = (page.viewer(), &page.environment.key);
    let mut entries = page.store().history(&viewer, &object, Some(environment), before, PAGE + 1).await?;
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let version = page.query("version").and_then(|version| version.parse().ok());
    let version = match version {
        Some(version) => {
            page.store().find_rollout_version(&viewer, environment, shown.key(), version).await?
        }
        None => None,
    };
    let meta = PageMeta::new(format!("History of {}", shown.flag.name), Section::Desk);
    page.render(meta, move || {
        let preview = version.as_ref().map(|version| version_view(&shown, version));
        let body = view! {
            {preview}
            {list(&shown, &entries, more)}
        };
        frame(&shown, Tab::History, false, body)
    })
}

fn list(shown: &FlagPage, entries: &[AuditEntry], more: bool) -> impl IntoView + use<> {
    let here = here();
    if entries.is_empty() {
        let text = "Every change will stand here as a sentence, with who made it, when and why.";
        return view! { <Empty title="Nothing happened yet" text=text /> }.into_any();
    }
    let rows: Vec<_> = entries.iter().map(|it| row(shown, it, &here)).collect();
    let older = entries.last().filter(|_| more).map(|last| {
        let href = here.same_page_with(&[("before", &last.seq.to_string())]);
        view! { <p><a class="button" href=href>"Older changes"</a></p> }
    });
    view! {
        <ol class="history" id="history" data-live="" aria-label="Changes, the newest first">{rows}</ol>
        {older}
    }
    .into_any()
}

fn row(shown: &FlagPage, entry: &AuditEntry, here: &Here) -> impl IntoView + use<> {
    let reason = (!entry.reason.is_empty())
        .then(|| view! { <p class="history-reason">{format!("“{}”", entry.reason)}</p> });
    let version = entry.version.filter(|_| entry.environment.is_some()).map(|version| {
        let href = here.same_page_with(&[("version", &version.to_string())]);
        view! { <a class="button" data-size="small" data-kind="quiet" href=href>{format!("Version {version}")}</a> }
    });
    let happened = entry.action.is_incident().then(|| {
        let href = here.href(&incident::path(shown.key(), entry.seq));
        view! { <a class="button" data-size="small" data-kind="quiet" href=href>"What happened"</a> }
    });
    let may = here.principal.as_ref().is_some_and(|who| who.may_revert(entry));
    let revert = may.then(|| revert(shown, entry, here));
    view! {
        <li class="history-entry" id=format!("change-{}", entry.seq) data-key=entry.seq.to_string() data-action=entry.action.as_str()>
            <i class="history-dot" aria-hidden="true"></i>
            <div class="history-what">
                <p><b>{entry.actor.clone()}</b>" "{entry.sentence.clone()}</p>
                {reason}
                {changes(&entry.changes)}
            </div>
            <p class="history-when">{time::ago(here.now_ms, entry.at_ms)}</p>
            <div class="cluster history-do">{happened}{version}{revert}</div>
        </li>
    }
}

/// What the sentence leaves out. A single change is the sentence itself.
fn changes(changes: &[Change]) -> Option<impl IntoView + use<>> {
    let sides = |text: &Option<String>| text.as_deref().filter(|it| !it.is_empty()).unwrap_or("–").to_owned();
    let told = |it: &&Change| it.before.is_some() || it.after.is_some() || changes.len() > 1;
    let rows: Vec<_> = changes
        .iter()
        .filter(told)
        .map(|it| {
            let (before, after) = (sides(&it.before), sides(&it.after));
            let pair = (it.before.is_some() || it.after.is_some())
                .then(|| view! { <span class="diff"><del>{before}</del>" → "<ins>{after}</ins></span> });
            view! { <li>{it.phrase.clone()}{pair}</li> }
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let summary = counted(rows.len(), "change");
        view! { <details class="history-diff"><summary>{summary}</summary><ul>{rows}</ul></details> }
    })
}

fn revert(shown: &FlagPage, entry: &AuditEntry, here: &Here) -> impl IntoView + use<> {
    let action = here.href(&format!("{}/revert", Tab::Rollout.path(shown.key())));
    let id = format!("revert-{}", entry.seq);
    view! {
        <details class="confirm" data-confirm="">
            <summary class="button" data-size="small" aria-label=format!("Revert: {}", entry.sentence)>
                {icon::undo()}
                "Revert"
            </summary>
            <form method="post" action=action class="confirm-panel stack">
                <p>"Brings back the state from before this change, as a new change. What came later is replaced too."</p>
                <input type="hidden" name="seq" value=entry.seq.to_string() />
                <div class="field">
                    <label for=id.clone()>"Why?"</label>
                    <input id=id.clone() name="comment" autocomplete="off" />
                </div>
                <button class="button" data-kind="primary">"Revert this change"</button>
            </form>
        </details>
    }
}

/// One version of the rollout as it was.
fn version_view(shown: &FlagPage, version: &Versioned<Rollout>) -> impl IntoView + use<> {
    let here = here();
    let rollout = &version.value;
    let name = group_name(&shown.snapshot);
    let rules: Vec<_> = rollout
        .rules
        .iter()
        .map(|rule| {
            view! {
                <li>
                    {mini_fader(rule.percentage, !rollout.enabled)}
                    <span>{crate::form::error::as_sentence(&audience_phrase(&rule.audience, &name)).trim_end_matches('.').to_owned()}</span>
                    <b>{format!("{} %", rule.percentage)}</b>
                </li>
            }
        })
        .collect();
    let extras = [
        (rollout.pins.len(), "pinned subject"),
        (rollout.exclusions.subjects.len(), "excluded subject"),
        (rollout.exclusions.groups.len(), "excluded group"),
        (rollout.prerequisites.len(), "prerequisite"),
    ];
    let extras: Vec<_> = extras.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| counted(*n, noun)).collect();
    let current = version.version == shown.rollout.version;
    view! {
        <section class="card version" aria-label=format!("Version {}", version.version)>
            <div class="card-head">
                <h2>
                    {format!("Version {}", version.version)}
                    {current.then_some(", which counts now")}
                </h2>
                <a class="button" data-size="small" data-kind="quiet" href=here.same_page_with(&[("version", "")])>
                    {icon::close()}
                    "Close"
                </a>
            </div>
            <p class="note">"Saved by "{version.changed_by.clone()}", "{time::ago(here.now_ms, version.changed_ms)}</p>
            <p><b>{rollout_phrase(rollout, &name)}</b></p>
            <ul class="version-rules">{rules}</ul>
            <p class="note">{extras.join(", ")}</p>
        </section>
    }
}
