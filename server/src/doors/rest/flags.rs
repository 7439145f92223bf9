//! `GET /api/v1/flags`: the flags of the token's environment and their live state in words.

use axum::{Json, extract::State};
use engine::{CompiledFlag, Snapshot, rollout_phrase};
use serde::Serialize;
use store::Store;
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    manager::Manager,
};
use crate::edge::fault::Fault;

/// All flags of one environment, archived ones left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagList {
    environment: String,
    /// Grows with every change that can alter a decision.
    revision: u64,
    flags: Vec<FlagState>,
}

/// A flag and what its rollout does at this moment.
#[derive(Serialize, ToSchema)]
struct FlagState {
    key: String,
    name: String,
    /// `release`, `operational` or `permission`.
    kind: &'static str,
    /// `boolean`, `string`, `number` or `object`.
    value_type: &'static str,
    /// False: the kill switch was pressed.
    enabled: bool,
    /// Who gets it, in words.
    state: String,
}

/// The flags of the token's environment, by key.
#[utoipa::path(
    get,
    path = "/api/v1/flags",
    tag = "flags",
    responses((status = 200, body = FlagList), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(crate) async fn list(manager: Manager, State(store): State<Store>) -> Result<Json<FlagList>, RestError> {
    // Anybody with a role may see flags.
    let _viewer = manager.principal.viewer();
    let key = manager.environment()?.key.as_str();
    let snapshot = store.live().snapshot(key).ok_or(RestError::Fault(Fault::Internal))?;
    let mut flags: Vec<_> = snapshot.flags().filter(|flag| !flag.is_archived()).collect();
    flags.sort_by(|a, b| a.flag().key.cmp(&b.flag().key));
    Ok(Json(FlagList {
        environment: key.to_owned(),
        revision: snapshot.revision(),
        flags: flags.into_iter().map(|flag| state(flag, &snapshot)).collect(),
    }))
}

fn state(compiled: &CompiledFlag, snapshot: &Snapshot) -> FlagState {
    let (flag, rollout) = (compiled.flag(), compiled.rollout());
    let name = engine::group_name(snapshot);
    FlagState {
        key: flag.key.to_string(),
        name: flag.name.clone(),
        kind: flag.kind.as_str(),
        value_type: flag.value_type.as_str(),
        enabled: rollout.enabled,
        state: rollout_phrase(rollout, &name),
    }
}
