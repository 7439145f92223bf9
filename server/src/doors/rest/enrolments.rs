//! `/api/v1/groups/{key}/enrolments`: enrolling testers in batches, with the dry run that the dashboard shows.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{Enrolment, EnrolmentState, GroupKey, SubjectKey};
use serde::{Deserialize, Serialize};
use store::{
    CheckedLine, Enrolled, EnrolmentChoice, EnrolmentList, EnrolmentReport, ExcludedFrom, ObjectKind,
    RawLine, Store, StoreError, TesterStanding,
};
use utoipa::ToSchema;

use super::{
    document::Comment,
    error::{Problem, RestError},
    manager::Manager,
};
use crate::{
    edge::body::{Bodies, Unread},
    limits::REST_BODY_BYTES_MAX,
};

/// Testers to enrol.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// At most 10,000.
    testers: Vec<Tester>,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Also enrol who is excluded from a rollout that uses the group; the exclusion still beats the enrolment.
    #[serde(default)]
    with_excluded: bool,
    /// Also enrol who is no known person.
    #[serde(default = "yes")]
    with_unknown: bool,
    /// For the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

fn yes() -> bool {
    true
}

/// One tester, or only their targeting key.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Tester {
    Key(String),
    Enrolment(TesterLine),
}

/// One tester and what the enrolment is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TesterLine {
    /// The targeting key.
    subject: String,
    #[serde(default)]
    purpose: String,
    /// A day (from its start) or a moment: `2026-03-01`, `2026-03-01 14:10` in UTC, or RFC 3339.
    #[serde(default)]
    from: String,
    /// A day (to its end) or a moment; the enrolment ends by itself.
    #[serde(default)]
    until: String,
}

/// What enrolling did, or would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Report {
    /// Nothing was written.
    dry_run: bool,
    /// How many are enrolled by this, new or again.
    enrolled: usize,
    counts: Counts,
    /// One per tester of the batch that could be read, in order.
    lines: Vec<Checked>,
    malformed: Vec<Malformed>,
}

/// How many testers of the batch are what. `excluded` and `unknown` are told of `new` and `renewed` ones.
#[derive(Serialize, ToSchema)]
struct Counts {
    new: usize,
    renewed: usize,
    already_in: usize,
    duplicate: usize,
    excluded: usize,
    unknown: usize,
    malformed: usize,
}

/// A tester that could be read.
#[derive(Serialize, ToSchema)]
struct Checked {
    /// 1 for the first of the batch.
    line: usize,
    subject: String,
    /// `new`, `renewed`, `already_in` or `duplicate`.
    standing: &'static str,
    /// Among the known people.
    known: bool,
    /// Whether this batch enrols them.
    enrolled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    excluded_from: Vec<Excluded>,
}

/// A rollout that uses the group and excludes the subject.
#[derive(Serialize, ToSchema)]
struct Excluded {
    environment: String,
    flag: String,
    /// Through which excluded group; by name when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

/// A tester that could not be read.
#[derive(Serialize, ToSchema)]
struct Malformed {
    line: usize,
    text: String,
    why: String,
}

/// The testers of one group.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolmentPage {
    group: String,
    enrolments: Vec<Tested>,
}

/// One tester in the group.
#[derive(Serialize, ToSchema)]
struct Tested {
    subject: String,
    purpose: String,
    /// Epoch ms, inclusive.
    from_ms: Option<i64>,
    /// Epoch ms, exclusive.
    until_ms: Option<i64>,
    /// `active`, `not_yet` or `expired`.
    state: EnrolmentWord,
    by: String,
    at_ms: Option<i64>,
}

/// Whether an enrolment counts now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EnrolmentWord {
    Active,
    NotYet,
    Expired,
}

/// How many were taken out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Removed {
    removed: usize,
}

/// Enrol testers into a pilot group. With `dry_run` nothing is written. Those who are in stay as they are.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{key}/enrolments",
    tag = "testers",
    params(("key" = String, Path, description = "The group")),
    request_body = Batch,
    responses(
        (status = 200, body = Report), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn enrol(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    Path(key): Path<String>,
    body: Unread,
) -> Result<Json<Report>, RestError> {
    let enroller = manager.principal.enroller()?;
    let sent = body.json::<Batch, _>(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
    let batch = &sent.value;
    let key = group_key(&key)?;
    let list = list(&batch.testers, store.clock().now_ms());
    let choice = EnrolmentChoice { with_excluded: batch.with_excluded, with_unknown: batch.with_unknown };
    let report = if batch.dry_run {
        let group = store.find_group(&manager.principal.viewer(), &key).await?;
        let group = group.ok_or(RestError::NotFound("group"))?;
        store.check_enrolments(&enroller, &group.value, &list).await?
    } else {
        match store.enrol(&enroller, &key, &list, choice, None, &batch.comment).await? {
            Enrolled::Done(report) | Enrolled::Changed(report) => report,
        }
    };
    Ok(Json(told(&report, choice, batch.dry_run)))
}

/// The testers of a pilot group, in the order in which they were enrolled.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{key}/enrolments",
    tag = "testers",
    params(("key" = String, Path, description = "The group")),
    responses(
        (status = 200, body = EnrolmentPage), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn list_all(
    manager: Manager,
    State(store): State<Store>,
    Path(key): Path<String>,
) -> Result<Json<EnrolmentPage>, RestError> {
    // Who is in a group is about people, not only about the group.
    let reader = manager.principal.people_reader()?;
    let key = group_key(&key)?;
    let group = store.find_group(&manager.principal.viewer(), &key).await?;
    let group = group.ok_or(RestError::NotFound("group"))?.value;
    store.audit_group_shown(&reader, Some(&key)).await?;
    let now_ms = store.clock().now_ms();
    let enrolments = group.enrolments.into_iter().map(|it| tested(it, now_ms)).collect();
    Ok(Json(EnrolmentPage { group: key.to_string(), enrolments }))
}

/// Take one tester out of a pilot group.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{key}/enrolments/{subject}",
    tag = "testers",
    params(
        ("key" = String, Path, description = "The group"),
        ("subject" = String, Path, description = "The targeting key, percent-encoded"),
    ),
    responses(
        (status = 200, body = Removed), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn remove(
    manager: Manager,
    State(store): State<Store>,
    Path((key, subject)): Path<(String, String)>,
) -> Result<Json<Removed>, RestError> {
    let enroller = manager.principal.enroller()?;
    let key = group_key(&key)?;
    let subject = SubjectKey::parse(&subject).map_err(|_| RestError::NotFound("tester"))?;
    match store.remove_testers(&enroller, &key, &[subject], "").await? {
        0 => Err(RestError::NotFound("tester")),
        removed => Ok(Json(Removed { removed })),
    }
}

fn group_key(text: &str) -> Result<GroupKey, RestError> {
    let missing = |_| StoreError::NotFound { kind: ObjectKind::Group, key: text.to_owned() };
    Ok(GroupKey::parse(text).map_err(missing)?)
}

fn list(testers: &[Tester], now_ms: i64) -> EnrolmentList {
    let mut list = EnrolmentList::default();
    for (at, tester) in testers.iter().enumerate() {
        let raw = match tester {
            Tester::Key(subject) => RawLine { subject, ..RawLine::default() },
            Tester::Enrolment(TesterLine { subject, purpose, from, until }) => {
                RawLine { subject, purpose, from, until }
            }
        };
        if !list.push(at + 1, raw.subject, raw, RawLine::default(), now_ms) {
            break;
        }
    }
    list
}

pub(super) fn told(report: &EnrolmentReport, choice: EnrolmentChoice, dry_run: bool) -> Report {
    let taken: Vec<_> = report.enrolled(choice).map(|it| it.line.number).collect();
    let standing = |wanted: fn(TesterStanding) -> bool| report.standing(wanted).count();
    let comes = |it: &&CheckedLine| matches!(it.standing, TesterStanding::New | TesterStanding::Renewed);
    let of_those =
        |wanted: fn(&CheckedLine) -> bool| report.lines.iter().filter(comes).filter(|it| wanted(it)).count();
    let line = |it: &CheckedLine| Checked {
        line: it.line.number,
        subject: it.line.subject.to_string(),
        standing: match it.standing {
            TesterStanding::New => "new",
            TesterStanding::Renewed => "renewed",
            TesterStanding::AlreadyIn => "already_in",
            TesterStanding::Duplicate { .. } => "duplicate",
        },
        known: it.known,
        enrolled: taken.binary_search(&it.line.number).is_ok(),
        excluded_from: it.excluded_from.iter().map(excluded).collect(),
    };
    Report {
        dry_run,
        enrolled: taken.len(),
        counts: Counts {
            new: standing(|it| it == TesterStanding::New),
            renewed: standing(|it| it == TesterStanding::Renewed),
            already_in: standing(|it| it == TesterStanding::AlreadyIn),
            duplicate: standing(|it| matches!(it, TesterStanding::Duplicate { .. })),
            excluded: of_those(|it| !it.excluded_from.is_empty()),
            unknown: of_those(|it| !it.known),
            malformed: report.malformed.len(),
        },
        lines: report.lines.iter().map(line).collect(),
        malformed: report
            .malformed
            .iter()
            .map(|it| Malformed { line: it.number, text: it.text.clone(), why: it.why.clone() })
            .collect(),
    }
}

fn excluded(it: &ExcludedFrom) -> Excluded {
    Excluded {
        environment: it.environment.to_string(),
        flag: it.flag.to_string(),
        group: it.through.as_ref().map(|(key, _)| key.to_string()),
    }
}

fn tested(enrolment: Enrolment, now_ms: i64) -> Tested {
    let state = match enrolment.state(now_ms) {
        EnrolmentState::Active => EnrolmentWord::Active,
        EnrolmentState::NotYet => EnrolmentWord::NotYet,
        EnrolmentState::Expired => EnrolmentWord::Expired,
    };
    let Enrolment { subject, purpose, from_ms, until_ms, by, at_ms } = enrolment;
    Tested { subject: subject.to_string(), purpose, from_ms, until_ms, state, by, at_ms }
}
