//! How often variants were served, for charts and the desk. Names nobody, so everybody signed in may read it.

use engine::{EnvironmentKey, FlagKey, VariantKey};

use crate::{
    Store, StoreError, Viewer,
    clock::{HOUR_MS, MINUTE_MS},
    db::args,
    limits::EXPOSURE_STEPS_MAX,
    number,
};

/// How often a variant was served within the step that begins at `at_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureCount {
    pub at_ms: i64,
    pub variant: VariantKey,
    pub count: u64,
}

impl Store {
    /// Counts within `from_ms..until_ms` per step and variant, in order; steps without any are left out. Steps are
    /// multiples of an hour, or, below that, of a minute (kept for hours only), and widened until there are at most
    /// [`EXPOSURE_STEPS_MAX`].
    pub async fn exposure_counts(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        from_ms: i64,
        until_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<ExposureCount>, StoreError> {
        by.require_in(environment)?;
        let kept_ms = if step_ms >= HOUR_MS { HOUR_MS } else { MINUTE_MS };
        let span_ms = until_ms.saturating_sub(from_ms).max(0);
        let step_ms = step_ms.max(span_ms / EXPOSURE_STEPS_MAX).max(kept_ms);
        let step_ms = step_ms - step_ms % kept_ms;
        let rows: Vec<(i64, String, i64)> = self
            .db()
            .all(
                "SELECT at_ms - at_ms % $6 AS step, variant, CAST(SUM(times) AS BIGINT) AS times \
                 FROM exposure_counts \
                 WHERE environment = $1 AND flag = $2 AND step_ms = $3 AND at_ms >= $4 AND at_ms < $5 \
                 GROUP BY 1, variant \
                 ORDER BY 1, variant",
                args![environment.as_str(), flag.as_str(), kept_ms, from_ms, until_ms, step_ms],
            )
            .await?;
        let corrupt = || StoreError::CorruptRow { table: "exposure_counts", id: flag.to_string() };
        let count = |(at_ms, variant, times)| {
            let variant = VariantKey::try_from(variant).map_err(|_| corrupt())?;
            Ok(ExposureCount { at_ms, variant, count: number(times) })
        };
        rows.into_iter().map(count).collect()
    }

    /// How often each flag was served in each minute of `from_ms..until_ms` in which it was served at all, of the minutes
    /// that are still kept: flag, beginning of the minute, times; by flag and time.
    pub async fn exposures_by_minute(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<(FlagKey, i64, u64)>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<(String, i64, i64)> = self
            .db()
            .all(
                "SELECT flag, at_ms, CAST(SUM(times) AS BIGINT) AS times \
                 FROM exposure_counts \
                 WHERE environment = $1 AND step_ms = 60000 AND at_ms >= $2 AND at_ms < $3 \
                 GROUP BY flag, at_ms \
                 ORDER BY flag, at_ms",
                args![environment.as_str(), from_ms, until_ms],
            )
            .await?;
        let corrupt = || StoreError::CorruptRow { table: "exposure_counts", id: "flag".to_owned() };
        let of_flag = |(flag, at_ms, times)| {
            FlagKey::try_from(flag).map(|flag| (flag, at_ms, number(times))).map_err(|_| corrupt())
        };
        rows.into_iter().map(of_flag).collect()
    }
}
