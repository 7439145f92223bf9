//! The audit log: filtered by the URL, newest first, one page of it at a time. One entry has a page of its own, with
//! everything that was recorded and the way back.

use leptos::prelude::*;
use store::{Action, AuditEntry, AuditStanding, ObjectKind};

use super::log;
use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        empty::Empty,
        field::{Choice, Field},
        icon,
    },
};

pub use super::query::AuditQuery;

const PAGE_ENTRIES: usize = 50;

pub async fn get(page: Page) -> PageResult {
    let reader = page.principal.audit_reader()?;
    let query = AuditQuery::read(&page);
    let mut entries = page.store().list_audit(&reader, &query.filter(PAGE_ENTRIES + 1)).await?;
    let actors = page.store().list_actors(&reader).await?;
    let standing = page.store().audit_standing(&reader).await?;
    let older = (entries.len() > PAGE_ENTRIES).then(|| entries[PAGE_ENTRIES - 1].seq);
    entries.truncate(PAGE_ENTRIES);
    let own_only = reader.only_own().is_some();
    page.render(PageMeta::new("Audit", Section::Audit), move || {
        view(query, entries, actors, standing, older, own_only)
    })
}

fn view(
    query: AuditQuery,
    entries: Vec<AuditEntry>,
    actors: Vec<String>,
    standing: AuditStanding,
    older: Option<u64>,
    own_only: bool,
) -> impl IntoView {
    let here = here();
    let lead = if own_only {
        "What you changed yourself. Admins and product managers see everything."
    } else {
        "Every change: who, when, from where and why. Nothing here can be edited."
    };
    let list =
        if entries.is_empty() { empty(query.is_filtered()).into_any() } else { log::log(entries).into_any() };
    let newest = query.before.is_some().then(|| {
        view! { <a class="button" href=here.same_page_with(&[("before", "")])>{icon::left()}"Newest"</a> }
    });
    let older = older.map(|seq| {
        let address = here.same_page_with(&[("before", &seq.to_string())]);
        view! { <a class="button" href=address rel="next">"Older"{icon::right()}</a> }
    });
    let unpaged = here.same_page_with(&[("before", ""), ("env", "")]);
    let csv = unpaged.replacen("/audit", "/audit/export.csv", 1);
    let json_lines = unpaged.replacen("/audit", "/audit/export.jsonl", 1);
    view! {
        <PageHead title="Audit" lead=lead>
            <a class="button" href=csv>{icon::download()}"CSV"</a>
            <a class="button" href=json_lines>{icon::download()}"JSON Lines"</a>
        </PageHead>
        {filters(&query, actors)}
        <div id="audit" data-live="" class="stack">
            <div class="cluster">{log::chain_badge(&standing, here.now_ms)}</div>
            {list}
        </div>
        <nav class="cluster" aria-label="Pages of the log">{newest}{older}</nav>
    }
}

fn filters(query: &AuditQuery, actors: Vec<String>) -> impl IntoView + use<> {
    let here = here();
    let any = |text: &str| (String::new(), text.to_owned());
    let kinds = [
        ObjectKind::Flag,
        ObjectKind::Group,
        ObjectKind::Feedback,
        ObjectKind::Member,
        ObjectKind::Token,
        ObjectKind::Attribute,
    ];
    let kinds =
        kinds.into_iter().map(|kind| (kind.as_str().to_owned(), super::query::kind_name(kind).to_owned()));
    let actions =
        Action::ALL.iter().map(|action| (action.as_str().to_owned(), super::query::action_name(*action)));
    let environments = here.environments.iter().map(|it| (it.key.to_string(), it.name.clone()));
    let actors = actors.into_iter().map(|actor| (actor.clone(), actor));
    let options = |first: &str, rest: &mut dyn Iterator<Item = (String, String)>| {
        std::iter::once(any(first)).chain(rest).collect::<Vec<_>>()
    };
    let key = query.key.clone().map(|key| {
        view! { <input type="hidden" name="key" value=key.clone() /> }
    });
    let clear =
        query.is_filtered().then(|| view! { <a class="button" data-kind="quiet" href="/audit">"Clear"</a> });
    view! {
        <form class="toolbar" method="get" autocomplete="off" action="/audit" role="search">
            <div class="field" data-wide="">
                <label for="audit-q">"Contains"</label>
                <input
                    id="audit-q"
                    type="search"
                    name="q"
                    value=query.text.clone().unwrap_or_default()
                    placeholder="VIP, incident 42…"
                    data-search=""
                />
            </div>
            <Choice label="About" name="kind" value=text(query.kind.map(ObjectKind::as_str)) options=options("Everything", &mut kinds.into_iter()) />
            <Choice label="Who" name="actor" value=query.actor.clone().unwrap_or_default() options=options("Anybody", &mut actors.into_iter()) />
            <Choice label="Action" name="action" value=text(query.action.map(Action::as_str)) options=options("Any", &mut actions.into_iter()) />
            <Choice label="Environment" name="in" value=query.environment.as_ref().map(ToString::to_string).unwrap_or_default() options=options("Any", &mut environments.into_iter()) />
            <Field label="From" name="from" kind="date" value=query.from.clone().unwrap_or_default() />
            <Field label="Until" name="until" kind="date" value=query.until.clone().unwrap_or_default() />
            {key}
            <div class="cluster"><button class="button">{icon::filter()}"Filter"</button>{clear}</div>
        </form>
    }
}

fn text(word: Option<&'static str>) -> String {
    word.unwrap_or_default().to_owned()
}

fn empty(filtered: bool) -> impl IntoView {
    if filtered {
        view! {
            <Empty title="No entry matches" text="Widen the time, or drop a filter.">
                <a class="button" href="/audit">"Clear the filters"</a>
            </Empty>
        }
    } else {
        view! {
            <Empty title="Nothing has happened yet" text="Every change appears here the moment it is saved, with both sides, the reason and who made it." />
        }
    }
}
