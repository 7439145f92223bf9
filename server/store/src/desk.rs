//! The read model of the desk: one query, the definitions from memory.

use std::sync::Arc;

use engine::{EnvironmentKey, Flag, Rollout};

use crate::{ObjectKind, Store, StoreError, Viewer, db::args, number};

/// The newest entry about a flag in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub seq: u64,
    pub at_ms: i64,
    pub by: String,
    pub sentence: String,
}

/// One channel of the desk.
#[derive(Debug, Clone)]
pub struct DeskRow {
    pub flag: Arc<Flag>,
    pub rollout: Arc<Rollout>,
    pub flag_version: u64,
    pub rollout_version: u64,
    pub last_change: LastChange,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    key: String,
    flag_version: i64,
    rollout_version: i64,
    seq: i64,
    at_ms: i64,
    actor: String,
    sentence: String,
}

impl Store {
    /// All flags of an environment by name, archived ones too. One whose definition cannot be read is left out.
    pub async fn desk(&self, by: &Viewer, environment: &EnvironmentKey) -> Result<Vec<DeskRow>, StoreError> {
        by.require_in(environment)?;
        let snapshot = self.live().snapshot(environment.as_str()).ok_or_else(|| StoreError::NotFound {
            kind: ObjectKind::Environment,
            key: environment.to_string(),
        })?;
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT flags.key, flags.version AS flag_version, rollouts.version AS rollout_version, \
                 audit.seq, audit.at_ms, audit.actor, audit.sentence \
                 FROM rollouts \
                 JOIN flags ON flags.key = rollouts.flag \
                 JOIN audit ON audit.seq = CASE WHEN flags.audit_seq > rollouts.audit_seq \
                     THEN flags.audit_seq ELSE rollouts.audit_seq END \
                 WHERE rollouts.environment = $1",
                args![environment.as_str()],
            )
            .await?;
        let row = |row: Row| {
            let compiled = snapshot.flag(&row.key)?;
            Some(DeskRow {
                flag: Arc::clone(compiled.flag()),
                rollout: Arc::clone(compiled.rollout()),
                flag_version: number(row.flag_version),
                rollout_version: number(row.rollout_version),
                last_change: LastChange {
                    seq: number(row.seq),
                    at_ms: row.at_ms,
                    by: row.actor,
                    sentence: row.sentence,
                },
            })
        };
        let mut desk: Vec<_> = rows.into_iter().filter_map(row).collect();
        desk.sort_by_cached_key(|row| (row.flag.name.to_lowercase(), row.flag.key.clone()));
        Ok(desk)
    }
}
