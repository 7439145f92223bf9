//! The sweep of the ledger: what is older than its environment keeps it is deleted in whole days and bounded chunks.

use engine::{EnvironmentKey, FlagKey};

use super::day_of;
use crate::{
    Kept, Store, StoreError,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::{Db, args},
    limits::{MINUTE_COUNTS_KEPT_MS, RETENTION_DAYS_DEFAULT, SWEEP_CHUNK_ROWS},
    signed,
};

impl Store {
    /// Deletes what is older than the retention of its environment, in transactions of a bounded size, with the
    /// database free for others in between. Returns the number of lines deleted.
    pub async fn sweep_ledger(&self) -> Result<u64, StoreError> {
        let now_ms = self.database_now_ms().await?;
        let mut swept = 0;
        for (environment, days) in self.days_kept(Kept::Exposures).await? {
            let cutoff_ms = day_of(now_ms) - i64::from(days) * DAY_MS;
            let mut flag = self.next_flag(&environment, "").await?;
            while let Some(key) = flag {
                swept += self.sweep_flag(&environment, &key, cutoff_ms).await?;
                flag = self.next_flag(&environment, key.as_str()).await?;
            }
            self.sweep_counts(&environment, cutoff_ms, now_ms).await?;
        }
        self.sweep_subjects(now_ms).await?;
        Ok(swept)
    }

    /// The next flag with lines or counts, in order; one step in an index each.
    async fn next_flag(
        &self,
        environment: &EnvironmentKey,
        after: &str,
    ) -> Result<Option<FlagKey>, StoreError> {
        let (key,): (Option<String>,) = self
            .db()
            .one(
                "SELECT MIN(flag) FROM exposures WHERE environment = $1 AND flag > $2",
                args![environment.as_str(), after],
            )
            .await?;
        let corrupt = |key: &str| StoreError::CorruptRow { table: "exposures", id: key.to_owned() };
        key.map(|key| FlagKey::parse(&key).map_err(|_| corrupt(&key))).transpose()
    }

    async fn sweep_flag(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        cutoff_ms: i64,
    ) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let limit = signed(SWEEP_CHUNK_ROWS as u64);
            let (environment, flag) = (environment.as_str(), flag.as_str());
            let rows =
                self.db().execute(self.sweep_sql(), args![environment, flag, cutoff_ms, limit]).await?;
            swept += rows;
            if rows < SWEEP_CHUNK_ROWS as u64 {
                return Ok(swept);
            }
            tokio::task::yield_now().await;
        }
    }

    /// The oldest lines of a flag by their place in the table, which each database names in its own way: without it
    /// PostgreSQL compares every line with every other one.
    fn sweep_sql(&self) -> &'static str {
        match &*self.db() {
            Db::Sqlite { .. } => {
                "DELETE FROM exposures \
                 WHERE environment = $1 AND flag = $2 \
                 AND (subject, day_ms, variant, revision, rule, arm) IN ( \
                     SELECT subject, day_ms, variant, revision, rule, arm FROM exposures \
                     WHERE environment = $1 AND flag = $2 AND first_ms < $3 \
                     ORDER BY first_ms \
                     LIMIT $4 \
                 )"
            }
            Db::Pg(_) => {
                "DELETE FROM exposures \
                 WHERE ctid = ANY (ARRAY( \
                     SELECT ctid FROM exposures \
                     WHERE environment = $1 AND flag = $2 AND first_ms < $3 \
                     ORDER BY first_ms \
                     LIMIT $4 \
                 ))"
            }
        }
    }

    async fn sweep_counts(
        &self,
        environment: &EnvironmentKey,
        cutoff_ms: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for (step_ms, cutoff_ms) in [(HOUR_MS, cutoff_ms), (MINUTE_MS, now_ms - MINUTE_COUNTS_KEPT_MS)] {
            self.db()
                .execute(
                    "DELETE FROM exposure_counts WHERE environment = $1 AND step_ms = $2 AND at_ms < $3",
                    args![environment.as_str(), step_ms, cutoff_ms],
                )
                .await?;
        }
        Ok(())
    }

    /// Nobody is remembered longer than the longest retention.
    async fn sweep_subjects(&self, now_ms: i64) -> Result<(), StoreError> {
        let days =
            self.days_kept(Kept::Exposures).await?.into_values().max().unwrap_or(RETENTION_DAYS_DEFAULT);
        let cutoff_ms = day_of(now_ms) - i64::from(days) * DAY_MS;
        self.db().execute("DELETE FROM learned_subjects WHERE last_ms < $1", args![cutoff_ms]).await?;
        Ok(())
    }
}
