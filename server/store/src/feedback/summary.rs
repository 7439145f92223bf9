//! What the feedback on each variant adds up to, and how it went from day to day. Feedback that names a flag counts for
//! that flag only; feedback that names none counts for every flag that the subject had.

use engine::{Arm, EnvironmentKey, FlagKey, VariantKey};

use crate::{
    Store, StoreError, Viewer, arm, clock::DAY_MS, db::args, limits::FEEDBACK_SUMMARIES_MAX, number, signed,
};

/// All feedback of one variant and arm.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantSummary {
    pub flag: FlagKey,
    pub variant: VariantKey,
    pub arm: Option<Arm>,
    pub items: u64,
    /// How many rated it 1, 2, 3, 4 and 5.
    pub ratings: [u64; 5],
    pub completed: u64,
    pub partly: u64,
    pub not_completed: u64,
    pub complaints: u64,
    /// Of those who said how long it took.
    pub duration_ms_median: Option<u64>,
}

impl VariantSummary {
    pub fn rated(&self) -> u64 {
        self.ratings.iter().sum()
    }

    /// Between 1 and 5; `None` when nobody rated.
    pub fn rating_mean(&self) -> Option<f64> {
        let sum: u64 = self.ratings.iter().zip(1..).map(|(count, stars)| count * stars).sum();
        ratio(sum, self.rated())
    }

    /// The share that said "yes" of those who answered.
    pub fn completion_rate(&self) -> Option<f64> {
        ratio(self.completed, self.completed + self.partly + self.not_completed)
    }

    /// The share of items that are complaints.
    pub fn complaint_rate(&self) -> Option<f64> {
        ratio(self.complaints, self.items)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of feedback are far below 2^52")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// One UTC day of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendPoint {
    pub variant: VariantKey,
    /// The day's first millisecond.
    pub day_ms: i64,
    pub items: u64,
    pub rated: u64,
    pub rating_sum: u64,
    pub complaints: u64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    flag: String,
    variant: String,
    arm: String,
    items: i64,
    rated_1: i64,
    rated_2: i64,
    rated_3: i64,
    rated_4: i64,
    rated_5: i64,
    completed: i64,
    partly: i64,
    not_completed: i64,
    complaints: i64,
    duration_ms_median: Option<i64>,
}

impl TryFrom<Row> for VariantSummary {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::CorruptRow { table: "feedback_variants", id: row.flag.clone() };
        Ok(Self {
            flag: FlagKey::parse(&row.flag).map_err(|_| corrupt())?,
            variant: VariantKey::try_from(row.variant.clone()).map_err(|_| corrupt())?,
            arm: arm::parse(&row.arm).map_err(|_| corrupt())?,
            items: number(row.items),
            ratings: [row.rated_1, row.rated_2, row.rated_3, row.rated_4, row.rated_5].map(number),
            completed: number(row.completed),
            partly: number(row.partly),
            not_completed: number(row.not_completed),
            complaints: number(row.complaints),
            duration_ms_median: row.duration_ms_median.map(number),
        })
    }
}

#[derive(sqlx_macros::FromRow)]
struct TrendRow {
    variant: String,
    day: i64,
    items: i64,
    rated: i64,
    rating_sum: i64,
    complaints: i64,
}

impl Store {
    /// Per flag, variant and arm, of what happened in `[from_ms, until_ms)`; of one flag or of all, the flags with
    /// most feedback first, treatment before control. Numbers only: everybody signed in may see them.
    pub async fn feedback_summary(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: Option<&FlagKey>,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<VariantSummary>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<Row> = self
            .db()
            .all(
                "WITH told AS (\
                     SELECT had.flag, had.variant, had.arm, it.rating, it.completed, it.complaint, it.duration_ms, \
                     ROW_NUMBER() OVER (PARTITION BY had.flag, had.variant, had.arm \
                         ORDER BY it.duration_ms IS NULL, it.duration_ms) AS place, \
                     COUNT(it.duration_ms) OVER (PARTITION BY had.flag, had.variant, had.arm) AS timed, \
                     COUNT(*) OVER (PARTITION BY had.flag) AS of_flag \
                     FROM feedback_variants AS had JOIN feedback AS it ON it.id = had.feedback \
                     WHERE had.environment = $1 AND ($2 IS NULL OR had.flag = $2) \
                     AND had.at_ms >= $3 AND had.at_ms < $4 AND (it.flag IS NULL OR it.flag = had.flag)) \
                 SELECT flag, variant, arm, COUNT(*) AS items, \
                 COUNT(CASE WHEN rating = 1 THEN 1 END) AS rated_1, \
                 COUNT(CASE WHEN rating = 2 THEN 1 END) AS rated_2, \
                 COUNT(CASE WHEN rating = 3 THEN 1 END) AS rated_3, \
                 COUNT(CASE WHEN rating = 4 THEN 1 END) AS rated_4, \
                 COUNT(CASE WHEN rating = 5 THEN 1 END) AS rated_5, \
                 COUNT(CASE WHEN completed = 'yes' THEN 1 END) AS completed, \
                 COUNT(CASE WHEN completed = 'partly' THEN 1 END) AS partly, \
                 COUNT(CASE WHEN completed = 'no' THEN 1 END) AS not_completed, \
                 COUNT(CASE WHEN complaint THEN 1 END) AS complaints, \
                 (MIN(CASE WHEN place = (timed + 1) / 2 THEN duration_ms END) \
                     + MIN(CASE WHEN place = (timed + 2) / 2 THEN duration_ms END)) / 2 AS duration_ms_median \
                 FROM told GROUP BY flag, variant, arm \
                 ORDER BY MAX(of_flag) DESC, flag, arm DESC, variant LIMIT $5",
                args![
                    environment.as_str(),
                    flag.map(FlagKey::as_str),
                    from_ms,
                    until_ms,
                    signed(FEEDBACK_SUMMARIES_MAX as u64)
                ],
            )
            .await?;
        rows.into_iter().map(VariantSummary::try_from).collect()
    }

    /// One flag from day to day, by variant, in the order of time; days without feedback are left out.
    pub async fn feedback_trend(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<TrendPoint>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<TrendRow> = self
            .db()
            .all(
                "SELECT had.variant AS variant, had.at_ms / $5 AS day, COUNT(*) AS items, COUNT(it.rating) AS rated, \
                 CAST(COALESCE(SUM(it.rating), 0) AS BIGINT) AS rating_sum, \
                 COUNT(CASE WHEN it.complaint THEN 1 END) AS complaints \
                 FROM feedback_variants AS had JOIN feedback AS it ON it.id = had.feedback \
                 WHERE had.environment = $1 AND had.flag = $2 AND had.at_ms >= $3 AND had.at_ms < $4 \
                 AND (it.flag IS NULL OR it.flag = had.flag) \
                 GROUP BY had.variant, had.at_ms / $5 ORDER BY day, variant",
                args![environment.as_str(), flag.as_str(), from_ms, until_ms, DAY_MS],
            )
            .await?;
        let point = |row: TrendRow| {
            let corrupt = |_| StoreError::CorruptRow { table: "feedback_variants", id: flag.to_string() };
            Ok(TrendPoint {
                variant: VariantKey::try_from(row.variant).map_err(corrupt)?,
                day_ms: row.day * DAY_MS,
                items: number(row.items),
                rated: number(row.rated),
                rating_sum: number(row.rating_sum),
                complaints: number(row.complaints),
            })
        };
        rows.into_iter().map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shares_of_those_who_answered() {
        let mut summary = VariantSummary {
            flag: FlagKey::parse("f").expect("a key"),
            variant: VariantKey::parse("on").expect("a key"),
            arm: None,
            items: 10,
            ratings: [1, 0, 0, 0, 3],
            completed: 3,
            partly: 1,
            not_completed: 0,
            complaints: 1,
            duration_ms_median: None,
        };
        assert_eq!(summary.rating_mean(), Some(4.0));
        assert_eq!((summary.completion_rate(), summary.complaint_rate()), (Some(0.75), Some(0.1)));
        summary.ratings = [0; 5];
        assert_eq!(summary.rating_mean(), None);
    }
}
