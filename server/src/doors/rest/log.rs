//! `/api/v1/audit`: the log, one entry of it, the log as a file, and taking a change back.

use app::audit::export::{Form, file};
use axum::{Json, extract::State, response::Response};
use engine::EnvironmentKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Action, ActorKind, AuditEntry, AuditFilter, ObjectKind, ObjectRef, Operation};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::{Comment, Key},
    error::{Problem, RestError},
    frame::{Asked, Names, Parameters, Writing, at, filter_by},
    groups::require_group,
    paging::{self, Part},
    versions::PastChange,
};
use crate::edge::{access::Access, fault::Fault};

/// What happened to a group, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupHistory {
    changes: Vec<PastChange>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// Which entries; every filter that is set has to agree.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// `flag`, `group`, `member`, `token`, …
    kind: Option<String>,
    /// Of the object.
    key: Option<String>,
    /// In which environment it was done.
    #[param(value_type = Option<Key>)]
    r#in: Option<String>,
    /// A member's name or e-mail address, exactly.
    actor: Option<String>,
    /// `rollout_changed`, `group_created`, …
    action: Option<String>,
    /// RFC 3339, or a day.
    from: Option<String>,
    /// Exclusive.
    until: Option<String>,
    /// Anywhere in the sentence, the reason, the name of the object or what changed.
    q: Option<String>,
    /// `next` of the part before.
    cursor: Option<String>,
    /// 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Entries, newest first; of whoever does not read the whole log those that they may see.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryList {
    /// May be fewer than `limit`: a search for a text looks at so many entries at a time.
    entries: Vec<EntryView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// 1, 2, 3…, without gaps.
    seq: u64,
    at: String,
    actor: String,
    #[schema(value_type = String)]
    actor_kind: ActorKind,
    actor_email: String,
    #[schema(value_type = String)]
    action: Action,
    object: ObjectView,
    environment: Option<String>,
    /// `raised VIP agencies 50 → 100 % on Fast payment in production`
    sentence: String,
    changes: Vec<ChangeView>,
    reason: String,
    address: String,
    request_id: String,
    /// The object's version that this change made, where it has versions.
    version: Option<u64>,
    /// Whether it can be taken back.
    revertible: bool,
    hash: String,
    previous_hash: String,
    /// The object before and after it; of one entry only.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

#[derive(Serialize, ToSchema)]
struct ObjectView {
    kind: String,
    key: String,
    /// At the time.
    name: String,
}

#[derive(Serialize, ToSchema)]
struct ChangeView {
    phrase: String,
    before: Option<String>,
    after: Option<String>,
}

/// Why a change is taken back; the body may be left out.
#[derive(Deserialize, Default, ToSchema)]
#[schema(as = EntryReversion)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reversion {
    /// Only if nothing changed it since; of rollouts.
    #[serde(default)]
    only_last: bool,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// What taking it back made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reverted {
    /// Of the object.
    version: u64,
}

/// The audit log, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    params(LogQuery),
    responses((status = 200, body = EntryList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Json<EntryList>, RestError> {
    let reader = asked.manager.principal.audit_reader()?;
    let limit = paging::limit(query.limit)?;
    let before_seq = paging::number(query.cursor.as_deref())?;
    let filter = AuditFilter { before_seq, limit, ..query.filter()? };
    let (filter, further) = filter.in_reach(asked.store.live().seq());
    let found = asked.store.list_audit(&reader, &filter).await?;
    let last = found.last().filter(|_| found.len() == limit).map(|it| it.seq);
    let next = last.or(further).map(|seq| seq.to_string());
    Ok(Json(EntryList { entries: found.into_iter().map(view).collect(), next }))
}

/// One entry, with the object on both sides.
#[utoipa::path(
    get,
    path = "/api/v1/audit/{seq}",
    tag = "audit",
    params(("seq" = String, Path, description = "Its number")),
    responses((status = 200, body = EntryView)),
)]
pub(crate) async fn get(asked: Asked, Names(seq): Names<String>) -> Result<Json<EntryView>, RestError> {
    let reader = asked.manager.principal.audit_reader()?;
    let found = asked.store.find_audit(&reader, entry(&seq)?).await?;
    Ok(Json(view(found.ok_or_else(missing)?)))
}

/// The log as a table (CSV), as it is when this is asked.
#[utoipa::path(
    get,
    path = "/api/v1/audit.csv",
    tag = "audit",
    params(LogQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn csv(
    asked: Asked,
    State(access): State<Access>,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Response, RestError> {
    let reader = asked.manager.principal.audit_reader()?;
    count_export(&asked, &access)?;
    Ok(file(&asked.store, reader, query.filter()?, Form::Csv).await?)
}

/// The log as one JSON document a line, with both sides of each change, as it is when this is asked.
#[utoipa::path(
    get,
    path = "/api/v1/audit.ndjson",
    tag = "audit",
    params(LogQuery),
    responses(
        (status = 200, body = String, content_type = "application/jsonl"),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn json_lines(
    asked: Asked,
    State(access): State<Access>,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Response, RestError> {
    let reader = asked.manager.principal.audit_reader()?;
    count_export(&asked, &access)?;
    Ok(file(&asked.store, reader, query.filter()?, Form::JsonLines).await?)
}

/// A file is read from one end to the other: each member may have so many, by whatever way.
fn count_export(asked: &Asked, access: &Access) -> Result<(), RestError> {
    let by = asked.manager.principal.person();
    let allowed = by.map_or(Ok(()), |by| access.allowances.export(by));
    allowed.map_err(|retry_after_s| RestError::Fault(Fault::TooOften { retry_after_s }))
}

/// Makes the state before a change the next version of its object, whatever happened since. It takes what making the change
/// takes.
#[utoipa::path(
    post,
    path = "/api/v1/audit/{seq}/revert",
    tag = "audit",
    params(("seq" = String, Path, description = "The entry's number")),
    request_body(content = Option<Reversion>),
    responses((status = 200, body = Reverted), (status = 409, body = Problem)),
)]
pub(crate) async fn revert(Names(seq): Names<String>, asked: Writing) -> Result<Json<Reverted>, RestError> {
    let viewer = asked.asked.manager.everywhere(Operation::EditFlags)?.viewer();
    let (asked, sent) = asked.read_or_default::<Reversion>().await?;
    let Reversion { only_last, comment } = sent.value;
    let seq = entry(&seq)?;
    let version = if only_last {
        asked.store.undo(&viewer, seq, &comment).await?
    } else {
        asked.store.revert(&viewer, seq, &comment).await?
    };
    Ok(Json(Reverted { version }))
}

/// What happened to a group and to who is in it, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{key}/history",
    tag = "groups",
    params(("key" = String, Path, description = "The group"), Part),
    responses((status = 200, body = GroupHistory), (status = 422, body = Problem)),
)]
pub(crate) async fn of_group(
    asked: Asked,
    Names(key): Names<String>,
    Parameters(part): Parameters<Part>,
) -> Result<Json<GroupHistory>, RestError> {
    let limit = paging::limit(part.limit)?;
    let before = paging::number(part.cursor.as_deref())?;
    let group = require_group(&asked, &key).await?.value;
    let object = ObjectRef::new(ObjectKind::Group, group.key.as_str());
    let viewer = asked.manager.principal.viewer();
    let found = asked.store.history(&viewer, &object, None, before, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|it| it.seq.to_string());
    Ok(Json(GroupHistory { changes: found.into_iter().map(PastChange::from).collect(), next }))
}

fn missing() -> RestError {
    RestError::NotFound("entry")
}

fn entry(text: &str) -> Result<u64, RestError> {
    text.parse().map_err(|_| missing())
}

impl LogQuery {
    /// But for where the part begins.
    fn filter(self) -> Result<AuditFilter, RestError> {
        Ok(AuditFilter {
            object_kind: filter_by("kind", self.kind.as_deref(), ObjectKind::parse)?,
            object_key: self.key,
            environment: filter_by("in", self.r#in, EnvironmentKey::try_from)?,
            actor: self.actor,
            action: filter_by("action", self.action.as_deref(), Action::parse)?,
            from_ms: filter_by("from", self.from.as_deref(), engine::parse_date_ms)?,
            until_ms: filter_by("until", self.until.as_deref(), engine::parse_date_ms)?,
            text: self.q.filter(|text| !text.trim().is_empty()),
            ..AuditFilter::default()
        })
    }
}

fn view(it: AuditEntry) -> EntryView {
    let revertible = it.is_revertible();
    let change = |it: engine::Change| ChangeView { phrase: it.phrase, before: it.before, after: it.after };
    EntryView {
        seq: it.seq,
        at: at(it.at_ms),
        actor: it.actor,
        actor_kind: it.actor_kind,
        actor_email: it.actor_email,
        action: it.action,
        object: ObjectView { kind: it.object.kind.to_string(), key: it.object.key, name: it.object_name },
        environment: it.environment.as_ref().map(ToString::to_string),
        sentence: it.sentence,
        changes: it.changes.into_iter().map(change).collect(),
        reason: it.reason,
        address: it.address,
        request_id: it.request_id,
        version: it.version,
        revertible,
        hash: it.hash,
        previous_hash: it.previous_hash,
        before: it.before,
        after: it.after,
    }
}
