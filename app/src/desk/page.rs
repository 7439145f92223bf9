//! The desk: all flags of an environment at a glance. Lean markup, because it may hold hundreds of channels.

use std::collections::HashMap;

use axum::Extension;
use engine::{FlagKey, Snapshot, grouped};
use islands::desk_keys::DeskKeys;
use leptos::prelude::*;
use store::{DeskCount, DeskRow, FlagHealth, Operation};

use super::{
    filter::{Facts, Filter, LIVES, SORTS, STATES},
    pulse::{Pulse, Pulses},
    row::May,
};
use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        icon,
    },
};

/// Rows of one page.
const ROWS_MAX: usize = 500;

/// What is worked out once for all who look at the desk.
#[derive(Clone, Default)]
pub struct Memory {
    pulses: Pulses,
}

pub async fn get(page: Page, Extension(memory): Extension<Memory>) -> PageResult {
    let environment = page.environment.key.clone();
    let rows = page.store().desk(&page.viewer(), &environment).await?;
    let live = page.store().live();
    let snapshot = live.snapshot(environment.as_str());
    let counted = match &snapshot {
        Some(snapshot) => page.store().census().desk(&page.viewer(), snapshot).await,
        None => DeskCount::default(),
    };
    let pulses = memory.pulses.of(&page).await?;
    let health = page.store().list_flag_health(&page.viewer(), &environment).await?;
    let filter = Filter::read(page.queries());
    let soon = page.principal.administrator().map_or(0, |by| page.store().tokens_that_expire_soon(&by));
    let may_edit = page.principal.may(Operation::EditFlags);
    let may = May { stop: page.principal.may(Operation::Stop), resume: may_edit };
    page.render(PageMeta::new("Desk", Section::Desk).measures(), move || {
        let desk = Desk {
            rows: &rows,
            counted: &counted,
            pulses: &pulses,
            health: &health,
            snapshot: snapshot.as_deref(),
            filter: &filter,
            may,
        };
        let here = here();
        let new = may_edit.then(|| {
            view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>{icon::plus()}"New flag"</a> }
        });
        let lead = format!("Every flag in {}, and who has it now.", here.environment.name);
        let body = if rows.is_empty() { teach(may_edit).into_any() } else { desk.view(&here).into_any() };
        view! {
            <PageHead title="Desk" lead=lead>{new}</PageHead>
            {(soon > 0).then(|| expiring_tokens(soon, &here))}
            {body}
        }
    })
}

/// Somebody has to do something about these before their applications are refused.
fn expiring_tokens(soon: usize, here: &Here) -> impl IntoView + use<> {
    let what = if soon == 1 {
        "1 API token expires soon".to_owned()
    } else {
        format!("{soon} API tokens expire soon")
    };
    let address = here.href("/settings/tokens");
    view! {
        <Callout tone=Tone::Warning>
            <p>{what}". "<a href=address>"Rotate under Tokens"</a></p>
        </Callout>
    }
}

fn teach(may_edit: bool) -> impl IntoView {
    let here = here();
    let text = "A flag holds a feature back until you let it out: first for a pilot group, then for 20, 50, 100 % \
                of everyone. Each flag is a channel on this desk, and Stop mutes it at once.";
    view! {
        <Empty title="No flags yet" text=text>
            {may_edit.then(|| view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>"Create the first flag"</a> })}
            <a class="button" href=here.href("/connect")>"Connect your app"</a>
            <a class="button" href=here.href("/groups")>"Define a pilot group"</a>
        </Empty>
    }
}

pub struct Desk<'a> {
    rows: &'a [DeskRow],
    pub(super) counted: &'a DeskCount,
    pub(super) pulses: &'a HashMap<FlagKey, Pulse>,
    pub(super) health: &'a HashMap<FlagKey, FlagHealth>,
    pub(super) snapshot: Option<&'a Snapshot>,
    filter: &'a Filter,
    pub(super) may: May,
}

impl Desk<'_> {
    fn view(&self, here: &Here) -> impl IntoView + use<> {
        let on = |row: &DeskRow| {
            let impact = self.counted.of(row.flag.key.as_str())?;
            Some(impact.sample.count(impact.after).value())
        };
        let mut shown: Vec<&DeskRow> =
            self.rows.iter().filter(|row| self.filter.keeps(&facts(row, on(row)))).collect();
        shown.sort_by(|a, b| self.filter.compare(&facts(a, on(a)), &facts(b, on(b))));
        let total = shown.len();
        let stopped = shown.iter().filter(|row| !row.rollout.enabled).count();
        let first = self.filter.page * ROWS_MAX;
        let rows: Vec<_> = shown.iter().skip(first).take(ROWS_MAX).map(|row| self.row(row, here)).collect();
        let count = match (total, stopped) {
            (1, 0) => "1 flag".to_owned(),
            (_, 0) => format!("{} flags", grouped(total)),
            (_, _) => format!("{} flags, {} stopped", grouped(total), grouped(stopped)),
        };
        let table = if total == 0 { nothing_found(here).into_any() } else { table(rows).into_any() };
        let next = (total > first + ROWS_MAX).then(|| {
            let href = here.same_page_with(&[("page", &(self.filter.page + 1).to_string())]);
            view! { <p><a class="button" href=href>"More flags"</a></p> }
        });
        view! {
            {toolbar(self.rows, self.filter, here)}
            <div id="desk" data-live="">
                <p class="desk-count" id="desk-count">{count}</p>
                {table}
                {next}
            </div>
            <DeskKeys />
        }
    }
}

fn facts(row: &DeskRow, on: Option<usize>) -> Facts<'_> {
    Facts { flag: &row.flag, rollout: &row.rollout, on: on.unwrap_or(0), changed_ms: row.last_change.at_ms }
}

fn table(rows: Vec<impl IntoView + 'static>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="desk">
                <thead>
                    <tr>
                        <th scope="col">"Flag"</th>
                        <th scope="col" colspan="2">"Who has it"</th>
                        <th scope="col" class="num">"Known people"</th>
                        <th scope="col" class="num">"Served a minute"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col">"Tags"</th>
                        <th scope="col">"Last change"</th>
                        <th scope="col"><span class="visually-hidden">"Stop or resume"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn nothing_found(here: &Here) -> impl IntoView + use<> {
    let href = here.href("/");
    view! {
        <Empty title="No flag is like that" text="Take a filter away, or look among the archived flags.">
            <a class="button" href=href>"Show all flags"</a>
        </Empty>
    }
}

fn toolbar(rows: &[DeskRow], filter: &Filter, here: &Here) -> impl IntoView + use<> {
    let select = |name: &'static str, label: &'static str, value: &str, options: Vec<(String, String)>| {
        let options: Vec<_> = options
            .into_iter()
            .map(|(key, text)| {
                let selected = key == value;
                view! { <option value=key selected=selected>{text}</option> }
            })
            .collect();
        view! {
            <label class="desk-filter">
                <span class="visually-hidden">{label}</span>
                <select name=name data-filter="">{options}</select>
            </label>
        }
    };
    let fixed = |choices: &[(&str, &str)]| -> Vec<(String, String)> {
        choices.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    };
    let own = |all: &str, values: Vec<String>| -> Vec<(String, String)> {
        let any = [(String::new(), all.to_owned())];
        any.into_iter().chain(values.into_iter().map(|value| (value.clone(), value))).collect()
    };
    let tags = super::filter::distinct(rows.iter().flat_map(|row| row.flag.tags.iter()));
    let owners = super::filter::distinct(rows.iter().map(|row| &row.flag.owner));
    let first = here.environments.first().is_some_and(|it| it.key == here.environment.key);
    let environment =
        (!first).then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    view! {
        <form class="toolbar desk-toolbar" id="desk-filters" method="get" action="/" role="search">
            {environment}
            <label class="desk-search">
                <span class="visually-hidden">"Search flags"</span>
                {icon::search()}
                <input
                    type="search"
                    name="q"
                    id="desk-q"
                    data-search=""
                    value=filter.text.clone()
                    placeholder="Search name, key, tag, owner"
                    aria-keyshortcuts="/"
                    autocomplete="off"
                    spellcheck="false"
                />
            </label>
            {select("state", "State", &filter.state, fixed(&STATES))}
            {(!tags.is_empty()).then(|| select("tag", "Tag", &filter.tag, own("Any tag", tags)))}
            {(!owners.is_empty()).then(|| select("owner", "Owner", &filter.owner, own("Any owner", owners)))}
            {select("life", "Lifecycle", &filter.life, fixed(&LIVES))}
            {select("sort", "Order", &filter.sort, fixed(&SORTS))}
            <button class="button without-script">"Show"</button>
        </form>
    }
}
