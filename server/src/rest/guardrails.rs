//! `GET` and `PUT /api/v1/flags/{key}/guardrails`: what guards a flag, as documents and as sentences.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use engine::guardrail::{Guardrail, Proof};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{GuardrailSet, Replayed};
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    health::require_flag,
    manager::Manager,
};
use crate::Server;

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// What guards a flag in the token's environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Guarded {
    /// Sent back with a change; 0 while the workspace's defaults apply.
    version: u64,
    /// True: the workspace's defaults.
    inherited: bool,
    guardrails: Vec<Known>,
    /// What counts as proof that a step is healthy.
    #[schema(value_type = Object)]
    proof: Value,
}

/// One guardrail.
#[derive(Serialize, ToSchema)]
struct Known {
    /// `Stop if errors are above 5 %`.
    sentence: String,
    /// How often it would have fired in the last seven days, by the stored outcomes.
    fired_in_7_days: usize,
    /// As it is sent back with a change.
    #[schema(value_type = Object)]
    definition: Value,
}

/// All guardrails of a flag; what is not sent is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read.
    version: u64,
    /// `{"id": "errors", "metric": "error_rate", "limit": {"ceiling": {"limit": 0.05}}, "action": "stop"}`.
    #[schema(value_type = Vec<Object>)]
    guardrails: Vec<Guardrail>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    proof: Option<Proof>,
    /// Why; for the audit log.
    #[serde(default)]
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
pub(crate) async fn get(
    manager: Manager,
    State(server): State<Arc<Server>>,
    Path(key): Path<String>,
) -> Result<Json<Guarded>, RestError> {
    let flag = require_flag(&server, &manager, &key)?;
    answer(&server, &manager, &flag).await
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
pub(crate) async fn put(
    manager: Manager,
    State(server): State<Arc<Server>>,
    Path(key): Path<String>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Guarded>, RestError> {
    let editor = manager.principal.flag_editor()?;
    let Json(Change { version, guardrails, proof, comment }) = change?;
    let flag = require_flag(&server, &manager, &key)?;
    let set = GuardrailSet { guardrails, proof: proof.unwrap_or_default() };
    let environment = &manager.environment.key;
    server.store.save_guardrails(&editor, environment, &flag, version, set, &comment).await?;
    answer(&server, &manager, &flag).await
}

async fn answer(
    server: &Server,
    manager: &Manager,
    flag: &engine::FlagKey,
) -> Result<Json<Guarded>, RestError> {
    let (viewer, environment) = (manager.principal.viewer(), &manager.environment.key);
    let found = server.store.find_guardrails(&viewer, environment, flag).await?;
    let since_ms = server.store.clock().now_ms() - WEEK_MS;
    let replayed = server.store.replay_guardrails(&viewer, environment, flag, &found.set, since_ms).await?;
    let fired = |guardrail: &Guardrail| {
        let own = |it: &&Replayed| it.guardrail == guardrail.id;
        replayed.iter().find(own).map_or(0, |it| it.fired_ms.len())
    };
    let known = |guardrail: &Guardrail| Known {
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
