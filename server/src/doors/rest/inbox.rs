//! `GET /api/v1/feedback` and below: what users told, for those who read and triage it; and complaints that support logs.

use axum::{Json, response::Response};
use engine::{FlagKey, GroupKey, SubjectKey, VariantKey};
use serde::{Deserialize, Serialize};
use store::{
    Completed, Feedback, FeedbackFilter, FeedbackId, FeedbackKind, FeedbackSource, NewComplaint, Rating, Saw,
    Triage, TriageState, UserId,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::{FeedbackCompleted, FeedbackWord, Key, Subject, TriageWord, Version},
    error::{Problem, RestError},
    fields,
    frame::{Asked, Names, Parameters, Writing, at, filter_by, made, read_time},
    paging,
    testers::require_subject,
};

/// Which items; every filter that is set has to agree.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InboxQuery {
    /// About this flag.
    #[param(value_type = Option<Key>)]
    flag: Option<String>,
    #[param(value_type = Option<Key>)]
    variant: Option<String>,
    #[param(value_type = Option<Key>)]
    group: Option<String>,
    #[param(minimum = 1, maximum = 5)]
    rating: Option<i64>,
    #[param(value_type = Option<FeedbackWord>)]
    kind: Option<String>,
    #[param(value_type = Option<FeedbackCompleted>)]
    completed: Option<String>,
    #[param(value_type = Option<TriageWord>)]
    state: Option<String>,
    /// A member's number.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    assignee: Option<i64>,
    /// `user` or `support`.
    source: Option<String>,
    #[param(value_type = Option<Subject>)]
    subject: Option<String>,
    /// RFC 3339, or a day.
    from: Option<String>,
    /// Exclusive.
    until: Option<String>,
    /// Anywhere in the comment, the page, the note or the subject.
    q: Option<String>,
    /// `next` of the part before.
    cursor: Option<String>,
    /// 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What users told, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Inbox {
    feedback: Vec<FeedbackView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// What somebody told, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedbackView {
    id: i64,
    environment: String,
    #[schema(value_type = String)]
    source: FeedbackSource,
    subject: String,
    /// The moment that it is about.
    at: String,
    received_at: String,
    #[schema(value_type = Option<i64>)]
    rating: Option<Rating>,
    #[schema(value_type = Option<FeedbackCompleted>)]
    completed: Option<Completed>,
    duration_ms: Option<u64>,
    #[schema(value_type = Vec<FeedbackWord>)]
    kinds: Vec<FeedbackKind>,
    /// Told by support, marked as broken or confusing, or rated 1 or 2.
    complaint: bool,
    comment: String,
    page: String,
    /// The flag that it says it is about.
    flag: Option<String>,
    /// What they had at that moment.
    saw: Vec<SawView>,
    /// Who logged the complaint; empty for what users told themselves.
    logged_by: String,
    #[schema(value_type = TriageWord)]
    state: TriageState,
    assignee: Option<Assignee>,
    note: String,
    /// Sent back when it is triaged.
    version: u64,
    changed_at: String,
    changed_by: String,
}

#[derive(Serialize, ToSchema)]
struct SawView {
    flag: String,
    variant: String,
    rule: Option<String>,
    /// The group through which the rule let them in.
    group: Option<String>,
    revision: u64,
    /// False: it is what Fader decided for them, and nobody knows whether they saw it.
    seen: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Assignee {
    id: i64,
    name: String,
}

/// Who may be given an item, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct Handlers {
    handlers: Vec<Assignee>,
}

/// What an item is set to.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackTriage)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriageBody {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    #[schema(value_type = TriageWord)]
    state: String,
    /// The number of a member who may handle feedback; null: nobody's.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    assignee: Option<i64>,
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
}

/// What it is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Triaged {
    id: i64,
    version: u64,
}

/// What somebody told support.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Complaint {
    #[schema(value_type = Subject)]
    subject: String,
    /// When it happened to them: RFC 3339, or a day.
    time: String,
    #[serde(default)]
    #[schema(value_type = Vec<FeedbackWord>)]
    kinds: Vec<String>,
    /// What they said.
    #[schema(max_length = 4000)]
    comment: String,
    /// The key of the flag that it is about.
    flag: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Logged {
    id: i64,
}

/// The inbox of an environment. Audited: it says who told what.
#[utoipa::path(
    get,
    path = "/api/v1/feedback",
    tag = "feedback",
    params(InboxQuery),
    responses((status = 200, body = Inbox), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(query): Parameters<InboxQuery>,
) -> Result<Json<Inbox>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let environment = &asked.manager.environment()?.key;
    let limit = paging::limit(query.limit)?;
    let before = paging::number::<FeedbackId>(query.cursor.as_deref())?;
    let filter = FeedbackFilter { before, limit, ..query.filter()? };
    let found = asked.store.list_feedback(&reader, environment, &filter).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|it| it.id.to_string());
    Ok(Json(Inbox { feedback: found.into_iter().map(view).collect(), next }))
}

/// One item, in whichever environment it is.
#[utoipa::path(
    get,
    path = "/api/v1/feedback/{id}",
    tag = "feedback",
    params(("id" = String, Path, description = "Its number")),
    responses((status = 200, body = FeedbackView)),
)]
pub(crate) async fn get(asked: Asked, Names(id): Names<String>) -> Result<Json<FeedbackView>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let found = asked.store.find_feedback(&reader, item(&id)?).await?;
    Ok(Json(view(found.ok_or_else(missing)?)))
}

/// What one person told and what was logged for them, newest first. Audited.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}/feedback",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key.")),
    responses((status = 200, body = Inbox), (status = 422, body = Problem)),
)]
pub(crate) async fn of_person(asked: Asked, Names(id): Names<String>) -> Result<Json<Inbox>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let subject = require_subject(&id)?;
    let environment = &asked.manager.environment()?.key;
    asked.store.look_up(&reader, &subject).await?;
    let found = asked.store.feedback_of(&reader, environment, &subject).await?;
    Ok(Json(Inbox { feedback: found.into_iter().map(view).collect(), next: None }))
}

/// Who may be given an item.
#[utoipa::path(
    get,
    path = "/api/v1/feedback-handlers",
    tag = "feedback",
    responses((status = 200, body = Handlers)),
)]
pub(crate) async fn handlers(asked: Asked) -> Result<Json<Handlers>, RestError> {
    let handler = asked.manager.principal.feedback_handler()?;
    let found = asked.store.list_handlers(&handler).await?;
    let handlers = found.into_iter().map(|it| Assignee { id: it.id.get(), name: it.name });
    Ok(Json(Handlers { handlers: handlers.collect() }))
}

/// Sets what becomes of an item.
#[utoipa::path(
    put,
    path = "/api/v1/feedback/{id}/triage",
    tag = "feedback",
    params(("id" = String, Path, description = "Its number")),
    request_body = TriageBody,
    responses((status = 200, body = Triaged), (status = 409, body = Problem)),
)]
pub(crate) async fn triage(Names(id): Names<String>, asked: Writing) -> Result<Json<Triaged>, RestError> {
    let handler = asked.asked.manager.principal.feedback_handler()?;
    let (asked, sent) = asked.read::<TriageBody>().await?;
    let TriageBody { version, state, assignee, note } = sent.value;
    let id = item(&id)?;
    let triage = Triage {
        state: TriageState::parse(&state).map_err(|error| fields::wrong("/state", error))?,
        assignee: assignee.map(UserId::new),
        note,
    };
    let version = asked.store.triage_feedback(&handler, id, version, triage).await?;
    Ok(Json(Triaged { id: id.get(), version }))
}

/// Logs what somebody told support, with what Fader served them at that moment.
#[utoipa::path(
    post,
    path = "/api/v1/complaints",
    tag = "feedback",
    request_body = Complaint,
    responses((status = 201, body = Logged), (status = 404, body = Problem)),
)]
pub(crate) async fn complain(asked: Writing) -> Result<Response, RestError> {
    let handler = asked.asked.manager.principal.feedback_handler()?;
    asked.asked.manager.environment()?;
    let (asked, sent) = asked.read::<Complaint>().await?;
    let Complaint { subject, time, kinds, comment, flag } = sent.value;
    let kind = |(n, word): (usize, &String)| {
        FeedbackKind::parse(word).map_err(|error| fields::wrong(&format!("/kinds/{n}"), error))
    };
    let complaint = NewComplaint {
        subject: SubjectKey::try_from(subject).map_err(|error| fields::wrong("/subject", error))?,
        at_ms: read_time("/time", &time)?,
        kinds: kinds.iter().enumerate().map(kind).collect::<Result<_, _>>()?,
        comment,
        flag: flag.map(FlagKey::try_from).transpose().map_err(|error| fields::wrong("/flag", error))?,
    };
    let environment = &asked.manager.environment()?.key;
    let id = asked.store.log_complaint(&handler, environment, complaint).await?;
    Ok(made(Logged { id: id.get() }))
}

fn missing() -> RestError {
    RestError::NotFound("feedback")
}

fn item(text: &str) -> Result<FeedbackId, RestError> {
    text.parse().map_err(|_| missing())
}

impl InboxQuery {
    /// But for where the part begins.
    fn filter(self) -> Result<FeedbackFilter, RestError> {
        Ok(FeedbackFilter {
            flag: filter_by("flag", self.flag, FlagKey::try_from)?,
            variant: filter_by("variant", self.variant, VariantKey::try_from)?,
            group: filter_by("group", self.group, GroupKey::try_from)?,
            rating: filter_by("rating", self.rating, Rating::try_from)?,
            kind: filter_by("kind", self.kind.as_deref(), FeedbackKind::parse)?,
            completed: filter_by("completed", self.completed.as_deref(), Completed::parse)?,
            state: filter_by("state", self.state.as_deref(), TriageState::parse)?,
            assignee: self.assignee.map(UserId::new),
            source: filter_by("source", self.source.as_deref(), FeedbackSource::parse)?,
            subject: filter_by("subject", self.subject, SubjectKey::try_from)?,
            from_ms: filter_by("from", self.from.as_deref(), engine::parse_date_ms)?,
            until_ms: filter_by("until", self.until.as_deref(), engine::parse_date_ms)?,
            text: self.q,
            ..FeedbackFilter::default()
        })
    }
}

fn view(it: Feedback) -> FeedbackView {
    FeedbackView {
        id: it.id.get(),
        environment: it.environment.to_string(),
        source: it.source,
        subject: it.subject.to_string(),
        at: at(it.at_ms),
        received_at: at(it.received_ms),
        rating: it.rating,
        completed: it.completed,
        duration_ms: it.duration_ms,
        kinds: it.kinds,
        complaint: it.complaint,
        comment: it.comment,
        page: it.page,
        flag: it.flag.as_ref().map(ToString::to_string),
        saw: it.saw.into_iter().map(saw).collect(),
        logged_by: it.logged_by,
        state: it.state,
        assignee: it.assignee.zip(it.assignee_name).map(|(id, name)| Assignee { id: id.get(), name }),
        note: it.note,
        version: it.version,
        changed_at: at(it.changed_ms),
        changed_by: it.changed_by,
    }
}

fn saw(it: Saw) -> SawView {
    SawView {
        flag: it.flag.to_string(),
        variant: it.variant.to_string(),
        rule: it.rule.as_ref().map(ToString::to_string),
        group: it.group.as_ref().map(ToString::to_string),
        revision: it.revision,
        seen: it.seen,
    }
}
