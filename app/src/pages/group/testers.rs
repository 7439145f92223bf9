//! The testers of a group: who is enrolled by name, why, and until when.

use engine::{Enrolment, EnrolmentState, grouped};
use leptos::prelude::*;
use store::Operation;

use super::{Found, Tab, head};
use crate::{
    draft::Draft,
    forms::testers::{Report, TesterForm},
    page::{Look, Page, PageResult},
    pages::groups::count,
    ui::{
        badge::{Badge, Callout, Tone},
        empty::Empty,
        field::{Field, FormError, Paragraph},
        here, icon,
        layout::Section,
        person::person_link,
        time,
    },
};

const ROWS_MAX: usize = 500;

/// The tab, with the form as it was typed and, after "check", what enrolling would do.
pub fn show(page: &Page, found: Found, draft: Draft<TesterForm>, report: Option<Report>) -> PageResult {
    let title = format!("Testers of {}", found.saved.value.name);
    let look = Look::new(title, Section::Groups).status(draft.status());
    let may_enrol = page.principal.may(Operation::Enrol);
    let may_read = page.principal.may(Operation::ReadPeople);
    let people = page.store().live().people();
    let search = page.query("q").unwrap_or_default().to_lowercase();
    let now_ms = page.now_ms();
    page.render(look, move || {
        let enrolments = &found.saved.value.enrolments;
        let known = |enrolment: &Enrolment| people.traits(enrolment.subject.as_str()).is_some();
        let list = match (enrolments.is_empty(), may_read) {
            (true, _) => nobody(may_enrol).into_any(),
            (false, false) => {
                let text = format!(
                    "{} enrolled. Your role does not see who.",
                    count(enrolments.len(), "tester is", "testers are")
                );
                view! { <p class="muted">{text}</p> }.into_any()
            }
            (false, true) => table(&found, &search, may_enrol, now_ms, &known).into_any(),
        };
        let form = may_enrol.then(|| form(&found, draft, report));
        view! {
            {head(&found, Tab::Testers)}
            <div class="group-grid">
                <div class="stack" data-live="" id="testers">{list}</div>
                <aside class="stack">{form}</aside>
            </div>
        }
    })
}

fn nobody(may_enrol: bool) -> impl IntoView {
    let how = if may_enrol { " Enrol the first ones beside this." } else { "" };
    view! {
        <Empty
            title="No testers"
            text=format!("A tester belongs to the group by name, whatever the condition says, and only as long as you choose.{how}")
        />
    }
}

fn table(
    found: &Found,
    search: &str,
    may_enrol: bool,
    now_ms: i64,
    known: &dyn Fn(&Enrolment) -> bool,
) -> impl IntoView + use<> {
    let here = here();
    let group = &found.saved.value;
    let action = here.href(&Tab::Testers.address(&group.key));
    let matches = |it: &&Enrolment| {
        let text = format!("{} {}", it.subject, it.purpose).to_lowercase();
        search.split_whitespace().all(|word| text.contains(word))
    };
    let matching: Vec<_> = group.enrolments.iter().filter(matches).collect();
    let total = matching.len();
    let rows = matching
        .into_iter()
        .take(ROWS_MAX)
        .map(|enrolment| {
            let remove = may_enrol.then(|| remove_form(&action, enrolment));
            let stranger = (!known(enrolment))
                .then(|| view! { <small class="muted">"not among the known people"</small> });
            view! {
                <tr>
                    <td>{person_link(enrolment.subject.as_str())}" "{stranger}</td>
                    <td data-label="Purpose">{enrolment.purpose.clone()}</td>
                    <td data-label="Time">{window(enrolment)}</td>
                    <td data-label="State">{state(enrolment, now_ms)}</td>
                    <td class="actions">{remove}</td>
                </tr>
            }
        })
        .collect_view();
    let more = (total > ROWS_MAX).then(|| {
        view! { <p class="note">{format!("The first {ROWS_MAX} of {}. Search to see the others.", grouped(total))}</p> }
    });
    let none = (total == 0).then(|| view! { <p class="muted">"No tester matches the search."</p> });
    view! {
        <form method="get" class="toolbar" role="search" action=format!("/groups/{}", group.key)>
            <input type="hidden" name="tab" value="testers" />
            <div class="field" data-wide="">
                <label for="tester-query" class="visually-hidden">"Search testers"</label>
                <input id="tester-query" name="q" type="search" value=search.to_owned() placeholder="Search testers" />
            </div>
            <button class="button">{icon::search()}"Search"</button>
        </form>
        <div class="table-wrap">
            <table class="table" data-stack="">
                <thead>
                    <tr>
                        <th scope="col">"Tester"</th>
                        <th scope="col">"Purpose"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col">"State"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {none}
        {more}
    }
}

fn remove_form(action: &str, enrolment: &Enrolment) -> impl IntoView + use<> {
    let label = format!("Remove {}", enrolment.subject);
    view! {
        <form method="post" action=action.to_owned()>
            <input type="hidden" name="subject" value=enrolment.subject.to_string() />
            <button name="intent" value="remove" class="button" data-kind="quiet" data-size="small" aria-label=label>
                "Remove"
            </button>
        </form>
    }
}

/// `from 1 Mar 2026, until 3 Apr 2026`.
fn window(enrolment: &Enrolment) -> String {
    // The end is exclusive: the last moment is the one before it.
    let until = enrolment.until_ms.map(|ms| time::date(ms - 1));
    match (enrolment.from_ms.map(time::date), until) {
        (None, None) => "no end".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(from), Some(until)) => format!("{from} – {until}"),
    }
}

fn state(enrolment: &Enrolment, now_ms: i64) -> AnyView {
    let state = match (enrolment.is_active(now_ms), enrolment.until_ms) {
        (true, _) => EnrolmentState::Active,
        (false, Some(until)) if until <= now_ms => EnrolmentState::Expired,
        (false, _) => EnrolmentState::NotYet,
    };
    match state {
        EnrolmentState::Active => view! { <Badge tone=Tone::Good text="in" /> },
        EnrolmentState::NotYet => view! { <Badge tone=Tone::Accent text="not yet" /> },
        EnrolmentState::Expired => view! { <Badge tone=Tone::Neutral text="expired" /> },
    }
    .into_any()
}

fn form(found: &Found, draft: Draft<TesterForm>, report: Option<Report>) -> impl IntoView + use<> {
    let errors = ["list", "purpose", "from", "until"].map(|field| draft.at(field));
    let [list, purpose, from, until] = errors;
    let general = draft.general();
    let typed = draft.input.unwrap_or_default();
    let action = here().href(&Tab::Testers.address(&found.saved.value.key));
    view! {
        <form method="post" action=action class="card stack" aria-labelledby="enrol-title">
            <h2 id="enrol-title">"Enrol testers"</h2>
            <FormError error=general />
            {report.map(|report| report_view(&report))}
            <Paragraph
                label="Targeting keys"
                name="list"
                rows=4
                value=typed.list
                error=list
                mono=true
                hint="One per line; paste as many as you like."
                placeholder="user-1042"
            />
            <Field label="Purpose" name="purpose" value=typed.purpose error=purpose placeholder="Tries payment before the release" autocomplete="off" />
            <div class="field-row">
                <Field label="First day" name="from" kind="date" value=typed.from error=from />
                <Field label="Last day" name="until" kind="date" value=typed.until error=until />
            </div>
            <p class="note">"Days are in UTC. Without them they are in from now on, until somebody removes them."</p>
            <div class="cluster">
                <button name="intent" value="enrol" class="button" data-kind="primary">"Enrol"</button>
                <button name="intent" value="check" class="button">"Check the list first"</button>
            </div>
        </form>
    }
}

fn report_view(report: &Report) -> impl IntoView + use<> {
    let line = |subjects: usize, text: &'static str| {
        (subjects > 0).then(|| view! { <li>{format!("{} {text}", grouped(subjects))}</li> })
    };
    let wrong = report
        .wrong
        .iter()
        .take(10)
        .map(|it| {
            let text = format!("line {}: “{}” {}", it.number, it.text, it.error);
            view! { <li>{text}</li> }
        })
        .collect_view();
    let tone = if report.wrong.is_empty() { Tone::Good } else { Tone::Warning };
    let counts = [
        line(report.new.len(), "would be new"),
        line(report.renewed.len(), "expired, would be renewed"),
        line(report.already.len(), "in already, left as they are"),
    ];
    view! {
        <Callout tone=tone role="status">
            <strong>"Nothing is saved yet"</strong>
            <ul class="changes">
                {counts}
                {wrong}
            </ul>
        </Callout>
    }
}

#[cfg(test)]
mod tests {
    use engine::SubjectKey;

    use super::*;

    #[test]
    fn the_time_of_an_enrolment_names_its_last_day() {
        let day_ms = 24 * 60 * 60 * 1000;
        let enrolment = |from_ms, until_ms| Enrolment {
            subject: SubjectKey::parse("ada").expect("a subject"),
            purpose: String::new(),
            from_ms,
            until_ms,
        };
        assert_eq!(window(&enrolment(None, Some(day_ms))), "until 1 Jan 1970");
        assert_eq!(window(&enrolment(Some(0), Some(2 * day_ms))), "1 Jan 1970 – 2 Jan 1970");
        assert_eq!(window(&enrolment(None, None)), "no end");
    }
}
