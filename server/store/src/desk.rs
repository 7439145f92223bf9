//! What the desk shows: its rows, what needs somebody, and when flags were last served. Each is read once after a change,
//! for everybody who looks.

mod remembered;
mod served;
mod waiting;

use std::{collections::HashMap, sync::Arc};

use engine::{EnvironmentKey, Flag, FlagKey, Rollout};

use crate::{FlagHealth, ObjectKind, Store, StoreError, Untriaged, Viewer, db::args, number};
use remembered::Remembered;

pub use served::LastServed;
pub use waiting::{Halt, PlanUnderWay, Waiting};

/// How often everything was read anew, and the last change that is known.
type Stamp = (u64, u64);

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: Remembered<EnvironmentKey, Stamp, Vec<DeskRow>>,
    waiting: Remembered<(), Stamp, Waiting>,
    /// Of a minute.
    served: Remembered<EnvironmentKey, (u64, i64), LastServed>,
    /// Of a few seconds: the guard judges between changes.
    pub(crate) health: Remembered<EnvironmentKey, (Stamp, i64), HashMap<FlagKey, FlagHealth>>,
    /// The newest item of feedback and the minute belong to it.
    pub(crate) untriaged: Remembered<EnvironmentKey, (Stamp, i64, i64), Untriaged>,
}

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
    /// When the flag's definition was last changed, in whichever environment that happened.
    pub flag_changed_ms: i64,
    pub rollout_changed_ms: i64,
    /// In this environment, or everywhere.
    pub last_change: LastChange,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    key: String,
    flag_version: i64,
    rollout_version: i64,
    flag_changed_ms: i64,
    rollout_changed_ms: i64,
    seq: i64,
    at_ms: i64,
    actor: String,
    sentence: String,
}

impl Store {
    /// All flags of an environment by name, archived ones too. One whose definition cannot be read is left out.
    pub async fn desk(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
    ) -> Result<Arc<Vec<DeskRow>>, StoreError> {
        by.require_in(environment)?;
        let read = self.read_desk(environment);
        self.0.desk.rows.of(environment.clone(), self.desk_stamp(), read).await
    }

    pub(crate) fn desk_stamp(&self) -> Stamp {
        (self.era(), self.live().seq())
    }

    fn era(&self) -> u64 {
        *self.live().eras().borrow()
    }

    /// A rollout in another environment may have made the flag active: then the flag's own newest entry is about that one,
    /// and an earlier one is told.
    async fn read_desk(&self, environment: &EnvironmentKey) -> Result<Vec<DeskRow>, StoreError> {
        let snapshot = self.live().snapshot(environment.as_str()).ok_or_else(|| StoreError::NotFound {
            kind: ObjectKind::Environment,
            key: environment.to_string(),
        })?;
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT flags.key, flags.version AS flag_version, rollouts.version AS rollout_version, \
                 flags.changed_ms AS flag_changed_ms, rollouts.changed_ms AS rollout_changed_ms, \
                 audit.seq, audit.at_ms, audit.actor, audit.sentence \
                 FROM rollouts \
                 JOIN flags ON flags.key = rollouts.flag \
                 JOIN audit ON audit.seq = CASE WHEN flags.audit_seq <= rollouts.audit_seq \
                     THEN rollouts.audit_seq \
                     ELSE (SELECT MAX(own.seq) FROM (\
                         SELECT rollouts.audit_seq AS seq \
                         UNION ALL \
                         SELECT entry.seq FROM versions JOIN audit AS entry ON entry.seq = versions.audit_seq \
                         WHERE versions.object_kind = 'flag' AND versions.object_key = flags.key \
                         AND versions.environment = '' \
                         AND (entry.environment IS NULL OR entry.environment = $1)) AS own) END \
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
                flag_changed_ms: row.flag_changed_ms,
                rollout_changed_ms: row.rollout_changed_ms,
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
