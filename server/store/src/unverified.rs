//! Events of browsers without a receipt. Anybody can make them up, so they are only counted: by flag and hour, apart from
//! all evidence, and nobody is named. However many there are, they take the same few rows. Of rates, how many were the
//! event is counted as well, in slots of ten minutes and for some days, so that they can be drawn beside the evidence.

use engine::{EnvironmentKey, FlagKey, MetricKey};

use crate::{
    Store, StoreError, Viewer,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::{Tx, args},
    number, signed,
};

/// Unverified events that arrived for one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCount {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    /// When they arrived.
    pub at_ms: i64,
    pub times: u64,
}

/// Unverified outcomes of a rate that arrived for one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedOutcomes {
    pub flag: FlagKey,
    pub metric: MetricKey,
    /// When they arrived; of what is read, the beginning of [`UNVERIFIED_SLOT_MS`].
    pub at_ms: i64,
    pub outcomes: u64,
    pub events: u64,
}

/// What unverified outcomes are added up in.
pub const UNVERIFIED_SLOT_MS: i64 = 10 * MINUTE_MS;
/// Longer than what charts of single days show.
const SLOTS_KEPT_MS: i64 = 8 * DAY_MS;
/// As many as one flag's metrics have in that time.
const SLOTS_MAX: i64 = 50_000;

#[derive(sqlx_macros::FromRow)]
struct SlotRow {
    metric: String,
    slot_ms: i64,
    outcomes: i64,
    events: i64,
}

impl Store {
    /// Adds to the outcomes. For the server's own writer: no proof, and no audit entry.
    pub async fn record_unverified_outcomes(
        &self,
        outcomes: &[(EnvironmentKey, UnverifiedOutcomes)],
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        for (environment, told) in outcomes {
            let slot_ms = told.at_ms.div_euclid(UNVERIFIED_SLOT_MS) * UNVERIFIED_SLOT_MS;
            tx.execute(
                "INSERT INTO unverified_outcomes (environment, flag, metric, slot_ms, outcomes, events) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (environment, flag, metric, slot_ms) \
                 DO UPDATE SET outcomes = unverified_outcomes.outcomes + excluded.outcomes, \
                 events = unverified_outcomes.events + excluded.events",
                args![
                    environment.as_str(),
                    told.flag.as_str(),
                    told.metric.as_str(),
                    slot_ms,
                    signed(told.outcomes),
                    signed(told.events),
                ],
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Those of one flag in slots that begin in `from_ms..until_ms`, by metric and time.
    pub async fn unverified_outcomes(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (from_ms, until_ms): (i64, i64),
    ) -> Result<Vec<UnverifiedOutcomes>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<SlotRow> = self
            .db()
            .all(
                "SELECT metric, slot_ms, outcomes, events FROM unverified_outcomes \
                 WHERE environment = $1 AND flag = $2 AND slot_ms >= $3 AND slot_ms < $4 \
                 ORDER BY metric, slot_ms LIMIT $5",
                args![environment.as_str(), flag.as_str(), from_ms, until_ms, SLOTS_MAX],
            )
            .await?;
        // No metric is called what is no key.
        let told = |row: SlotRow| {
            Some(UnverifiedOutcomes {
                flag: flag.clone(),
                metric: MetricKey::parse(&row.metric).ok()?,
                at_ms: row.slot_ms,
                outcomes: number(row.outcomes),
                events: number(row.events),
            })
        };
        Ok(rows.into_iter().filter_map(told).collect())
    }

    /// Adds to the counts. For the server's own writer: no proof, and no audit entry.
    pub async fn record_unverified(&self, counts: &[UnverifiedCount]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        for count in counts {
            let hour_ms = count.at_ms.div_euclid(HOUR_MS) * HOUR_MS;
            tx.execute(
                "INSERT INTO unverified_events (environment, flag, hour_ms, times) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (environment, flag, hour_ms) \
                 DO UPDATE SET times = unverified_events.times + excluded.times",
                args![count.environment.as_str(), count.flag.as_str(), hour_ms, signed(count.times)],
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many arrived since `since_ms`, by whole hours.
    pub async fn unverified_events(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        since_ms: i64,
    ) -> Result<u64, StoreError> {
        by.require_in(environment)?;
        let (times,): (Option<f64>,) = self
            .db()
            .one(
                "SELECT SUM(CAST(times AS DOUBLE PRECISION)) FROM unverified_events \
                 WHERE environment = $1 AND flag = $2 AND hour_ms >= $3",
                args![environment.as_str(), flag.as_str(), since_ms.div_euclid(HOUR_MS) * HOUR_MS],
            )
            .await?;
        Ok(times.map_or(0, crate::outcomes::whole))
    }
}

/// Forgets what is older.
pub(crate) async fn delete_before(tx: &mut Tx, oldest_ms: i64, now_ms: i64) -> Result<u64, StoreError> {
    let slots = "DELETE FROM unverified_outcomes WHERE slot_ms < $1";
    let slots = tx.execute(slots, args![now_ms - SLOTS_KEPT_MS]).await?;
    let hours = tx.execute("DELETE FROM unverified_events WHERE hour_ms < $1", args![oldest_ms]).await?;
    Ok(slots + hours)
}
