//! Which server guards: one row that its holder renews, and that another takes when the holder is gone.

use crate::{
    Store, StoreError,
    database_time::at_database_time,
    db::{Tx, args},
    limits::GUARD_LEASE_MS,
};

/// Leave to act as the guard. Only [`Store::take_guard_lease`] makes one, and every change that is made with it checks
/// again, under the lock, that it is still held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardLease {
    holder: String,
    pub expires_ms: i64,
}

impl Store {
    /// Takes or renews the lease for `holder` (a name that no other server has); `None` while another server has it, or
    /// while this copy's clock is off the database's by more than [`CLOCK_SKEW_MS_MAX`]: its cells, deadlines and
    /// judgements would be of another time than everybody else's.
    ///
    /// It is free again [`GUARD_LEASE_MS`] after its last renewal. Both by the database's clock, in the statement itself:
    /// an end that is further away was written by a clock that was wrong, and is free as well.
    ///
    /// [`CLOCK_SKEW_MS_MAX`]: crate::limits::CLOCK_SKEW_MS_MAX
    pub async fn take_guard_lease(&self, holder: &str) -> Result<Option<GuardLease>, StoreError> {
        if self.is_away() {
            return Ok(None);
        }
        self.database_now_ms().await?;
        if self.live().skew().is_too_large() {
            self.release(holder).await?;
            return Ok(None);
        }
        let db = self.db();
        let sql = at_database_time!(
            &*db,
            "INSERT INTO leases (name, holder, expires_ms) VALUES ('guard', $3, $4 + " NOW ") \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_ms = excluded.expires_ms \
             WHERE leases.holder = excluded.holder OR leases.expires_ms <= excluded.expires_ms - $4 \
                 OR leases.expires_ms > excluded.expires_ms \
             RETURNING expires_ms"
        );
        let (set_ms, ahead_ms) = self.clock().database().args();
        let mut tx = db.begin().await?;
        let taken: Option<(i64,)> = tx.optional(sql, args![set_ms, ahead_ms, holder, GUARD_LEASE_MS]).await?;
        tx.commit().await?;
        Ok(taken.map(|(expires_ms,)| GuardLease { holder: holder.to_owned(), expires_ms }))
    }

    /// Gives the lease back, so that another server need not wait for it to run out.
    pub async fn release_guard_lease(&self, lease: &GuardLease) -> Result<(), StoreError> {
        self.release(&lease.holder).await
    }

    async fn release(&self, holder: &str) -> Result<(), StoreError> {
        self.db().execute("DELETE FROM leases WHERE name = 'guard' AND holder = $1", args![holder]).await?;
        Ok(())
    }
}

impl GuardLease {
    /// Whether it is still held; the row stays locked until the transaction is over.
    pub(crate) async fn is_held(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let held = tx
            .execute(
                "UPDATE leases SET expires_ms = expires_ms WHERE name = 'guard' AND holder = $1",
                args![&self.holder],
            )
            .await?;
        Ok(held > 0)
    }
}
