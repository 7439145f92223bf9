//! Events of browsers without a receipt. Anybody can make them up, so they are only counted: by flag and hour, apart from
//! all evidence, and nobody is named. However many there are, they take the same few rows.

use engine::{EnvironmentKey, FlagKey};

use crate::{
    Store, StoreError, Viewer,
    clock::HOUR_MS,
    db::{Tx, args},
    signed,
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

impl Store {
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
        _by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        since_ms: i64,
    ) -> Result<u64, StoreError> {
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
pub(crate) async fn delete_before(tx: &mut Tx, oldest_ms: i64) -> Result<u64, StoreError> {
    Ok(tx.execute("DELETE FROM unverified_events WHERE hour_ms < $1", args![oldest_ms]).await?)
}
