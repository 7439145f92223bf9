//! One entry with everything that was recorded, and reverting it as a new change.

use axum::extract::Path;
use leptos::prelude::*;
use store::{AuditEntry, AuditFilter};

use super::log;
use crate::{
    error::{AppError, Thing},
    flag::incident,
    form::state::FormState,
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        field::{Field, FormError},
        icon, time,
    },
};

pub async fn get(page: Page, Path(seq): Path<u64>) -> PageResult {
    show(&page, seq, FormState::default()).await
}

/// `draft` holds the comment of a refused revert.
pub async fn show(page: &Page, seq: u64, draft: FormState<String>) -> PageResult {
    let reader = page.principal.audit_reader()?;
    let filter =
        AuditFilter { before_seq: Some(seq + 1), limit: 1, documents: true, ..AuditFilter::default() };
    let entry = page.store().list_audit(&reader, &filter).await?.into_iter().next();
    let entry = entry.filter(|entry| entry.seq == seq).ok_or(AppError::NotFound(Thing::Change))?;
    let may_revert = page.principal.may_revert(&entry);
    let meta = PageMeta::new(format!("Change {seq}"), Section::Audit).status(draft.status());
    page.render(meta, move || {
        let here = here();
        let object = log::object_address(&entry.object).map(|path| {
            let path = match &entry.environment {
                Some(environment) => here.href_in(&path, environment),
                None => here.href(&path),
            };
            let history = format!("/audit?kind={}&key={}", entry.object.kind.as_str(), entry.object.key);
            view! {
                <a class="button" href=path>{format!("Open {}", entry.object_name)}</a>
                <a class="button" href=here.plain(&history)>"Its whole history"</a>
            }
        });
        let happened = entry.flag().filter(|_| entry.action.is_incident()).map(|flag| {
            let path = incident::path(&flag, entry.seq);
            let href = entry.environment.as_ref().map_or_else(|| here.href(&path), |it| here.href_in(&path, it));
            view! { <a class="button" href=href>"What happened"</a> }
        });
        let nothing = entry.changes.is_empty().then(|| {
            view! { <p class="muted">"The sentence above says all of it."</p> }
        });
        view! {
            <nav aria-label="Breadcrumb"><a class="back" href=here.href("/audit")>{icon::left()}"Audit"</a></nav>
            <header class="page-head">
                <div>
                    <h1>{format!("Change {}", entry.seq)}</h1>
                    <p class="lead">{log::actor(&entry)}" "{entry.sentence.clone()}</p>
                </div>
                <div class="cluster">{happened}{object}</div>
            </header>
            <div class="entry">
                <section class="card stack" aria-labelledby="changes-title">
                    <h2 id="changes-title">"What changed"</h2>
                    {nothing}
                    {log::changes(&entry)}
                    {documents(&entry)}
                </section>
                <div class="stack">
                    {facts(&entry)}
                    {may_revert.then(|| revert(entry.seq, draft))}
                </div>
            </div>
        }
    })
}

fn facts(entry: &AuditEntry) -> impl IntoView + use<> {
    let optional = |name: &'static str, text: String| {
        (!text.is_empty()).then(|| view! { <div><dt>{name}</dt><dd>{text}</dd></div> })
    };
    view! {
        <dl class="card entry-facts">
            <div><dt>"When"</dt><dd>{time::instant(entry.at_ms)}</dd></div>
            <div><dt>"Who"</dt><dd>{log::actor(entry)}<span class="note">{entry.actor_email.clone()}</span></dd></div>
            {optional("Why", entry.reason.clone())}
            {optional("Environment", entry.environment.as_ref().map(ToString::to_string).unwrap_or_default())}
            {optional("Version", entry.version.map(|it| it.to_string()).unwrap_or_default())}
            {optional("From", entry.address.clone())}
            {optional("Request", entry.request_id.clone())}
            <div><dt>"Hash"</dt><dd><code>{entry.hash.clone()}</code></dd></div>
            <div><dt>"Hash before"</dt><dd><code>{entry.previous_hash.clone()}</code></dd></div>
        </dl>
    }
}

fn documents(entry: &AuditEntry) -> impl IntoView + use<> {
    let pretty = |json: &serde_json::Value| serde_json::to_string_pretty(json).unwrap_or_default();
    let side = |name: &'static str, json: &Option<serde_json::Value>| {
        json.as_ref().map(|json| {
            view! {
                <details class="document">
                    <summary>{icon::right()}{name}</summary>
                    <pre tabindex="0"><code>{pretty(json)}</code></pre>
                </details>
            }
        })
    };
    view! { <div>{side("Before", &entry.before)}{side("After", &entry.after)}</div> }
}

fn revert(seq: u64, draft: FormState<String>) -> impl IntoView {
    let (error, comment) = (draft.general(), draft.input.clone().unwrap_or_default());
    let beside = draft.at("comment");
    view! {
        <form method="post" action=here().plain(&format!("/audit/{seq}/revert")) class="card stack" aria-labelledby="revert-title">
            <h2 id="revert-title">"Revert this change"</h2>
            <p class="note">
                "Brings back the state from before this change, as a new change. What came later is replaced too; the log keeps all of it."
            </p>
            <FormError error=error />
            <Field label="Why" name="comment" value=comment error=beside autocomplete="off" />
            <div class="cluster"><button class="button">{icon::undo()}"Revert"</button></div>
        </form>
    }
}
