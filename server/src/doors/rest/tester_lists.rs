//! `/api/v1/groups/{key}/tester-lists`: enrolling a list in two steps, as at the page. The report of the first has a
//! fingerprint; sent back with the same list it confirms what was read there and nothing else.

use axum::Json;
use engine::{DayEdge, SubjectKey, parse_moment_ms};
use serde::{Deserialize, Serialize};
use store::{Enrolled, EnrolmentChoice, EnrolmentList, RawLine, limits::PURPOSE_CHARS_MAX};
use utoipa::ToSchema;

use super::{
    document::{Comment, Subject},
    enrolments::{Report, told},
    error::{Problem, RestError},
    fields,
    frame::{Names, Writing, at},
    groups::require_group,
};

/// At most as many as one enrolment may name.
const SUBJECTS_MAX: usize = 10_000;

/// Testers as somebody pasted them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TesterList {
    /// Targeting keys, e-mail addresses or names of known people, as many to a line as you like; or a table whose first line
    /// names the columns (id, e-mail or name, purpose, from, until). At most 10,000 testers.
    list: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    purpose: String,
    /// Of lines that say nothing else: a day (from its start) or a moment, in UTC, or RFC 3339.
    #[serde(default)]
    from: String,
    /// A day (to its end) or a moment.
    #[serde(default)]
    until: String,
    /// Also enrol who is excluded from a rollout that uses the group; the exclusion still beats the enrolment.
    #[serde(default)]
    with_excluded: bool,
    /// Also enrol who is no known person.
    #[serde(default)]
    with_unknown: bool,
    /// Left out, nothing is written. That of the report: enrols, unless the report has become another one.
    fingerprint: Option<String>,
}

/// What enrolling a list did, or would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListReport {
    /// Sent back with the same list it confirms this report.
    fingerprint: String,
    #[serde(flatten)]
    report: Report,
}

/// Testers whose enrolments end at another time.
#[derive(Deserialize, ToSchema)]
#[schema(as = TesterExtension)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    /// At most 10,000.
    #[schema(value_type = Vec<Subject>, max_items = 10_000)]
    subjects: Vec<String>,
    /// A day (to its end) or a moment, in UTC, or RFC 3339. Null or left out: they stay until somebody takes them out.
    until: Option<String>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// How many testers it changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Extended {
    changed: usize,
}

/// Checks a list of testers, or enrols the one that was checked.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{key}/tester-lists",
    tag = "testers",
    params(("key" = String, Path, description = "The group")),
    request_body = TesterList,
    responses((status = 200, body = ListReport), (status = 409, body = Problem)),
)]
pub(crate) async fn send(Names(key): Names<String>, asked: Writing) -> Result<Json<ListReport>, RestError> {
    let enroller = asked.asked.manager.principal.enroller()?;
    let (asked, sent) = asked.read::<TesterList>().await?;
    let body = &sent.value;
    let group = require_group(&asked, &key).await?.value;
    let mut list = body.read(asked.store.clock().now_ms())?;
    if let Ok(reader) = asked.manager.principal.people_reader() {
        // Whom an address or a name means is only for whoever may look people up.
        list = asked.store.find_listed(&reader, &group.key, list).await?;
    }
    let choice = EnrolmentChoice { with_excluded: body.with_excluded, with_unknown: body.with_unknown };
    let Some(seen) = &body.fingerprint else {
        let report = asked.store.check_enrolments(&enroller, &group, &list).await?;
        let fingerprint = report.fingerprint();
        return Ok(Json(ListReport { fingerprint, report: told(&report, choice, true) }));
    };
    match asked.store.enrol(&enroller, &group.key, &list, choice, Some(seen), &body.purpose).await? {
        Enrolled::Done(report) => {
            let fingerprint = report.fingerprint();
            Ok(Json(ListReport { fingerprint, report: told(&report, choice, false) }))
        }
        Enrolled::Changed(_) => Err(RestError::Conflict(
            "the list, the group or what is known of its people has changed since that report, and nothing was written: \
             send the list without its fingerprint, read the report, then confirm it"
                .to_owned(),
        )),
    }
}

/// Gives testers of a group another end.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{key}/extensions",
    tag = "testers",
    params(("key" = String, Path, description = "The group")),
    request_body = Extension,
    responses((status = 200, body = Extended)),
)]
pub(crate) async fn extend(Names(key): Names<String>, asked: Writing) -> Result<Json<Extended>, RestError> {
    let enroller = asked.asked.manager.principal.enroller()?;
    let (asked, sent) = asked.read::<Extension>().await?;
    let Extension { subjects, until, comment } = sent.value;
    if subjects.is_empty() || subjects.len() > SUBJECTS_MAX {
        return Err(fields::wrong("/subjects", "name 1 to 10,000 testers"));
    }
    let subject = |(n, text): (usize, String)| {
        let wrong = |error| fields::wrong(&format!("/subjects/{n}"), error);
        SubjectKey::try_from(text).map_err(wrong)
    };
    let subjects = subjects.into_iter().enumerate().map(subject).collect::<Result<Vec<_>, _>>()?;
    let until_ms = until.map(|text| moment("/until", &text, DayEdge::End)).transpose()?;
    let group = require_group(&asked, &key).await?.value;
    let changed = asked.store.extend_testers(&enroller, &group.key, &subjects, until_ms, &comment).await?;
    Ok(Json(Extended { changed }))
}

fn moment(pointer: &str, text: &str, edge: DayEdge) -> Result<i64, RestError> {
    parse_moment_ms(text, edge).map_err(|error| fields::wrong(pointer, error))
}

impl TesterList {
    /// The list, with what the body says for all of it.
    fn read(&self, now_ms: i64) -> Result<EnrolmentList, RestError> {
        if self.purpose.chars().count() > PURPOSE_CHARS_MAX {
            return Err(fields::wrong("/purpose", format!("keep it to {PURPOSE_CHARS_MAX} characters")));
        }
        let time = |pointer, text: &str, edge| match text {
            "" => Ok(String::new()),
            text => moment(pointer, text, edge).map(at),
        };
        let from = time("/from", &self.from, DayEdge::Start)?;
        let until = time("/until", &self.until, DayEdge::End)?;
        let otherwise = RawLine { subject: "", purpose: &self.purpose, from: &from, until: &until };
        let list = EnrolmentList::parse(&self.list, otherwise, now_ms);
        match &list.refused {
            Some(why) => Err(fields::wrong("/list", why)),
            None if list.is_empty() => Err(fields::wrong("/list", "name at least one tester")),
            None => Ok(list),
        }
    }
}
