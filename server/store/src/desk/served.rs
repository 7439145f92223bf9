//! When each flag was last served, for the desk: one look at the end of an index for each, remembered for a minute.

use std::{collections::HashMap, sync::Arc};

use engine::{EnvironmentKey, FlagKey};

use crate::{
    Kept, Store, StoreError, Viewer,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::args,
    limits::RETENTION_DAYS_DEFAULT,
};

/// When the flags of an environment were last served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastServed {
    /// The beginning of the last hour in which it was. A flag that is not here was not served for as long as that is kept.
    pub hour_ms: HashMap<FlagKey, i64>,
    /// How long it is kept.
    pub kept_ms: i64,
}

impl Store {
    /// Of a minute ago at the latest. Names nobody, so everybody signed in may read it.
    pub async fn last_served(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
    ) -> Result<Arc<LastServed>, StoreError> {
        by.require_in(environment)?;
        let minute = self.clock().now_ms() / MINUTE_MS;
        let stamp = (self.era(), minute);
        self.0.desk.served.of(environment.clone(), stamp, self.read_served(environment)).await
    }

    async fn read_served(&self, environment: &EnvironmentKey) -> Result<LastServed, StoreError> {
        let rows: Vec<(String, Option<i64>)> = self
            .db()
            .all(
                "SELECT rollouts.flag, \
                 (SELECT MAX(exposure_counts.at_ms) FROM exposure_counts \
                  WHERE exposure_counts.environment = rollouts.environment \
                  AND exposure_counts.flag = rollouts.flag AND exposure_counts.step_ms = $2) AS at_ms \
                 FROM rollouts WHERE rollouts.environment = $1",
                args![environment.as_str(), HOUR_MS],
            )
            .await?;
        let days = self.days_kept(Kept::Exposures).await?;
        let days = days.get(environment).copied().unwrap_or(RETENTION_DAYS_DEFAULT);
        let corrupt = |_| StoreError::CorruptRow { table: "rollouts", id: environment.to_string() };
        let served = rows.into_iter().filter_map(|(flag, at_ms)| Some((flag, at_ms?)));
        let hour_ms = served
            .map(|(flag, at_ms)| Ok((FlagKey::try_from(flag).map_err(corrupt)?, at_ms)))
            .collect::<Result<_, StoreError>>()?;
        Ok(LastServed { hour_ms, kept_ms: i64::from(days) * DAY_MS })
    }
}
