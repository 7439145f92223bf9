//! The dry run of a list: what would happen to each line, and the button that makes it so.

use engine::{Group, grouped};
use http::StatusCode;
use leptos::prelude::*;
use store::{CheckedLine, EnrolmentChoice, EnrolmentList, EnrolmentReport, TesterStanding};

use super::{enrol::hidden, form::TesterForm, words::where_excluded};
use crate::{
    error::AppError,
    form::file::SentFile,
    group::{
        head::{Found, Tab, head},
        list::count,
    },
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    tester::page,
    ui::{
        badge::{Callout, Tone},
        table::{Column, Table},
    },
};

/// Lines listed in one part of the report; the counts count them all.
const LISTED_MAX: usize = 500;
/// Of those who are not known, so many are named beside the tick that enrols them; the list below has all.
const NAMED_MAX: usize = 5;
/// Columns of a table that are told by name.
const COLUMNS_TOLD_MAX: usize = 10;

/// Why the report is shown once more instead of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is another one than was confirmed.
    Changed,
    /// Everybody in it would have had to be asked for.
    Nobody,
}

impl Again {
    fn sentence(self) -> &'static str {
        match self {
            Self::Changed => {
                "Something changed since the list was checked, so nobody was enrolled. This is how it is now."
            }
            Self::Nobody => "Nobody was enrolled: tick below whom to enrol all the same, or change the list.",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Changed => StatusCode::CONFLICT,
            Self::Nobody => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// The report as a page of its own; `reading` tells how the list was read.
pub fn show(
    page: &Page,
    found: &Found,
    form: TesterForm,
    report: EnrolmentReport,
    reading: Vec<String>,
    again: Option<Again>,
) -> PageResult {
    page.principal.enroller().map_err(AppError::from)?;
    let title = format!("Enrol into {}?", found.saved.value.name);
    let mut meta = PageMeta::new(title, Section::Groups);
    meta.live = false;
    if let Some(again) = again {
        meta = meta.status(again.status());
    }
    page.render(meta, move || {
        let again = again.map(|why| {
            view! { <Callout tone=Tone::Warning role="alert"><p>{why.sentence()}</p></Callout> }
        });
        let reading = reading.into_iter().map(|it| view! { <p class="note">{it}</p> }).collect_view();
        view! {
            {head(found, Tab::Testers)}
            {again}
            <section class="card stack" aria-labelledby="report-title">
                <h2 id="report-title">"Nothing is enrolled yet"</h2>
                {reading}
                {counts(&report)}
                {confirm(&found.saved.value, &form, &report)}
            </section>
            <div class="stack">{parts(&report)}</div>
        }
    })
}

/// The counts as a row of numbers: the same seven words as in the API.
fn counts(report: &EnrolmentReport) -> impl IntoView + use<> {
    let standing = |wanted: fn(TesterStanding) -> bool| report.standing(wanted).count();
    let comes = |wanted: fn(&CheckedLine) -> bool| coming(report).filter(|it| wanted(it)).count();
    let numbers = [
        ("new", standing(|it| it == TesterStanding::New)),
        ("renewed", standing(|it| it == TesterStanding::Renewed)),
        ("already in", standing(|it| it == TesterStanding::AlreadyIn)),
        ("duplicate", standing(|it| matches!(it, TesterStanding::Duplicate { .. }))),
        ("excluded", comes(|it| !it.excluded_from.is_empty())),
        ("unknown", comes(|it| !it.known)),
        ("malformed", report.malformed.len()),
    ];
    let numbers = numbers.map(|(word, number)| {
        view! { <div data-none=(number == 0).then_some("")><dt>{word}</dt><dd>{grouped(number)}</dd></div> }
    });
    view! { <dl class="report-counts">{numbers.into_iter().collect_view()}</dl> }
}

/// Who would be enrolled if everybody were.
fn coming(report: &EnrolmentReport) -> impl Iterator<Item = &CheckedLine> {
    report.enrolled(EnrolmentChoice { with_excluded: true, with_unknown: true })
}

fn confirm(group: &Group, form: &TesterForm, report: &EnrolmentReport) -> impl IntoView + use<> {
    let action = here().href(&Tab::Testers.address(&group.key));
    let all = coming(report).count();
    let excluded = coming(report).filter(|it| !it.excluded_from.is_empty()).count();
    let unknown: Vec<_> = coming(report).filter(|it| !it.known).collect();
    let enrol = (all > 0).then(|| {
        view! {
            <button name="intent" value="enrol" class="button" data-kind="primary">
                {labels(report, excluded > 0, !unknown.is_empty())}
            </button>
        }
    });
    let excluded = (excluded > 0).then(|| {
        let text = format!("Also enrol {} excluded: the exclusion still beats the enrolment", who(excluded));
        tick("with_excluded", &text, form.choice.with_excluded)
    });
    let unknown = (!unknown.is_empty()).then(|| {
        let text =
            format!("Also enrol {} not among the known people: {}", who(unknown.len()), names(&unknown));
        tick("with_unknown", &text, form.choice.with_unknown)
    });
    let nobody = (all == 0).then(|| view! { <p>"There is nobody to enrol in this list."</p> });
    view! {
        <form method="post" action=action class="stack enrol-form">
            {hidden(form)}
            <input type="hidden" name="seen" value=report.fingerprint() />
            {nobody}
            {excluded}
            {unknown}
            <div class="cluster">
                {enrol}
                <button name="intent" value="edit" class="button">"Change the list"</button>
            </div>
        </form>
    }
}

/// What the button does, for each way to set the ticks: the style sheet shows the one that is true, without a script.
fn labels(report: &EnrolmentReport, excluded: bool, unknown: bool) -> Vec<AnyView> {
    let ways = [(false, false), (true, false), (false, true), (true, true)];
    let ways = ways
        .into_iter()
        .filter(|(with_excluded, with_unknown)| (excluded || !with_excluded) && (unknown || !with_unknown));
    let label = |(with_excluded, with_unknown): (bool, bool)| {
        let choice = EnrolmentChoice { with_excluded, with_unknown };
        let way = match (with_excluded, with_unknown) {
            (false, false) => "none",
            (true, false) => "excluded",
            (false, true) => "unknown",
            (true, true) => "both",
        };
        let text = format!("Enrol {}", count(report.enrolled(choice).count(), "tester", "testers"));
        view! { <span data-with=way>{text}</span> }.into_any()
    };
    ways.map(label).collect()
}

/// The first few, and how many more there are.
fn names(lines: &[&CheckedLine]) -> String {
    let first: Vec<_> = lines.iter().take(NAMED_MAX).map(|it| it.line.subject.as_str()).collect();
    match lines.len().saturating_sub(NAMED_MAX) {
        0 => first.join(", "),
        more => format!("{} and {} more", first.join(", "), grouped(more)),
    }
}

fn who(number: usize) -> String {
    count(number, "who is", "who are")
}

fn tick(name: &'static str, text: &str, checked: bool) -> impl IntoView + use<> {
    view! { <label class="check"><input type="checkbox" name=name checked=checked />{text.to_owned()}</label> }
}

/// How the list was read, where that is not plain to see.
pub fn reading(list: &EnrolmentList, file: Option<&SentFile>) -> Vec<String> {
    let mut told = Vec::new();
    told.extend(file.and_then(SentFile::told));
    match &list.columns {
        Some(columns) => {
            let of = |before: &str, named: &[String], after: &str| {
                if named.is_empty() { String::new() } else { format!("{before}{}{after}", quoted(named)) }
            };
            let others = of(", and ", &columns.others, "");
            let left_out = of(" Not used: ", &columns.left_out, ".");
            told.push(format!("Testers are read from {}{others}.{left_out}", quoted(&columns.testers)));
        }
        None if list.lines.windows(2).any(|two| two[0].number == two[1].number) => {
            told.push("The first line names no columns, so every cell is a tester.".to_owned());
        }
        None => {}
    }
    told
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(COLUMNS_TOLD_MAX).map(|name| format!("“{name}”")).collect();
    match names.len().saturating_sub(COLUMNS_TOLD_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), grouped(more)),
    }
}

/// Each kind of line on its own: first what has to be looked at.
fn parts(report: &EnrolmentReport) -> impl IntoView + use<> {
    let malformed = report.malformed.iter().take(LISTED_MAX).map(|it| {
        view! {
            <tr>
                <td class="num" data-label="Line">{it.number}</td>
                <td data-label="Text"><code>{it.text.clone()}</code></td>
                <td data-label="Why">{crate::form::error::as_sentence(&it.why)}</td>
            </tr>
        }
        .into_any()
    });
    let malformed = part("Malformed", "Why", malformed.collect(), report.malformed.len(), true);
    let excluded: Vec<_> = coming(report).filter(|it| !it.excluded_from.is_empty()).collect();
    let excluded =
        lines("Excluded", "From", &excluded, true, |it| where_excluded(&it.excluded_from).into_any());
    let unknown: Vec<_> = coming(report).filter(|it| !it.known).collect();
    let unknown = lines("Unknown", "Purpose", &unknown, true, |it| it.line.purpose.clone().into_any());
    let duplicate: Vec<_> = report.standing(|it| matches!(it, TesterStanding::Duplicate { .. })).collect();
    let duplicate = lines("Duplicate", "Stands already", &duplicate, false, |it| match it.standing {
        TesterStanding::Duplicate { of } => format!("on line {of}").into_any(),
        TesterStanding::New | TesterStanding::Renewed | TesterStanding::AlreadyIn => ().into_any(),
    });
    let already: Vec<_> = report.standing(|it| it == TesterStanding::AlreadyIn).collect();
    let already = lines("Already in", "Purpose", &already, false, |_| "Left as they are.".into_any());
    let new: Vec<_> =
        report.standing(|it| matches!(it, TesterStanding::New | TesterStanding::Renewed)).collect();
    let new = lines("New and renewed", "Purpose", &new, false, |it| it.line.purpose.clone().into_any());
    (malformed, excluded, unknown, duplicate, already, new)
}

fn lines(
    title: &'static str,
    last: &'static str,
    lines: &[&CheckedLine],
    open: bool,
    tell: impl Fn(&CheckedLine) -> AnyView,
) -> Option<AnyView> {
    let rows = lines.iter().take(LISTED_MAX).map(|it| {
        let href = here().href(&page::address(&it.line.subject));
        let written =
            it.line.written.as_ref().map(|it| view! { " "<small class="muted">{format!("for “{it}”")}</small> });
        view! {
            <tr>
                <td class="num" data-label="Line">{it.line.number}</td>
                <td data-label="Text"><a class="mono" href=href>{it.line.subject.to_string()}</a>{written}</td>
                <td data-label=last>{tell(it)}</td>
            </tr>
        }
        .into_any()
    });
    part(title, last, rows.collect(), lines.len(), open)
}

fn part(
    title: &'static str,
    last: &'static str,
    rows: Vec<AnyView>,
    total: usize,
    open: bool,
) -> Option<AnyView> {
    let more = (total > rows.len()).then(|| {
        view! { <p class="note">{format!("The first {} of {}.", grouped(rows.len()), grouped(total))}</p> }
    });
    let part = || {
        let columns = vec![Column::Number("Line"), Column::Text("Text"), Column::Text(last)];
        view! {
            <details class="report-part" open=open>
                <summary>{title}" "<span class="tab-count">{grouped(total)}</span></summary>
                <Table columns caption=title>{rows}</Table>
                {more}
            </details>
        }
        .into_any()
    };
    (total > 0).then(part)
}
