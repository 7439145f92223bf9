//! Finding people, and what else support asks about one: what changed for them, and in which groups they are and were.

use axum::Json;
use engine::{Enrolment, EnrolmentState, VariantKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditReader, Cause, FlagChanged, Match, Stay, TesterIn, Turn};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::Subject,
    error::{Problem, RestError},
    frame::{Asked, Names, Parameters, at, read_time},
    testers::require_subject,
};

const DAY_MS: i64 = 24 * 3_600_000;
const FOUND_MAX: usize = 50;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Search {
    /// Words in any order: a key, a name, an e-mail address, anything that is stored with people.
    q: String,
    /// 1 to 50; 50 without it.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// Who was found, the best first.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundPeople {
    /// They have all words.
    people: Vec<FoundPerson>,
    /// There are more than these: ask for more words.
    more: bool,
    /// Where those are few: who is nearly called so, the nearest first.
    similar: Vec<FoundPerson>,
    /// Keys that begin so and were served something, of whom nothing is stored.
    seen: Vec<SeenSubject>,
}

#[derive(Serialize, ToSchema)]
struct FoundPerson {
    id: String,
    #[schema(value_type = Object)]
    traits: Value,
}

/// A key that is known from evaluations only.
#[derive(Serialize, ToSchema)]
struct SeenSubject {
    id: String,
    first_at: String,
    /// Up to an hour behind.
    last_at: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Between {
    /// RFC 3339, or a day; left out, a day before `until`.
    from: Option<String>,
    /// RFC 3339, or a day; left out, now.
    until: Option<String>,
}

/// What is decided differently for one person at two moments, and what made it so.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonChanged {
    id: String,
    environment: String,
    from_at: String,
    until_at: String,
    /// How many flags were compared.
    compared: usize,
    flags: Vec<ChangedFlag>,
    /// As many more are decided differently, and not told.
    more: usize,
    /// Before that nobody knows what was stored with them; null: nothing is.
    stored_since_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ChangedFlag {
    flag: String,
    name: String,
    then: DecidedThen,
    now: DecidedThen,
    /// Each time the decision became another, oldest first.
    turns: Vec<TurnView>,
    /// As many turns before those are not told.
    earlier: usize,
}

/// What was decided at one moment.
#[derive(Serialize, ToSchema)]
struct DecidedThen {
    /// Null: there was no answer.
    variant: Option<String>,
    /// A plain sentence.
    why: String,
}

#[derive(Serialize, ToSchema)]
struct TurnView {
    at: String,
    before: Option<String>,
    after: Option<String>,
    cause: CauseView,
}

/// What made a decision another.
#[derive(Serialize, ToSchema)]
struct CauseView {
    kind: CauseWord,
    /// The entry of the audit log, for whoever may read it.
    seq: Option<u64>,
    /// What was done, for the same readers.
    sentence: Option<String>,
    by: Option<String>,
    /// Of an enrolment: in the group of this name.
    group: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CauseWord {
    /// Somebody's change.
    Change,
    EnrolmentBegan,
    EnrolmentEnded,
    /// A condition compares a date with the clock.
    Time,
    /// One of the first of many changes.
    Many,
    Unknown,
}

/// The groups that somebody is in by name, and was.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonGroups {
    id: String,
    enrolments: Vec<Enrolled>,
    /// When they were, are or will be in which group: groups by key, stays by time.
    stays: Vec<StayView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PersonEnrolment)]
struct Enrolled {
    group: String,
    group_name: String,
    purpose: String,
    /// Whether it counts now.
    active: bool,
    from_at: Option<String>,
    until_at: Option<String>,
    by: String,
}

#[derive(Serialize, ToSchema)]
struct StayView {
    group: String,
    group_name: String,
    /// Null: nobody wrote down when it began.
    from_at: Option<String>,
    /// Null: without end.
    until_at: Option<String>,
}

/// Finds people by anything that is stored with them, forgiving of how it is spelled. Audited; never what was typed.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    params(Search),
    responses((status = 200, body = FoundPeople), (status = 422, body = Problem)),
)]
pub(crate) async fn search(
    asked: Asked,
    Parameters(Search { q, limit }): Parameters<Search>,
) -> Result<Json<FoundPeople>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let limit = limit.unwrap_or(FOUND_MAX);
    if !(1..=FOUND_MAX).contains(&limit) {
        return Err(RestError::Refused(format!("limit lies between 1 and {FOUND_MAX}")));
    }
    let query = q.trim();
    if query.is_empty() {
        return Err(RestError::Refused("q: say whom to look for".to_owned()));
    }
    let matches = asked.store.search_people(&reader, query, limit).await?;
    let mut seen = asked.store.learned_subjects(&reader, query).await?;
    let people = asked.store.live().people();
    seen.retain(|(subject, ..)| people.traits(subject.as_str()).is_none());
    seen.truncate(limit);
    let learned = |(subject, first_ms, last_ms): (engine::SubjectKey, i64, i64)| SeenSubject {
        id: subject.to_string(),
        first_at: at(first_ms),
        last_at: at(last_ms),
    };
    Ok(Json(FoundPeople {
        people: matches.people.into_iter().map(found).collect(),
        more: matches.more,
        similar: matches.similar.into_iter().map(found).collect(),
        seen: seen.into_iter().map(learned).collect(),
    }))
}

/// What changed for one person between two moments, and what did it. Audited.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}/changes",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key."), Between),
    responses((status = 200, body = PersonChanged), (status = 422, body = Problem)),
)]
pub(crate) async fn changes(
    asked: Asked,
    Names(id): Names<String>,
    Parameters(between): Parameters<Between>,
) -> Result<Json<PersonChanged>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let subject = require_subject(&id)?;
    let environment = asked.manager.environment()?;
    let now_ms = asked.store.clock().now_ms();
    let (from_ms, until_ms) = between.read(now_ms)?;
    asked.store.look_up(&reader, &subject).await?;
    let found = asked.store.changed_for(&reader, environment, &subject, from_ms, until_ms).await?;
    let auditor = asked.manager.principal.audit_reader().ok();
    let flags = found.flags.iter().map(|flag| changed_flag(flag, auditor.as_ref()));
    Ok(Json(PersonChanged {
        id: subject.to_string(),
        environment: environment.key.to_string(),
        from_at: at(from_ms),
        until_at: at(until_ms),
        compared: found.compared,
        flags: flags.collect(),
        more: found.more,
        stored_since_at: found.stored_since_ms.map(at),
    }))
}

/// The groups that one person is in by name, and was. Audited.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}/groups",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key.")),
    responses((status = 200, body = PersonGroups), (status = 422, body = Problem)),
)]
pub(crate) async fn groups(asked: Asked, Names(id): Names<String>) -> Result<Json<PersonGroups>, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let subject = require_subject(&id)?;
    asked.store.look_up(&reader, &subject).await?;
    let now_ms = asked.store.clock().now_ms();
    let enrolments = asked.store.pilots_of(&reader, &subject).await?;
    let stays = asked.store.stays_of(&reader, &subject).await?;
    Ok(Json(PersonGroups {
        id: subject.to_string(),
        enrolments: enrolments.into_iter().map(|it| enrolled(it, now_ms)).collect(),
        stays: stays.into_iter().map(stay).collect(),
    }))
}

impl Between {
    fn read(&self, now_ms: i64) -> Result<(i64, i64), RestError> {
        let time = |name: &str, text: &String| {
            read_time("", text).map_err(|error| RestError::Refused(format!("{name}: {error}")))
        };
        let until_ms = self.until.as_ref().map_or(Ok(now_ms), |text| time("until", text))?;
        let from_ms =
            self.from.as_ref().map_or(Ok(until_ms.saturating_sub(DAY_MS)), |text| time("from", text))?;
        if until_ms > now_ms {
            return Err(RestError::Refused("until: that moment is still to come".to_owned()));
        }
        if from_ms >= until_ms {
            return Err(RestError::Refused("from: name a moment before the other one".to_owned()));
        }
        Ok((from_ms, until_ms))
    }
}

fn found(person: Match) -> FoundPerson {
    let traits = serde_json::to_value(&person.traits).unwrap_or_default();
    FoundPerson { id: person.subject.to_string(), traits }
}

fn changed_flag(changed: &FlagChanged, auditor: Option<&AuditReader>) -> ChangedFlag {
    let decided = |given: Option<&engine::Served>, why: String| DecidedThen {
        variant: given.map(|it| it.variant.to_string()),
        why,
    };
    ChangedFlag {
        flag: changed.flag.key.to_string(),
        name: changed.flag.name.clone(),
        then: decided(changed.given_then(), changed.then.sentence()),
        now: decided(changed.given_now(), changed.now.sentence()),
        turns: changed.turns.iter().map(|turn| told(turn, auditor)).collect(),
        earlier: changed.earlier,
    }
}

fn told(turn: &Turn, auditor: Option<&AuditReader>) -> TurnView {
    let variant = |key: &Option<VariantKey>| key.as_ref().map(ToString::to_string);
    TurnView {
        at: at(turn.at_ms),
        before: variant(&turn.before),
        after: variant(&turn.after),
        cause: cause(&turn.cause, auditor),
    }
}

fn cause(cause: &Cause, auditor: Option<&AuditReader>) -> CauseView {
    let alone = |kind| CauseView { kind, seq: None, sentence: None, by: None, group: None };
    match cause {
        Cause::Entry(entry) if auditor.is_some_and(|reader| reader.sees(entry)) => CauseView {
            seq: Some(entry.seq),
            sentence: Some(entry.sentence.clone()),
            by: Some(entry.actor.clone()),
            ..alone(CauseWord::Change)
        },
        Cause::Entry(_) => alone(CauseWord::Change),
        Cause::Enrolment { group, state } => {
            let kind = match state {
                EnrolmentState::Expired => CauseWord::EnrolmentEnded,
                EnrolmentState::Active | EnrolmentState::NotYet => CauseWord::EnrolmentBegan,
            };
            CauseView { group: Some(group.clone()), ..alone(kind) }
        }
        Cause::Time => alone(CauseWord::Time),
        Cause::Many => alone(CauseWord::Many),
        Cause::Unknown => alone(CauseWord::Unknown),
    }
}

fn enrolled(it: TesterIn, now_ms: i64) -> Enrolled {
    let active = it.enrolment.is_active(now_ms);
    let Enrolment { purpose, from_ms, until_ms, by, .. } = it.enrolment;
    Enrolled {
        group: it.group.to_string(),
        group_name: it.group_name,
        purpose,
        active,
        from_at: from_ms.map(at),
        until_at: until_ms.map(at),
        by,
    }
}

fn stay(it: Stay) -> StayView {
    StayView {
        group: it.group.to_string(),
        group_name: it.group_name,
        from_at: it.from_ms.map(at),
        until_at: it.until_ms.map(at),
    }
}
