//! Support's page about one person: what they saw, what they would see, and why, for every flag; now, or at any
//! instant. Opening it is audited.

use std::{collections::HashMap, sync::Arc};

use axum::extract::Path;
use engine::{AttributeValue, Enrolment, FlagKey, GroupKey, Snapshot, SubjectKey};
use leptos::prelude::*;
use store::{Feedback, Operation, PersonAnswer};

use super::history::History;
use crate::{
    error::{AppError, Thing},
    form::{error::as_sentence, state::FormState},
    page::{Page, PageMeta, PageResult, address, here::here, layout::Section},
    tester::page,
    ui::{
        badge::{Callout, Tone},
        field::FormError,
        icon, time,
    },
    zone::{typed, zone},
};

pub use super::history::Said;

/// Everything the page shows.
pub struct Person {
    pub subject: SubjectKey,
    pub answer: PersonAnswer,
    /// What is stored now, whatever instant is looked at.
    pub known: bool,
    /// The present configuration: what pins and exclusions there are to change.
    pub snapshot: Arc<Snapshot>,
    /// Of the rollouts, for saving on top of what was read.
    pub(super) versions: HashMap<FlagKey, u64>,
    /// In the groups of now, or of the instant.
    pub(super) enrolments: Vec<Enrolled>,
    pub(super) history: History,
    /// What they said, newest first.
    pub(super) feedback: Vec<Feedback>,
    pub(super) at: At,
    pub(super) may: May,
}

/// An enrolment in a pilot group.
pub(super) struct Enrolled {
    pub(super) group: GroupKey,
    pub(super) name: String,
    pub(super) enrolment: Enrolment,
}

/// The instant as typed.
pub(super) struct At {
    pub(super) text: String,
    pub(super) error: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) struct May {
    pub(super) edit_flags: bool,
    pub(super) administer: bool,
}

/// What was posted and refused: the sentence stands at the top.
pub type PersonForm = FormState<()>;

/// The key that an address names.
pub fn require_subject(key: &str) -> Result<SubjectKey, AppError> {
    SubjectKey::parse(address::key_of(key)).map_err(|_| AppError::NotFound(Thing::Other))
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let subject = require_subject(&key)?;
    page.principal.people_reader()?;
    if let Some(at_ms) = page.query("at").as_deref().and_then(typed::read_here) {
        // The address names the moment itself, so that it means the same to whoever gets the link.
        return Ok(page.go(&page.here().same_path_with(&[("at", &time::iso(at_ms))])));
    }
    show(&page, &subject, PersonForm::default()).await
}

pub async fn show(page: &Page, subject: &SubjectKey, draft: PersonForm) -> PageResult {
    let person = Person::load(page, subject).await?;
    let status =
        if person.at.error.is_some() { http::StatusCode::UNPROCESSABLE_ENTITY } else { draft.status() };
    let meta = PageMeta::new(person.title(), Section::People).status(status);
    page.render(meta, move || {
        view! {
            {head(&person)}
            <FormError error=draft.general() />
            {as_of_form(&person)}
            <div id="person" class="person" data-live="">
                {as_of_note(&person)}
                <div class="person-grid">
                    <div class="stack">
                        {super::flags::view(&person)}
                        {super::tell::view(&person.subject, &person.answer)}
                        {super::history::view(&person.history, person.answer.as_of_ms)}
                        <section class="card stack">{page::feedback(&person.feedback)}</section>
                    </div>
                    <aside class="stack">{super::facts::view(&person)}</aside>
                </div>
            </div>
        }
    })
}

impl Person {
    async fn load(page: &Page, subject: &SubjectKey) -> Result<Self, AppError> {
        let reader = page.principal.people_reader()?;
        let (store, environment) = (page.store(), &page.environment);
        let looked = store.look_up(&reader, subject).await?;
        let text = page.query("at").unwrap_or_default();
        let read = (!text.is_empty()).then(|| typed::read(&text));
        let error =
            read.as_ref().and_then(|it| it.as_ref().err()).map(|error| as_sentence(&error.to_string()));
        let at_ms = read.and_then(Result::ok);
        let answer = store.answer_person(&reader, environment, subject, at_ms).await?;
        let missing = || AppError::NotFound(Thing::Environment);
        let snapshot = store.live().snapshot(environment.key.as_str()).ok_or_else(missing)?;
        let rows = store.desk(&page.viewer(), &environment.key).await?;
        let enrolments = enrolments(&answer.snapshot, subject);
        let feedback = store.feedback_of(&reader, &environment.key, subject).await?;
        let said: Vec<_> = feedback.iter().map(said).collect();
        let history = History::load(page, &reader, subject, &snapshot, at_ms, &said).await?;
        Ok(Self {
            subject: subject.clone(),
            known: looked.traits().is_some(),
            versions: rows.iter().map(|row| (row.flag.key.clone(), row.rollout_version)).collect(),
            may: May {
                edit_flags: page.may(Operation::RollOut),
                administer: page.may(Operation::Administer),
            },
            at: At { text, error },
            answer,
            snapshot,
            enrolments,
            history,
            feedback,
        })
    }

    /// Their name where one is stored.
    fn title(&self) -> String {
        let name = self.answer.traits.as_ref().and_then(|traits| traits.get("name"));
        name.map_or_else(|| self.subject.to_string(), AttributeValue::display)
    }
}

/// A piece of feedback in the timeline.
fn said(feedback: &Feedback) -> Said {
    let rating = feedback.rating.map(|rating| format!("rated {} of 5", rating.get()));
    let kinds = feedback.kinds.iter().map(|kind| kind.as_str().to_owned());
    let label = rating.into_iter().chain(kinds).collect::<Vec<_>>().join(", ");
    let label = if label.is_empty() { "feedback".to_owned() } else { label };
    Said { flag: feedback.flag.clone(), at_ms: feedback.at_ms, label }
}

fn enrolments(snapshot: &Snapshot, subject: &SubjectKey) -> Vec<Enrolled> {
    let of = |group: &engine::CompiledGroup| {
        let enrolment = group.group().enrolments.iter().find(|it| it.subject == *subject)?.clone();
        Some(Enrolled { group: group.key().clone(), name: group.name().to_owned(), enrolment })
    };
    let mut list: Vec<_> = snapshot.groups().filter_map(of).collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

fn head(person: &Person) -> impl IntoView + use<> {
    let title = person.title();
    let key = person.subject.to_string();
    let key = (title != key).then(|| view! { <code class="person-key">{key}</code> });
    let complaint = complaint_address(person);
    let tester = address::tester(person.subject.as_str());
    let changed =
        address::person_changed(person.subject.as_str(), person.answer.as_of_ms.map(time::iso).as_deref());
    view! {
        <header class="page-head">
            <div>
                <nav class="crumb" aria-label="Where you are"><a href=here().href("/people")>"People"</a></nav>
                <h1>{title}</h1>
                {key}
            </div>
            <div class="cluster">
                <a class="button" href=here().href(&changed)>{icon::audit()}"What changed?"</a>
                <a class="button" href=here().href(&complaint)>{icon::feedback()}"Log a complaint"</a>
                <a class="button" data-kind="quiet" href=here().href(&tester)>"As a tester"</a>
            </div>
        </header>
    }
}

/// The form for what they complain about, at the instant that is looked at.
fn complaint_address(person: &Person) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("subject", person.subject.as_str());
    if let Some(at_ms) = person.answer.as_of_ms {
        query.append_pair("at", &at_ms.to_string());
    }
    format!("/feedback/new?{}", query.finish())
}

/// The instant stands in the address: an answer can be linked.
fn as_of_form(person: &Person) -> impl IntoView + use<> {
    let here = here();
    let path = here.plain(&address::person(person.subject.as_str()));
    let is_default = here.is_default();
    let environment = (!is_default)
        .then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    let value = person.answer.as_of_ms.map_or_else(|| person.at.text.clone(), typed::field);
    let now = person.answer.as_of_ms.map(|_| {
        view! { <a class="button" data-kind="quiet" href=here.href(&path)>"Back to now"</a> }
    });
    let invalid = person.at.error.is_some().then_some("true");
    let described = person.at.error.is_some().then_some("person-at-error");
    let error = person.at.error.clone();
    let error = error.map(|error| view! { <p class="error" id="person-at-error" role="alert">{error}</p> });
    view! {
        <form method="get" autocomplete="off" action=path.clone() class="toolbar person-at" aria-label="As of">
            {environment}
            <div class="field">
                <label for="person-at">{format!("As of ({})", zone().name())}</label>
                <input
                    id="person-at"
                    name="at"
                    type=typed::field_kind(&value)
                    value=value
                    max=typed::field(here.now_ms)
                    aria-invalid=invalid
                    aria-describedby=described
                />
                {error}
            </div>
            <div class="cluster">
                <button class="button">{icon::audit()}"Show that instant"</button>
                {now}
            </div>
        </form>
    }
}

fn as_of_note(person: &Person) -> Option<impl IntoView + use<>> {
    let at_ms = person.answer.as_of_ms?;
    Some(view! {
        <Callout tone=Tone::Accent>
            <p>
                <strong>{format!("As of {}. ", time::minute(at_ms))}</strong>
                "“Served” is what the ledger recorded around that instant. “Decided” is what the configuration and the stored \
                 attributes of that instant decide. They differ where the application sent attributes of its own."
            </p>
        </Callout>
    })
}
