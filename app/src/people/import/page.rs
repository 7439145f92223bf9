//! Importing people from a table: first what it would do, then, once that was read, doing it.

use engine::{SubjectKey, counted, grouped};
use leptos::prelude::*;

use super::form::{ImportForm, Report};
use crate::{
    form::{file::SentFile, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        field::{Field, FormError, Paragraph},
        person::person_link,
    },
};

pub const ADDRESS: &str = "/import/people";

const LISTED_MAX: usize = 100;

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default(), None)
}

/// The page with the table as it was pasted and, after "check", what importing it would do.
pub fn show(page: &Page, draft: FormState<ImportForm>, report: Option<Report>) -> PageResult {
    page.principal.administrator()?;
    let meta = PageMeta::new("Import people", Section::People).status(draft.status());
    page.render(meta, move || {
        let action = here().href(ADDRESS);
        let typed = draft.input.clone().unwrap_or_default();
        let told = typed.file.as_ref().and_then(SentFile::told);
        let report_view = report.as_ref().map(|report| report_view(report, told));
        let confirm = report.as_ref().filter(|it| !it.people.is_empty()).map(|report| {
            let text = match (report.people.len(), report.wrong.len()) {
                (people, 0) => format!("Import {}", people_text(people)),
                (people, wrong) => format!("Import {} and leave out {}", people_text(people), lines_text(wrong)),
            };
            view! {
                <input type="hidden" name="seen" value=report.fingerprint() />
                <button name="intent" value="import" class="button" data-kind="primary">{text}</button>
            }
        });
        let check_kind = confirm.is_none().then_some("primary");
        view! {
            <PageHead
                title="Import people"
                lead="Paste a table, or send a file. Nothing is written until you have seen what it would do."
            />
            <form method="post" action=action enctype="multipart/form-data" class="stack">
                {report_view}
                <div class="card stack">
                    <FormError error=draft.general() />
                    <Paragraph
                        label="Table"
                        name="table"
                        value=typed.table
                        rows=12
                        mono=true
                        error=draft.at("table")
                        placeholder="id,name,tier,transactions_30d\nada.moreau,Ada Moreau,vip,120"
                        hint="CSV, or copied from a spreadsheet. The first line names the columns: id, and attributes of the schema. \
                              A list is written a|b. Columns that are not there stay as they are; an empty cell takes the value away."
                    />
                    <Field
                        label="Or a CSV file, as your spreadsheet saves it"
                        name="file"
                        kind="file"
                        error=draft.at("file")
                        hint="It counts instead of what is pasted above, and is shown there once it was checked."
                    />
                    <div class="cluster">
                        {confirm}
                        <button name="intent" value="check" class="button" data-kind=check_kind>"Check it"</button>
                        <a class="button" data-kind="quiet" href=here().href("/people")>"Cancel"</a>
                    </div>
                </div>
            </form>
        }
    })
}

pub fn people_text(n: usize) -> String {
    counted(n, "person")
}

fn lines_text(n: usize) -> String {
    counted(n, "line")
}

fn report_view(report: &Report, reading: Option<String>) -> impl IntoView + use<> {
    let count = |n: usize, what: &'static str| {
        view! { <li><strong>{grouped(n)}</strong>" "{what}</li> }
    };
    let unknown = (!report.unknown_columns.is_empty()).then(|| {
        let names = report.unknown_columns.join(", ");
        view! {
            <Callout tone=Tone::Warning>
                <p>{format!("Not in the attribute schema, so these columns are left out: {names}. ")}
                    <a href=here().href("/settings/attributes")>"Describe them"</a>" first if they matter."</p>
            </Callout>
        }
    });
    let wrong_title = format!("{} cannot be read", lines_text(report.wrong.len()));
    let wrong = report.wrong.iter().take(LISTED_MAX);
    let wrong =
        wrong.map(|it| view! { <li>{format!("Line {}: {}.", it.number, it.why)}</li> }).collect_view();
    let wrong = (!report.wrong.is_empty()).then(|| {
        view! {
            <Callout tone=Tone::Danger>
                <p><strong>{wrong_title}</strong></p>
                <ul class="import-lines">{wrong}</ul>
            </Callout>
        }
    });
    let nothing = (report.people.is_empty() && report.wrong.is_empty())
        .then(|| view! { <p>"Everybody is stored just like this already. There is nothing to import."</p> });
    view! {
        <section class="card stack import-report" role="status" aria-labelledby="report-title">
            <h2 id="report-title">"What importing would do"</h2>
            {reading.map(|it| view! { <p class="note">{it}</p> })}
            <ul class="import-counts">
                {count(report.new.len(), "new")}
                {count(report.changed.len(), "changed")}
                {count(report.unchanged, "unchanged")}
                {count(report.wrong.len(), "malformed")}
            </ul>
            {nothing}
            {unknown}
            {wrong}
            {names("New", &report.new)}
            {names("Changed", &report.changed)}
        </section>
    }
}

fn names(title: &'static str, subjects: &[SubjectKey]) -> Option<impl IntoView + use<>> {
    if subjects.is_empty() {
        return None;
    }
    let shown = subjects.iter().take(LISTED_MAX);
    let shown = shown.map(|it| view! { <li>{person_link(it.as_str())}</li> }).collect_view();
    let more = subjects.len().saturating_sub(LISTED_MAX);
    let more = (more > 0).then(|| view! { <li class="muted">{format!("and {} more", grouped(more))}</li> });
    Some(view! {
        <details>
            <summary>{format!("{title}: {}", people_text(subjects.len()))}</summary>
            <ul class="import-names">{shown}{more}</ul>
        </details>
    })
}
