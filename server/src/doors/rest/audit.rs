//! `GET /api/v1/audit/head`: where the audit log ends, to be noted elsewhere and held against it later.

use axum::{Json, extract::State};
use serde::Serialize;
use store::{AuditVerdict, Store};
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    manager::Manager,
};

/// The last verified entry of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct Head {
    /// 0 while nothing is verified.
    seq: u64,
    /// Its hash: 64 hexadecimal digits, empty when `seq` is 0.
    hash: String,
    /// Verified entries up to this one.
    count: u64,
    /// Whether all of them are as they were written, and what is in force is what they say.
    intact: bool,
    /// What is wrong, in words.
    problem: Option<String>,
    /// When the whole log was verified last, in epoch milliseconds; `null` while that is done for the first time.
    whole_verified_ms: Option<i64>,
    /// Newer entries that are not verified yet.
    waiting: u64,
}

/// The head of the audit log: note `seq` and `hash` elsewhere, and `fader audit verify --expect-head SEQ:HASH` says
/// whether the log still holds that entry.
#[utoipa::path(
    get,
    path = "/api/v1/audit/head",
    tag = "audit",
    responses((status = 200, body = Head), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(crate) async fn head(manager: Manager, State(store): State<Store>) -> Result<Json<Head>, RestError> {
    let reader = manager.principal.audit_reader()?;
    let standing = store.audit_standing(&reader).await?;
    let problem = match &standing.verdict {
        AuditVerdict::Intact { .. } => None,
        AuditVerdict::Broken { seq, why } => Some(format!("the log is broken at entry {seq}: {why}")),
        AuditVerdict::Differs { row } => Some(format!("{row} in force is not what the log says")),
    };
    Ok(Json(Head {
        count: standing.head.seq,
        seq: standing.head.seq,
        hash: standing.head.hash,
        intact: problem.is_none(),
        problem,
        whole_verified_ms: standing.whole_ms,
        waiting: standing.behind,
    }))
}
