//! The sweep of feedback that is older than its environment keeps it.

use crate::{Kept, Store, StoreError, clock::DAY_MS, db::args, limits::SWEEP_CHUNK_ROWS, signed};

impl Store {
    /// Deletes feedback that arrived longer ago than its environment keeps it, in transactions of a bounded size, with the
    /// database free for others in between. Returns the number of items deleted.
    pub async fn sweep_feedback(&self) -> Result<u64, StoreError> {
        let (now_ms, limit) = (self.database_now_ms().await?, SWEEP_CHUNK_ROWS as u64);
        let mut swept = 0;
        for (environment, days) in self.days_kept(Kept::Feedback).await? {
            let cutoff_ms = now_ms - i64::from(days) * DAY_MS;
            loop {
                // The oldest first: as they arrived, they have their numbers.
                let rows = self
                    .db()
                    .execute(
                        "DELETE FROM feedback WHERE received_ms < $2 AND id IN ( \
                         SELECT id FROM feedback WHERE environment = $1 ORDER BY id LIMIT $3)",
                        args![environment.as_str(), cutoff_ms, signed(limit)],
                    )
                    .await?;
                swept += rows;
                if rows < limit {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(swept)
    }
}
