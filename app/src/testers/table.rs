//! The list of testers: one form, so that several can be extended or removed at once without a script.

use engine::{GroupKey, SubjectKey, grouped};
use leptos::prelude::*;

use super::{
    enrol::moment,
    form::Moment,
    page::{Show, Tester},
    words::{state, where_excluded, window},
};
use crate::{
    form::state::FormState,
    group::head::Tab,
    page::{address, here::here},
    tester::page,
    ui::{
        badge::{Badge, Tone},
        field::Choice,
        icon,
        table::{Column, Table},
        time,
    },
};

const ROWS_MAX: usize = 500;

pub fn view(
    key: &GroupKey,
    testers: Vec<Tester>,
    (show, query): (Show, &str),
    may_enrol: bool,
    bulk: &FormState<(Moment, Vec<SubjectKey>)>,
    now_ms: i64,
) -> impl IntoView + use<> {
    let here = here();
    let action = here.href(&Tab::Testers.address(key));
    let words = query.to_lowercase();
    let matching: Vec<_> = testers.into_iter().filter(|it| it.is_shown(show, &words, now_ms)).collect();
    let total = matching.len();
    let ticked = bulk.input.as_ref().map(|(_, ticked)| ticked.clone()).unwrap_or_default();
    let until = bulk.input.as_ref().map(|(until, _)| until.clone()).unwrap_or_default();
    let rows = matching
        .iter()
        .take(ROWS_MAX)
        .map(|it| row(it, may_enrol, ticked.contains(&it.enrolment.subject), now_ms));
    let rows = rows.collect_view();
    let more = (total > ROWS_MAX).then(|| {
        view! { <p class="note">{format!("The first {ROWS_MAX} of {}. Search to see the others.", grouped(total))}</p> }
    });
    let none = (total == 0).then(|| view! { <p class="muted">"No tester matches."</p> });
    let tools = (may_enrol && total > 0).then(|| tools(until, bulk.at("extend")));
    let columns = may_enrol
        .then_some(Column::Hidden("Chosen"))
        .into_iter()
        .chain([
            Column::Text("Tester"),
            Column::Text("Time"),
            Column::Text("State"),
            Column::Text("First saw"),
            Column::Text("Last saw"),
            Column::Number("Feedback"),
            Column::Text("Also in"),
            Column::Hidden("Actions"),
        ])
        .collect();
    view! {
        {search(key, show, query)}
        <form method="post" action=format!("{action}#tester-list") class="stack" id="tester-list" aria-label="Testers">
            {tools}
            <Table columns class="tester-table">{rows}</Table>
        </form>
        {none}
        {more}
    }
}

fn search(key: &GroupKey, show: Show, query: &str) -> impl IntoView + use<> {
    let options = Show::ALL.map(|(it, label)| (it.word().to_owned(), label.to_owned())).to_vec();
    let here = here();
    let environment = here
        .environments
        .first()
        .is_some_and(|first| first.key != here.environment.key)
        .then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    view! {
        <form method="get" autocomplete="off" class="toolbar" role="search" action=here.plain(&address::group(key))>
            <input type="hidden" name="tab" value="testers" />
            {environment}
            <div class="field" data-wide="">
                <label for="tester-query" class="visually-hidden">"Search testers"</label>
                <input id="tester-query" name="q" type="search" value=query.to_owned() placeholder="Search testers" />
            </div>
            <Choice label="Show" name="show" value=show.word() options=options />
            <button class="button">{icon::search()}"Show"</button>
        </form>
    }
}

/// Above the rows, so that Enter in a field presses what is harmless first.
fn tools(until: Moment, error: Option<String>) -> impl IntoView {
    view! {
        <div class="tester-tools">
            {moment("New end", "extend", until, error)}
            <button name="intent" value="extend" class="button">"Extend the ticked"</button>
            <button name="intent" value="remove" class="button" data-kind="danger-quiet">"Remove the ticked"</button>
            <p class="note">"Without a day there is no end any more."</p>
        </div>
    }
}

fn row(tester: &Tester, may_enrol: bool, ticked: bool, now_ms: i64) -> impl IntoView + use<> {
    let here = here();
    let enrolment = &tester.enrolment;
    let subject = enrolment.subject.to_string();
    let page = here.href(&page::address(&enrolment.subject));
    let tick = may_enrol.then(|| {
        let label = format!("Choose {subject}");
        view! {
            <td class="tick">
                <input type="checkbox" name="subject" value=subject.clone() checked=ticked aria-label=label />
            </td>
        }
    });
    let stranger =
        (!tester.known).then(|| view! { <small class="muted">"not among the known people"</small> });
    let purpose =
        (!enrolment.purpose.is_empty()).then(|| view! { <small>{enrolment.purpose.clone()}</small> });
    let by = enrolment.at_ms.filter(|_| !enrolment.by.is_empty()).map(|at| {
        view! { <small class="muted">{time::ago(now_ms, at)}" by "{enrolment.by.clone()}</small> }
    });
    let saw = |at: Option<i64>| match at {
        Some(at) => time::ago(now_ms, at).into_any(),
        None => view! { <span class="muted">"not yet"</span> }.into_any(),
    };
    let feedback = if tester.feedback == 0 { "–".to_owned() } else { tester.feedback.to_string() };
    let excluded = (!tester.excluded_from.is_empty()).then(|| {
        view! {
            <div class="excluded">
                <Badge tone=Tone::Danger text="excluded: beats the enrolment" />
                <small>{where_excluded(&tester.excluded_from)}</small>
            </div>
        }
    });
    let actions = may_enrol.then(|| actions(&subject, &page));
    view! {
        <tr data-key=subject.clone()>
            {tick}
            <td>
                <div class="who">
                    <a class="mono" href=page.clone()>{subject.clone()}</a>
                    {purpose}
                    {stranger}
                </div>
            </td>
            <td data-label="Time"><div class="who"><span>{window(enrolment)}</span>{by}</div></td>
            <td data-label="State"><div class="who">{state(enrolment, now_ms)}{excluded}</div></td>
            <td data-label="First saw">{saw(tester.saw.map(|it| it.0))}</td>
            <td data-label="Last saw">{saw(tester.saw.map(|it| it.1))}</td>
            <td data-label="Feedback" class="num">{feedback}</td>
            <td data-label="Also in">{if tester.also_in.is_empty() { "–".to_owned() } else { tester.also_in.join(", ") }}</td>
            <td class="actions">{actions}</td>
        </tr>
    }
}

/// A row's own buttons. They say whom they mean in a field of their own: who is ticked does not matter.
fn actions(subject: &str, page: &str) -> impl IntoView + use<> {
    let remove = format!("Remove {subject}");
    let exclude = format!("Exclude from… ({subject})");
    view! {
        <a class="button" data-kind="quiet" data-size="small" href=format!("{page}#exclude") aria-label=exclude>"Exclude from…"</a>
        <button name="remove" value=subject.to_owned() class="button" data-kind="quiet" data-size="small" aria-label=remove>
            "Remove"
        </button>
    }
}
