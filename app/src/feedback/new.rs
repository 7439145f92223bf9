//! Support logs a complaint for a person and a time.

use engine::DayEdge;
use leptos::prelude::*;
use store::FeedbackKind;

use super::card::{self, Names};
use crate::{
    form::{fields::Fields, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        field::{Choice, Field, FormError, Paragraph},
        icon,
    },
    zone::{typed, zone},
};

/// What was typed.
#[derive(Debug, Clone, Default)]
pub struct ComplaintInput {
    pub subject: String,
    /// `2026-03-01T14:10`, in the zone of whoever typed it.
    pub at: String,
    pub flag: String,
    pub kinds: Vec<String>,
    pub comment: String,
}

impl ComplaintInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            subject: fields.trimmed("subject").to_owned(),
            at: fields.trimmed("at").to_owned(),
            flag: fields.trimmed("flag").to_owned(),
            kinds: fields.all("kind").map(str::to_owned).collect(),
            comment: fields.text("comment").to_owned(),
        }
    }
}

/// `?subject=…&at=…` fill the form; `at` is an instant, a time as it is typed, or epoch milliseconds.
pub async fn get(page: Page) -> PageResult {
    let at_ms = page
        .query("at")
        .and_then(|text| text.parse::<i64>().ok().or_else(|| typed::read_moment(&text, DayEdge::Start).ok()));
    let input = ComplaintInput {
        subject: page.query("subject").unwrap_or_default(),
        at: typed::field(at_ms.unwrap_or_else(|| page.now_ms())),
        flag: page.query("flag").unwrap_or_default(),
        ..ComplaintInput::default()
    };
    show(&page, FormState::editing(input))
}

pub fn show(page: &Page, draft: FormState<ComplaintInput>) -> PageResult {
    page.principal.feedback_handler()?;
    let names = Names::of(page.store(), &page.environment.key);
    let meta = PageMeta::new("Log a complaint", Section::Feedback).status(draft.status());
    page.render(meta, move || {
        view! {
            <nav aria-label="Breadcrumb"><a class="back" href=here().href("/feedback")>{icon::left()}"Feedback"</a></nav>
            <PageHead
                title="Log a complaint"
                lead="For somebody who called or wrote. It is tied to what Fader served them at that moment."
            />
            {form(draft, &names)}
        }
    })
}

fn form(draft: FormState<ComplaintInput>, names: &Names) -> impl IntoView + use<> {
    let here = here();
    let [subject, at, flag, comment] = ["subject", "at", "flag", "comment"].map(|field| draft.at(field));
    let general = draft.general();
    let when = format!("When it happened ({})", zone().name());
    let input = draft.input.unwrap_or_default();
    let flags =
        std::iter::once((String::new(), "None in particular".to_owned())).chain(names.flags()).collect();
    let kinds = FeedbackKind::ALL
        .iter()
        .filter(|it| **it != FeedbackKind::Love)
        .map(|it| {
            let checked = input.kinds.iter().any(|kind| kind == it.as_str());
            view! {
                <label class="check"><input type="checkbox" name="kind" value=it.as_str() checked=checked /><span>{card::kind(*it)}</span></label>
            }
        })
        .collect_view();
    view! {
        <form method="post" action=here.href("/feedback/new") class="card stack complaint-form">
            <FormError error=general />
            <div class="field-row">
                <Field label="Person" name="subject" value=input.subject error=subject hint="Their id, as your application sends it." mono=true required=true autocomplete="off" />
                <Field label=when name="at" kind=typed::field_kind(&input.at) value=input.at error=at required=true />
                <Choice label="Flag" name="flag" value=input.flag options=flags error=flag />
            </div>
            <fieldset class="field">
                <legend>"What was it?"</legend>
                <div class="cluster complaint-kinds">{kinds}</div>
            </fieldset>
            <Paragraph label="What they said" name="comment" value=input.comment error=comment rows=4 />
            <div class="cluster">
                <button class="button" data-kind="primary">"Log it"</button>
                <a class="button" data-kind="quiet" href=here.href("/feedback")>"Cancel"</a>
            </div>
        </form>
    }
}
