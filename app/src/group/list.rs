//! The list of pilot groups: who is in each, and which flags go to them.

use std::sync::Arc;

use engine::{Count, condition_phrase, counted, grouped};
use leptos::prelude::*;
use store::{GroupRow, GroupUse, Operation, Patience};

use crate::{
    page::{
        Page, PageMeta, PageResult, address,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        empty::Empty,
        icon,
        table::{Column, Table},
        time,
    },
};

/// Lines on one page; the search narrows them.
const ROWS_MAX: usize = 200;
const USES_MAX: usize = 3;

/// A line of the list.
struct GroupLine {
    row: GroupRow,
    condition: Option<String>,
    /// Members among the known people; `None` while they are counted.
    members: Option<Count>,
    testers: usize,
}

pub async fn get(page: Page) -> PageResult {
    let query = page.query("q").unwrap_or_default();
    let rows = page.store().list_groups(&page.viewer()).await?;
    let total = rows.len();
    let mut rows: Vec<_> = rows.into_iter().filter(|row| matches(row, &query)).collect();
    let found = rows.len();
    rows.truncate(ROWS_MAX);
    let lines = lines(&page, rows).await;
    let may_edit = page.may(Operation::EditFlags);
    let known = page.store().live().people().len();
    let meta = PageMeta::new("Groups", Section::Groups);
    // Exact numbers come by themselves.
    let exact = lines.iter().all(|line| line.members.is_some_and(Count::is_exact));
    page.render(if exact { meta } else { meta.measures() }, move || {
        let new = may_edit.then(|| {
            view! { <a class="button" data-kind="primary" href=here().href("/groups/new")>{icon::plus()}"New group"</a> }
        });
        view! {
            <PageHead
                title="Pilot groups"
                lead="Named audiences: whoever meets a condition, and testers who are enrolled one by one."
            >
                {new}
            </PageHead>
            {match (total, found) {
                (0, _) => nothing_yet(may_edit).into_any(),
                (_, 0) => view! { {search(&query, total)} {nothing_found(&query)} }.into_any(),
                _ => view! { {search(&query, total)} {table(lines, known)} {narrow(found)} }.into_any(),
            }}
        }
    })
}

/// Every word of the search stands in the name, the key or the condition.
fn matches(row: &GroupRow, query: &str) -> bool {
    let group = &row.group;
    let condition = group.condition.as_ref().map(condition_phrase).unwrap_or_default();
    let text = format!("{} {} {condition}", group.name, group.key).to_lowercase();
    query.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

async fn lines(page: &Page, rows: Vec<GroupRow>) -> Vec<GroupLine> {
    let now_ms = page.now_ms();
    let groups: Vec<_> = rows.iter().map(|row| Arc::clone(&row.group)).collect();
    let counts = match page.store().live().snapshot(page.environment.key.as_str()) {
        Some(snapshot) => {
            page.store().census().groups(&page.viewer(), &snapshot, &groups, Patience::PAGE).await
        }
        None => None,
    };
    let count = |at: usize| counts.as_ref()?.get(at).map(|it| it.sample.count(it.members));
    rows.into_iter()
        .enumerate()
        .map(|(at, row)| GroupLine {
            condition: row.group.condition.as_ref().map(condition_phrase),
            members: count(at),
            testers: row.group.enrolments.iter().filter(|it| it.is_active(now_ms)).count(),
            row,
        })
        .collect()
}

fn search(query: &str, total: usize) -> impl IntoView + use<> {
    let environment = here().environment.key.to_string();
    let is_default = here().is_default();
    let environment = (!is_default).then(|| view! { <input type="hidden" name="env" value=environment /> });
    view! {
        <form method="get" autocomplete="off" action=here().plain("/groups") class="toolbar group-search" role="search">
            {environment}
            <div class="field" data-wide="">
                <label for="group-query" class="visually-hidden">"Search groups"</label>
                <input
                    id="group-query"
                    name="q"
                    type="search"
                    value=query.to_owned()
                    placeholder=format!("Search {} by name, key or condition", counted(total, "group"))
                />
            </div>
            <button class="button">{icon::search()}"Search"</button>
        </form>
    }
}

fn table(lines: Vec<GroupLine>, known: usize) -> impl IntoView {
    let here = here();
    let rows = lines.into_iter().map(|line| row_view(&here, line, known)).collect_view();
    let columns = vec![
        Column::Text("Group"),
        Column::Text("Who is in it"),
        Column::Number("People"),
        Column::Number("Testers"),
        Column::Text("Used by"),
        Column::Text("Last change"),
    ];
    view! {
        <Table columns id="groups" live=true class="group-table">{rows}</Table>
    }
}

fn row_view(here: &Here, line: GroupLine, known: usize) -> impl IntoView + use<> {
    let GroupLine { row, condition, members, testers } = line;
    let who = match (condition, row.group.enrolments.is_empty()) {
        (Some(condition), _) => view! { <span class="group-who">{condition}</span> }.into_any(),
        (None, false) => view! { <span class="muted">"Enrolled testers only"</span> }.into_any(),
        (None, true) => view! { <span class="muted">"Nobody: no condition and no testers"</span> }.into_any(),
    };
    let share = members.filter(|_| known > 0).map(|members| meter(members.value(), known));
    let members = members.map_or_else(|| "–".to_owned(), Count::number);
    view! {
        <tr>
            <td>
                <a class="group-name" href=here.href(&address::group(&row.group.key))>{row.group.name.clone()}</a>
                <small class="mono faint">{row.group.key.to_string()}</small>
            </td>
            <td data-label="Who is in it">{who}</td>
            <td class="num" data-label="People"><span class="group-count">{members}{share}</span></td>
            <td class="num" data-label="Testers">
                {if testers == 0 { "–".to_owned() } else { grouped(testers) }}
            </td>
            <td data-label="Used by">{uses(here, &row.used_by)}</td>
            <td data-label="Last change" class="nowrap">
                <span>{time::ago(here.now_ms, row.changed_ms)}</span>
                <small class="muted">{row.changed_by.clone()}</small>
            </td>
        </tr>
    }
}

/// A bar for a share of the known people; the number beside it says it.
pub fn meter(part: usize, whole: usize) -> impl IntoView {
    let width = if whole == 0 { 0 } else { (part * 100).div_ceil(whole) };
    view! {
        <svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="meter-track" width="100" height="4" rx="2" />
            <rect class="meter-part" width=width.to_string() height="4" rx="2" />
        </svg>
    }
}

fn uses(here: &Here, used_by: &[GroupUse]) -> AnyView {
    if used_by.is_empty() {
        return view! { <span class="muted">"no flag"</span> }.into_any();
    }
    let mut flags: Vec<(&engine::FlagKey, &str)> = Vec::new();
    for used in used_by {
        if !flags.iter().any(|(key, _)| **key == used.flag) {
            flags.push((&used.flag, &used.flag_name));
        }
    }
    let more = flags.len().saturating_sub(USES_MAX);
    let more = (more > 0).then(|| view! { <span class="muted">{format!("+{more}")}</span> });
    let links = flags
        .into_iter()
        .take(USES_MAX)
        .map(|(key, name)| view! { <a href=here.href(&address::flag(key))>{name.to_owned()}</a> })
        .collect_view();
    view! { <span class="group-uses">{links}{more}</span> }.into_any()
}

fn nothing_yet(may_edit: bool) -> impl IntoView {
    let first = may_edit.then(|| {
        view! { <a class="button" data-kind="primary" href=here().href("/groups/new")>{icon::plus()}"Define the first group"</a> }
    });
    view! {
        <Empty
            title="No pilot groups yet"
            text="A pilot group is who gets a feature first: “VIP agencies” by a condition such as tier is vip, or five \
                  testers by name. Define it once, and use it in the rollout of any flag."
        >
            {first}
        </Empty>
    }
}

fn nothing_found(query: &str) -> impl IntoView + use<> {
    view! {
        <Empty title="No group matches" text=format!("Nothing has “{query}” in its name, key or condition.")>
            <a class="button" href=here().href("/groups")>"Show all groups"</a>
        </Empty>
    }
}

fn narrow(found: usize) -> Option<impl IntoView> {
    (found > ROWS_MAX).then(|| {
        let text = format!("The first {ROWS_MAX} of {}. Search to see the others.", counted(found, "group"));
        view! { <p class="note">{text}</p> }
    })
}

/// `1 tester is`, `1,560 testers are`: where the verb goes with the count.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_speak_english() {
        assert_eq!(count(1, "tester is", "testers are"), "1 tester is");
        assert_eq!(count(1560, "tester is", "testers are"), "1,560 testers are");
    }
}
