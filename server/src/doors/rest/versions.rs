//! What a flag and its rollout were before: `/history`, one version, going back to it, and drawing everybody anew.

use axum::{
    Json,
    extract::{
        Path, Query,
        rejection::{PathRejection, QueryRejection},
    },
};
use engine::{Change, group_name, rollout_phrase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditEntry, ObjectKind, ObjectRef};
use utoipa::{IntoParams, ToSchema};

use super::{
    at_flag::AtFlag,
    document::{self, Comment, Version},
    error::{Problem, RestError},
    fields::wrong,
    frame,
    rollout::{self, RolloutInForce},
};
use crate::{
    edge::body::Unread,
    limits::{HISTORY_PAGE_DEFAULT, HISTORY_PAGE_MAX},
};

/// Which changes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next` of the page before.
    #[param(value_type = Option<Version>)]
    cursor: Option<u64>,
    /// The environment that this is about, with a token for the whole workspace.
    #[expect(dead_code, reason = "the manager has read it; no other name is taken for it")]
    environment: Option<String>,
}

/// Changes of a flag and of its rollout in one environment, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagHistory {
    changes: Vec<PastChange>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<u64>,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub(crate) struct PastChange {
    /// Of its audit entry.
    seq: u64,
    at_ms: i64,
    /// The same in RFC 3339, UTC.
    at: String,
    by: String,
    /// As in the audit log.
    action: &'static str,
    /// `null`: of the flag, everywhere.
    environment: Option<String>,
    sentence: String,
    reason: String,
    /// The version that it made: of the rollout where there is an environment, otherwise of the flag.
    version: Option<u64>,
    details: Vec<Difference>,
}

/// One thing that differs.
#[derive(Serialize, ToSchema)]
struct Difference {
    phrase: String,
    before: Option<String>,
    after: Option<String>,
}

/// A rollout as it was.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolloutVersion {
    flag: String,
    environment: String,
    version: u64,
    /// Who got it, in words.
    state: String,
    changed_by: String,
    changed_ms: i64,
    /// The same in RFC 3339, UTC.
    changed_at: String,
    #[schema(value_type = document::Rollout)]
    definition: Value,
}

/// Where to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reversion {
    /// The version that counts again.
    #[schema(value_type = Version)]
    to_version: u64,
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// That everybody is drawn anew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReRandomisation {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// The flag's key once more: at every percentage between 0 and 100, people lose the feature and others gain it.
    confirm: String,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

impl From<AuditEntry> for PastChange {
    fn from(entry: AuditEntry) -> Self {
        let difference = |Change { phrase, before, after }: Change| Difference { phrase, before, after };
        Self {
            seq: entry.seq,
            at_ms: entry.at_ms,
            at: frame::at(entry.at_ms),
            by: entry.actor,
            action: entry.action.as_str(),
            environment: entry.environment.map(Into::into),
            sentence: entry.sentence,
            reason: entry.reason,
            version: entry.version,
            details: entry.changes.into_iter().map(difference).collect(),
        }
    }
}

/// What happened to a flag and to its rollout in an environment, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/history",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key"), HistoryQuery),
    responses((status = 200, body = FlagHistory)),
)]
pub(crate) async fn history(
    at: AtFlag,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<FlagHistory>, RestError> {
    let Query(HistoryQuery { limit, cursor, .. }) = query?;
    let limit = limit.unwrap_or(HISTORY_PAGE_DEFAULT);
    if !(1..=HISTORY_PAGE_MAX).contains(&limit) {
        return Err(RestError::Refused(format!("limit lies between 1 and {HISTORY_PAGE_MAX}")));
    }
    let object = ObjectRef::new(ObjectKind::Flag, at.flag.as_str());
    let (viewer, here) = (at.viewer(), Some(&at.environment));
    let mut entries = at.store.history(&viewer, &object, here, cursor, limit + 1).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    Ok(Json(FlagHistory {
        next: entries.last().filter(|_| has_more).map(|entry| entry.seq),
        changes: entries.into_iter().map(Into::into).collect(),
    }))
}

/// A rollout as it was at one version.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/rollout/versions/{version}",
    tag = "rollouts",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("version" = Version, Path, description = "As in the history"),
    ),
    responses((status = 200, body = RolloutVersion)),
)]
pub(crate) async fn version(
    at: AtFlag,
    path: Result<Path<(String, u64)>, PathRejection>,
) -> Result<Json<RolloutVersion>, RestError> {
    let Path((_, version)) = path?;
    let found = at.store.find_rollout_version(&at.viewer(), &at.environment, &at.flag, version).await?;
    let found = found.ok_or(RestError::NotFound("version"))?;
    let snapshot = at.snapshot()?;
    Ok(Json(RolloutVersion {
        flag: at.flag.to_string(),
        environment: at.environment.to_string(),
        version: found.version,
        state: rollout_phrase(&found.value, &group_name(&snapshot)),
        changed_by: found.changed_by,
        changed_ms: found.changed_ms,
        changed_at: frame::at(found.changed_ms),
        definition: serde_json::to_value(&found.value).unwrap_or_default(),
    }))
}

/// Goes back to an earlier version, as a new one: rules, percentages, exceptions, and the place of everybody. What is stopped
/// stays stopped.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/rollout/revert",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = Reversion,
    responses((status = 200, body = RolloutInForce), (status = 409, body = Problem)),
)]
pub(crate) async fn revert(at: AtFlag, body: Unread) -> Result<Json<RolloutInForce>, RestError> {
    let editor = at.there.flag_editor()?;
    let Reversion { to_version, version, comment } = at.body(body).await?.value;
    let back = (to_version, version);
    let reverted = at.store.return_to_version(&editor, &at.environment, &at.flag, back, &comment).await?;
    reverted.ok_or_else(|| wrong("/to_version", "the rollout never had this version"))?;
    rollout::answer(&at).await
}

/// Draws everybody's place anew: people lose the feature and others gain it, at every percentage between 0 and 100.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/rollout/re-randomise",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = ReRandomisation,
    responses((status = 200, body = RolloutInForce), (status = 409, body = Problem)),
)]
pub(crate) async fn re_randomise(at: AtFlag, body: Unread) -> Result<Json<RolloutInForce>, RestError> {
    let editor = at.there.flag_editor()?;
    let ReRandomisation { version, confirm, comment } = at.body(body).await?.value;
    if confirm != at.flag.as_str() {
        let sentence = format!("send \"{}\" to draw everybody anew", at.flag);
        return Err(wrong("/confirm", sentence));
    }
    at.store.re_randomise(&editor, &at.environment, &at.flag, version, &comment).await?;
    rollout::answer(&at).await
}
