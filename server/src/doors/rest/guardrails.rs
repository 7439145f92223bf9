//! `/api/v1/flags/{key}/guardrails`: what guards a flag, as documents and as sentences. `/api/v1/guardrails`: what guards
//! every rollout without its own.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use engine::guardrail::{Guardrail, Proof};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{GuardrailSet, Replayed, Store};
use utoipa::{IntoParams, ToSchema};

use super::{
    at_flag::AtFlag,
    document::{self, Comment, Version},
    error::{Problem, RestError},
    manager::Manager,
};
use crate::{
    edge::body::{Bodies, Unread},
    limits::REST_BODY_BYTES_MAX,
};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// What guards a flag in the token's environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Guarded {
    /// Sent back with a change; 0 while the workspace's defaults apply.
    version: u64,
    /// True: the workspace's defaults.
    inherited: bool,
    guardrails: Vec<KnownGuardrail>,
    /// What counts as proof that a step is healthy.
    #[schema(value_type = document::Proof)]
    proof: Value,
}

/// One guardrail.
#[derive(Serialize, ToSchema)]
#[schema(as = KnownGuardrail)]
struct KnownGuardrail {
    /// `Stop if errors are above 5 % (servers only)`.
    sentence: String,
    /// How often it would have fired in the last seven days, by the stored outcomes.
    fired_in_7_days: usize,
    /// As it is sent back with a change.
    #[schema(value_type = document::Guardrail)]
    definition: Value,
}

/// What guards every rollout of the workspace that has no guardrails of its own.
#[derive(Serialize, ToSchema)]
pub(crate) struct Defaults {
    /// Sent back with a change; 0 while the built-in ones apply.
    version: u64,
    /// True: nobody has changed what is built into Fader.
    built_in: bool,
    guardrails: Vec<DefaultGuardrail>,
    #[schema(value_type = document::Proof)]
    proof: Value,
}

/// One guardrail of many rollouts.
#[derive(Serialize, ToSchema)]
struct DefaultGuardrail {
    /// `Stop if errors are above 5 % (servers only)`.
    sentence: String,
    /// As it is sent back with a change.
    #[schema(value_type = document::Guardrail)]
    definition: Value,
}

/// Which guardrails are taken away.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Removal {
    /// The version that was read.
    #[param(value_type = Version)]
    version: u64,
    /// Why; for the audit log.
    #[serde(default)]
    #[param(value_type = Option<Comment>)]
    comment: String,
}

/// All guardrails of a flag or of the workspace; what is not sent is removed.
#[derive(Deserialize, ToSchema)]
#[schema(as = GuardrailChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// `{"id": "errors", "metric": "error_rate", "limit": {"ceiling": {"limit": 0.05}}, "action": "stop",
    /// "accepts": "servers"}`. `accepts` says whose word counts: `servers`, or `servers_and_browsers` for also what browsers
    /// told with a receipt; left out, servers for `stop` and `step_back`, both for the others.
    #[schema(value_type = Vec<document::Guardrail>, max_items = 20)]
    guardrails: Vec<Guardrail>,
    #[serde(default)]
    #[schema(value_type = Option<document::Proof>)]
    proof: Option<Proof>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// What guards a flag, and how often it would have acted.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/guardrails",
    tag = "guard",
    params(("key" = String, Path, description = "The flag's key")),
    responses(
        (status = 200, body = Guarded),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn get(at: AtFlag) -> Result<Json<Guarded>, RestError> {
    answer(&at).await
}

/// Gives a flag guardrails of its own.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{key}/guardrails",
    tag = "guard",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = Change,
    responses(
        (status = 200, body = Guarded),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn put(at: AtFlag, body: Unread) -> Result<Json<Guarded>, RestError> {
    let editor = at.there.flag_editor()?;
    let sent = at.body::<Change>(body).await?;
    let Change { version, guardrails, proof, comment } = sent.value;
    let set = GuardrailSet { guardrails, proof: proof.unwrap_or_default() };
    at.store.save_guardrails(&editor, &at.environment, &at.flag, version, set, &comment).await?;
    answer(&at).await
}

/// Takes a flag's own guardrails away: the workspace's defaults guard it from now on.
#[utoipa::path(
    delete,
    path = "/api/v1/flags/{key}/guardrails",
    tag = "guard",
    params(("key" = String, Path, description = "The flag's key"), Removal),
    responses(
        (status = 200, body = Guarded),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn delete(
    at: AtFlag,
    taken: Result<Query<Removal>, QueryRejection>,
) -> Result<Json<Guarded>, RestError> {
    let editor = at.there.flag_editor()?;
    let Query(Removal { version, comment }) = taken?;
    at.store.reset_guardrails(&editor, &at.environment, &at.flag, version, &comment).await?;
    answer(&at).await
}

/// What guards every rollout that has no guardrails of its own.
#[utoipa::path(
    get,
    path = "/api/v1/guardrails",
    tag = "guard",
    responses(
        (status = 200, body = Defaults),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
)]
pub(crate) async fn get_defaults(
    manager: Manager,
    State(store): State<Store>,
) -> Result<Json<Defaults>, RestError> {
    defaults(&store, &manager).await
}

/// Changes what guards every rollout without its own; the evidence of all of those begins anew. For admins.
#[utoipa::path(
    put,
    path = "/api/v1/guardrails",
    tag = "guard",
    request_body = Change,
    responses(
        (status = 200, body = Defaults),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn put_defaults(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    body: Unread,
) -> Result<Json<Defaults>, RestError> {
    let administrator = manager.principal.administrator()?;
    let sent = body.json(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
    let Change { version, guardrails, proof, comment } = sent.value;
    let set = GuardrailSet { guardrails, proof: proof.unwrap_or_default() };
    store.save_default_guardrails(&administrator, version, set, &comment).await?;
    defaults(&store, &manager).await
}

/// Goes back to the built-in guardrails. For admins.
#[utoipa::path(
    delete,
    path = "/api/v1/guardrails",
    tag = "guard",
    params(Removal),
    responses(
        (status = 200, body = Defaults),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn delete_defaults(
    manager: Manager,
    State(store): State<Store>,
    taken: Result<Query<Removal>, QueryRejection>,
) -> Result<Json<Defaults>, RestError> {
    let administrator = manager.principal.administrator()?;
    let Query(Removal { version, comment }) = taken?;
    store.reset_default_guardrails(&administrator, version, &comment).await?;
    defaults(&store, &manager).await
}

async fn defaults(store: &Store, manager: &Manager) -> Result<Json<Defaults>, RestError> {
    let found = store.find_default_guardrails(&manager.principal.viewer()).await?;
    let known = |guardrail: &Guardrail| DefaultGuardrail {
        sentence: guardrail.sentence(),
        definition: serde_json::to_value(guardrail).unwrap_or_default(),
    };
    Ok(Json(Defaults {
        version: found.version(),
        built_in: found.saved.is_none(),
        guardrails: found.set.guardrails.iter().map(known).collect(),
        proof: serde_json::to_value(found.set.proof).unwrap_or_default(),
    }))
}

async fn answer(at: &AtFlag) -> Result<Json<Guarded>, RestError> {
    let (viewer, store, environment, flag) = (at.viewer(), &at.store, &at.environment, &at.flag);
    let found = store.find_guardrails(&viewer, environment, flag).await?;
    let since_ms = store.clock().now_ms() - WEEK_MS;
    let replayed = store.replay_guardrails(&viewer, environment, flag, &found.set, since_ms).await?;
    let fired = |guardrail: &Guardrail| {
        let own = |it: &&Replayed| it.guardrail == guardrail.id;
        replayed.iter().find(own).map_or(0, |it| it.fired_ms.len())
    };
    let known = |guardrail: &Guardrail| KnownGuardrail {
        sentence: guardrail.sentence(),
        fired_in_7_days: fired(guardrail),
        definition: serde_json::to_value(guardrail).unwrap_or_default(),
    };
    Ok(Json(Guarded {
        version: found.version(),
        inherited: found.saved.is_none(),
        guardrails: found.set.guardrails.iter().map(known).collect(),
        proof: serde_json::to_value(found.set.proof).unwrap_or_default(),
    }))
}
