//! What only the database knows and an operator wants to see: a few questions of bounded cost, for the background to ask now
//! and then.

use std::path::Path;

use crate::{
    Pool, Store, StoreError,
    db::{Db, args},
    file::beside,
    number,
};

/// More deliveries of webhooks are not counted.
const COUNTED_MAX: i64 = 10_000;

/// How the database was when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// What it takes on disk, on SQLite with its log.
    pub bytes: u64,
    /// Deliveries of webhooks that wait for their first or next try, up to ten thousand.
    pub deliveries_waiting: u64,
    /// Of them, those whose last try failed.
    pub deliveries_failing: u64,
    /// Those that were given up and are not forgotten yet, up to ten thousand.
    pub deliveries_given_up: u64,
}

impl Store {
    /// The pools of connections as they are now, without asking the database.
    pub fn pools(&self) -> Vec<Pool> {
        self.db().pools()
    }

    pub async fn measure(&self) -> Result<Measured, StoreError> {
        let bytes = match &*self.db() {
            Db::Sqlite { .. } => self.database_path().map_or(0, |path| bytes_of(&path)),
            Db::Pg(_) => {
                let sql = "SELECT pg_database_size(current_database())";
                let (bytes,): (i64,) = self.db().one(sql, args![]).await?;
                number(bytes)
            }
        };
        let (waiting, failing): (i64, i64) = self
            .db()
            .one(
                "SELECT COUNT(*), COUNT(problem) FROM \
                 (SELECT problem FROM webhook_deliveries WHERE due_ms IS NOT NULL LIMIT $1) AS due",
                args![COUNTED_MAX],
            )
            .await?;
        let (given_up,): (i64,) = self
            .db()
            .one(
                "SELECT COUNT(*) FROM (SELECT 1 FROM webhook_deliveries \
                 WHERE due_ms IS NULL AND problem IS NOT NULL LIMIT $1) AS given_up",
                args![COUNTED_MAX],
            )
            .await?;
        Ok(Measured {
            bytes,
            deliveries_waiting: number(waiting),
            deliveries_failing: number(failing),
            deliveries_given_up: number(given_up),
        })
    }
}

fn bytes_of(path: &Path) -> u64 {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |it| it.len());
    bytes(path) + bytes(&beside(path, "-wal"))
}
