//! The audit log: filtered by the URL, newest first, one page of it at a time. One entry has a page of its own, with
//! everything that was recorded and the way back.

use leptos::prelude::*;
use store::{
    Action, AuditEntry, AuditReader, AuditScope, AuditStanding, ObjectKind, Operation,
    limits::AUDIT_SEARCH_ENTRIES_MAX,
};

use super::log;
use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{days::days, empty::Empty, field::Choice, icon},
};

pub use super::query::AuditQuery;

const PAGE_ENTRIES: usize = 50;

/// What there is before the entries of the page.
#[derive(Debug, Clone, Copy)]
enum Older {
    Nothing,
    /// More that match, before this entry.
    Found(u64),
    /// Entries before this one, at which the search did not look.
    Unread(u64),
}

pub async fn get(page: Page) -> PageResult {
    let reader = page.principal.audit_reader()?;
    let query = AuditQuery::read(&page);
    let (filter, further) = query.filter(PAGE_ENTRIES + 1).in_reach(page.store().live().seq());
    let mut entries = page.store().list_audit(&reader, &filter).await?;
    let actors = page.store().list_actors(&reader).await?;
    let standing = page.store().audit_standing(&reader).await?;
    let older = if entries.len() > PAGE_ENTRIES {
        Older::Found(entries[PAGE_ENTRIES - 1].seq)
    } else {
        further.map_or(Older::Nothing, Older::Unread)
    };
    entries.truncate(PAGE_ENTRIES);
    let lead = lead(&reader);
    page.render(PageMeta::new("Audit", Section::Audit), move || {
        view(query, entries, actors, standing, older, lead)
    })
}

/// How much of the log this is, and who sees the rest.
fn lead(reader: &AuditReader) -> String {
    let seen = match reader.scope() {
        AuditScope::Whole => {
            return "Every change: who, when, from where and why. Nothing here can be edited.".to_owned();
        }
        AuditScope::Seen { people: true } => "flags, groups, people and feedback",
        AuditScope::Seen { people: false } => "flags and groups",
    };
    let all = reader.who_may(Operation::ReadAudit, None);
    format!("What was done about {seen}, and what you did yourself. {all} may read the whole log.")
}

fn view(
    query: AuditQuery,
    entries: Vec<AuditEntry>,
    actors: Vec<String>,
    standing: AuditStanding,
    older: Older,
    lead: String,
) -> impl IntoView {
    let here = here();
    let list = match (entries.is_empty(), older) {
        (true, Older::Unread(_)) => view! { <p class="muted">"No entry matches so far."</p> }.into_any(),
        (true, Older::Nothing | Older::Found(_)) => empty(query.is_filtered()).into_any(),
        (false, _) => log::log(entries).into_any(),
    };
    let unread = matches!(older, Older::Unread(_)).then(|| {
        let looked = engine::grouped(AUDIT_SEARCH_ENTRIES_MAX);
        view! { <p class="note">{format!("These are the matches among {looked} entries. There are earlier ones.")}</p> }
    });
    let newest = query.before.is_some().then(|| {
        view! { <a class="button" href=here.same_page_with(&[("before", "")])>{icon::left()}"Newest"</a> }
    });
    let next = match older {
        Older::Nothing => None,
        Older::Found(seq) => Some((seq, "Older")),
        Older::Unread(seq) => Some((seq, "Look further back")),
    };
    let older = next.map(|(seq, label)| {
        let address = here.same_page_with(&[("before", &seq.to_string())]);
        view! { <a class="button" href=address rel="next">{label}{icon::right()}</a> }
    });
    let unpaged = here.same_path_with(&[("before", ""), ("env", "")]);
    let export = |file: &str| here.plain(&unpaged.replacen("/audit", file, 1));
    let (csv, json_lines) = (export("/audit/export.csv"), export("/audit/export.jsonl"));
    view! {
        <PageHead title="Audit" lead=lead>
            <a class="button" href=csv>{icon::download()}"CSV"</a>
            <a class="button" href=json_lines>{icon::download()}"JSON Lines"</a>
        </PageHead>
        {filters(&query, actors)}
        <div id="audit" data-live="" class="stack">
            <div class="cluster">{log::chain_badge(&standing, here.now_ms)}</div>
            {list}
            {unread}
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
        ObjectKind::Roles,
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
    let clear = query
        .is_filtered()
        .then(|| view! { <a class="button" data-kind="quiet" href=here.plain("/audit")>"Clear"</a> });
    view! {
        <form class="toolbar" method="get" autocomplete="off" action=here.plain("/audit") role="search">
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
            {days(&query.days)}
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
                <a class="button" href=here().plain("/audit")>"Clear the filters"</a>
            </Empty>
        }
    } else {
        view! {
            <Empty title="Nothing has happened yet" text="Every change appears here the moment it is saved, with both sides, the reason and who made it." />
        }
    }
}
