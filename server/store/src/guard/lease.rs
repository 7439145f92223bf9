//! Which server guards: one row that its holder renews, and that another takes when the holder is gone.

use crate::{
    Store, StoreError,
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
    /// Takes or renews the lease for `holder` (a name that no other server has); `None` while another server has it.
    /// It is free again [`GUARD_LEASE_MS`] after its last renewal.
    pub async fn take_guard_lease(&self, holder: &str) -> Result<Option<GuardLease>, StoreError> {
        let now_ms = self.clock().now_ms();
        let expires_ms = now_ms.saturating_add(GUARD_LEASE_MS);
        let taken = self
            .db()
            .execute(
                "INSERT INTO leases (name, holder, expires_ms) VALUES ('guard', $1, $2) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_ms = excluded.expires_ms \
                 WHERE leases.holder = excluded.holder OR leases.expires_ms <= $3",
                args![holder, expires_ms, now_ms],
            )
            .await?;
        Ok((taken > 0).then(|| GuardLease { holder: holder.to_owned(), expires_ms }))
    }

    /// Gives the lease back, so that another server need not wait for it to run out.
    pub async fn release_guard_lease(&self, lease: &GuardLease) -> Result<(), StoreError> {
        self.db()
            .execute("DELETE FROM leases WHERE name = 'guard' AND holder = $1", args![&lease.holder])
            .await?;
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
