//! How long the ledger is kept, per environment, and the sweep that deletes whole days in bounded chunks.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, FlagKey};

use super::day_of;
use crate::{
    Action, Invalid, ObjectKind, ObjectRef, RecentAdministrator, Store, StoreError,
    change::Entry,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::{Db, args},
    limits::{MINUTE_COUNTS_KEPT_MS, RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX, SWEEP_CHUNK_ROWS},
    signed,
};

impl Store {
    /// How many days the ledger of each environment is kept.
    pub async fn retention_days(&self) -> Result<BTreeMap<EnvironmentKey, u32>, StoreError> {
        let rows: Vec<(String, i64)> = self
            .db()
            .all(
                "SELECT environments.key, COALESCE(ledger_retention.days, $1) AS days \
                 FROM environments \
                 LEFT JOIN ledger_retention ON ledger_retention.environment = environments.key",
                args![i64::from(RETENTION_DAYS_DEFAULT)],
            )
            .await?;
        let corrupt = |id: &str| StoreError::CorruptRow { table: "ledger_retention", id: id.to_owned() };
        let days = |(key, days): (String, i64)| {
            let environment = EnvironmentKey::parse(&key).map_err(|_| corrupt(&key))?;
            Ok((environment, u32::try_from(days).map_err(|_| corrupt(&key))?))
        };
        rows.into_iter().map(days).collect()
    }

    /// Keeps the ledger of an environment for 1 to [`RETENTION_DAYS_MAX`] days from the next sweep on.
    pub async fn set_retention(
        &self,
        by: &RecentAdministrator,
        environment: &EnvironmentKey,
        days: u32,
    ) -> Result<(), StoreError> {
        if !(1..=RETENTION_DAYS_MAX).contains(&days) {
            return Err(Invalid::Retention.into());
        }
        let known = self.live().environment(environment.as_str()).ok_or_else(|| StoreError::NotFound {
            kind: ObjectKind::Environment,
            key: environment.to_string(),
        })?;
        let mut work = self.begin(by).await?;
        let before: Option<(i64,)> = work
            .tx
            .optional("SELECT days FROM ledger_retention WHERE environment = $1", args![environment.as_str()])
            .await?;
        let before = before.map_or(i64::from(RETENTION_DAYS_DEFAULT), |(days,)| days);
        if before == i64::from(days) {
            return work.cancel().await;
        }
        work.tx
            .execute(
                "INSERT INTO ledger_retention (environment, days) VALUES ($1, $2) \
                 ON CONFLICT (environment) DO UPDATE SET days = excluded.days",
                args![environment.as_str(), i64::from(days)],
            )
            .await?;
        let sentence =
            format!("keeps exposures in {} for {days} days instead of {before}", known.name.to_lowercase());
        let object = ObjectRef::new(ObjectKind::Environment, environment.as_str());
        let entry = Entry {
            environment: Some(environment.clone()),
            ..Entry::new(Action::RetentionChanged, object, &known.name, sentence)
        };
        work.finish(entry).await?;
        Ok(())
    }

    /// Deletes what is older than the retention of its environment, in transactions of a bounded size, with the
    /// database free for others in between. Returns the number of lines deleted.
    pub async fn sweep_ledger(&self) -> Result<u64, StoreError> {
        let now_ms = self.database_now_ms().await?;
        let mut swept = 0;
        for (environment, days) in self.retention_days().await? {
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
        let days = self.retention_days().await?.into_values().max().unwrap_or(RETENTION_DAYS_DEFAULT);
        let cutoff_ms = day_of(now_ms) - i64::from(days) * DAY_MS;
        self.db().execute("DELETE FROM learned_subjects WHERE last_ms < $1", args![cutoff_ms]).await?;
        Ok(())
    }
}
