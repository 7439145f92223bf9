//! `/api/v1/flags/{key}/rollout`: what decides who gets a flag, whole or one percentage of it, and the kill switch.

use axum::{Json, extract::Path};
use engine::{Percentage, Rollout, RuleId, audience_phrase, rollout_phrase};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, value::RawValue};
use utoipa::ToSchema;

use super::{
    at_flag::AtFlag,
    document::{self, Comment, PerCent, Version},
    error::{Problem, RestError},
    fields::wrong,
    frame,
    pointer::{self, Sent},
};
use crate::edge::body::Unread;

/// What decides who gets a flag in the environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolloutInForce {
    flag: String,
    environment: String,
    /// Of the environment: a decision that carries it, or a later one, was made by this.
    revision: u64,
    /// Sent back with a change.
    version: u64,
    /// False: stopped.
    enabled: bool,
    /// Who gets it, in words.
    state: String,
    /// In the order in which they are tried.
    rules: Vec<RuleInForce>,
    changed_by: String,
    changed_ms: i64,
    /// The same in RFC 3339, UTC.
    changed_at: String,
    /// As it is sent back with a change; percentages in it are in thousandths of a per cent.
    #[schema(value_type = document::Rollout)]
    definition: Value,
}

/// An audience, and how much of it.
#[derive(Serialize, ToSchema)]
struct RuleInForce {
    id: String,
    /// Whom it is about, in words.
    audience: String,
    #[schema(value_type = PerCent)]
    percentage: Option<Number>,
}

/// A whole rollout in place of the one that was read.
#[derive(Deserialize, ToSchema)]
#[schema(as = RolloutChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// As `definition` was answered. The seed stays as it is: another one would give everybody another place.
    #[schema(value_type = document::Rollout)]
    rollout: Box<RawValue>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// One percentage; everything else stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleChange {
    /// The version that was read. Left out, whatever is in force is changed.
    #[schema(value_type = Option<Version>)]
    version: Option<u64>,
    /// `20` or `0.5`: per cent, in steps of 0.001.
    #[schema(value_type = PerCent)]
    percentage: Number,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// Why; the body may be left out.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// What decides who gets a flag.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/rollout",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    responses(
        (status = 200, body = RolloutInForce),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn get(at: AtFlag) -> Result<Json<RolloutInForce>, RestError> {
    answer(&at).await
}

/// Replaces a rollout. What others saved since the version that was read is answered with 409, and what they changed.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{key}/rollout",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = Change,
    responses(
        (status = 200, body = RolloutInForce),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn put(at: AtFlag, body: Unread) -> Result<Json<RolloutInForce>, RestError> {
    let editor = at.there.flag_editor()?;
    let sent = at.body::<Change>(body).await?;
    let Change { version, rollout, comment } = sent.value;
    // What no schema can say of a tree of conditions is told like everything else that does not fit.
    let rollout: Rollout = pointer::read(&rollout, "/rollout", "rollout")?;
    let place = Sent::Rollout(&rollout, "/rollout");
    let saved = at.store.save_rollout(&editor, &at.environment, &at.flag, version, rollout.clone(), &comment);
    saved.await.map_err(|error| place.refusal(error))?;
    answer(&at).await
}

/// Sets one rule's percentage, up or down.
#[utoipa::path(
    patch,
    path = "/api/v1/flags/{key}/rules/{rule}",
    tag = "rollouts",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("rule" = String, Path, description = "The rule's id, as in the rollout"),
    ),
    request_body = RuleChange,
    responses(
        (status = 200, body = RolloutInForce),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn patch_rule(
    at: AtFlag,
    Path((_, rule)): Path<(String, String)>,
    body: Unread,
) -> Result<Json<RolloutInForce>, RestError> {
    let editor = at.there.flag_editor()?;
    let sent = at.body::<RuleChange>(body).await?;
    let RuleChange { version, percentage, comment } = sent.value;
    let percentage = Percentage::parse(&percentage.to_string())
        .map_err(|error| wrong("/percentage", error.to_string()))?;
    let missing = || RestError::NotFound("rule");
    let rule = RuleId::parse(&rule).map_err(|_| missing())?;
    let to = (&rule, percentage);
    let set = at.store.set_percentage(&editor, &at.environment, &at.flag, to, version, &comment).await?;
    set.ok_or_else(missing)?;
    answer(&at).await
}

/// The kill switch: everybody gets the off variant from this moment, whatever others have saved. The rollout below it
/// stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/stop",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body(content = Option<Reason>),
    responses(
        (status = 200, body = RolloutInForce),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn stop(at: AtFlag, body: Unread) -> Result<Json<RolloutInForce>, RestError> {
    let stopper = at.there.stopper()?;
    let Reason { comment } = at.body_or_default(body).await?.value;
    at.store.stop(&stopper, &at.environment, &at.flag, &comment).await?;
    answer(&at).await
}

/// Ends a stop: exactly the same people have the flag again.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/resume",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body(content = Option<Reason>),
    responses(
        (status = 200, body = RolloutInForce),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn resume(at: AtFlag, body: Unread) -> Result<Json<RolloutInForce>, RestError> {
    let editor = at.there.flag_editor()?;
    let Reason { comment } = at.body_or_default(body).await?.value;
    at.store.resume(&editor, &at.environment, &at.flag, &comment).await?;
    answer(&at).await
}

/// The rollout as it is now.
pub(super) async fn answer(at: &AtFlag) -> Result<Json<RolloutInForce>, RestError> {
    let found = at.store.find_rollout_with_revision(&at.viewer(), &at.environment, &at.flag).await?;
    let (rollout, revision) = found.ok_or(RestError::NotFound("flag"))?;
    let snapshot = at.snapshot()?;
    let group = engine::group_name(&snapshot);
    let rules = rollout.value.rules.iter().map(|rule| RuleInForce {
        id: rule.id.to_string(),
        audience: audience_phrase(&rule.audience, &group),
        percentage: rule.percentage.to_string().parse().ok(),
    });
    Ok(Json(RolloutInForce {
        flag: at.flag.to_string(),
        environment: at.environment.to_string(),
        revision,
        version: rollout.version,
        enabled: rollout.value.enabled,
        state: rollout_phrase(&rollout.value, &group),
        rules: rules.collect(),
        changed_by: rollout.changed_by,
        changed_ms: rollout.changed_ms,
        changed_at: frame::at(rollout.changed_ms),
        definition: serde_json::to_value(&rollout.value).unwrap_or_default(),
    }))
}
