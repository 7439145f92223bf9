//! Whether the database takes a write, and when somebody last guarded: for whoever asks whether the server can do its
//! work.

use std::time::Duration;

use crate::{Store, StoreError, db::args, limits::GUARD_LEASE_MS, secret::new_secret};

/// A few pages of the file: a database that has no room for them has no room for a change.
const FILLING: usize = 20_000;
/// Where our own work keeps a check waiting, a write of the last moments says as much.
const WROTE_LATELY: Duration = Duration::from_secs(3);

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How long ago the copy that guards renewed its lease; `None` when there is none, or nobody could look.
    pub guarded_ms: Option<i64>,
}

impl Store {
    /// Writes something, commits it, and finds out who guards. Gives up after `within`.
    pub async fn check_writes(&self, within: Duration) -> Result<Checked, StoreError> {
        match tokio::time::timeout(within, self.write_and_look()).await {
            Ok(checked) => checked,
            Err(_) if self.db().wrote_within(WROTE_LATELY) => Ok(Checked { guarded_ms: None }),
            Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    async fn write_and_look(&self) -> Result<Checked, StoreError> {
        // A row of its own for each copy that checks at the same time.
        let name = format!("check-{}", new_secret()?);
        let mut tx = self.db().begin().await?;
        tx.execute(
            "INSERT INTO leases (name, holder, expires_ms) VALUES ($1, $2, 0)",
            args![&name, &"-".repeat(FILLING)],
        )
        .await?;
        tx.execute("DELETE FROM leases WHERE name = $1", args![&name]).await?;
        let guards: Option<(i64,)> =
            tx.optional("SELECT expires_ms FROM leases WHERE name = 'guard'", args![]).await?;
        tx.commit().await?;
        let now_ms = self.shared_now_ms();
        let guarded_ms =
            guards.map(|(expires_ms,)| now_ms.saturating_sub(expires_ms - GUARD_LEASE_MS).max(0));
        Ok(Checked { guarded_ms })
    }
}
