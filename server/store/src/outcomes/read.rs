//! Reading cells: for charts by whoever may look, for the guard by the server's own loop.

use std::collections::BTreeMap;

use engine::{Arm, EnvironmentKey, FlagKey, MetricKey, RuleId, guardrail::Accepts};

use super::{CELL_MS, Cell, HOUR_CELL_MS};
use crate::{
    Denied, GuardLease, IncidentGrant, Store, StoreError, Viewer,
    db::{Readable, args},
    number,
    permission::Permit,
};

/// More rows than this are not read for one question: ask for less time, or for longer steps.
const ROWS_MAX: i64 = 400_000;

/// Leave to read what was measured: of whoever may look, where they may, of whoever holds the guard's lease, or a link to
/// one incident. Nobody makes one out of nothing:
///
/// ```compile_fail,E0451
/// fn read() -> store::CellReader {
///     store::CellReader { permit: unimplemented!() }
/// }
/// ```
/// nor the lease that gives one:
///
/// ```compile_fail,E0451
/// fn guard() -> store::CellReader {
///     (&store::GuardLease { holder: "mallory".to_owned(), expires_ms: i64::MAX }).into()
/// }
/// ```
///
/// The ways to one:
///
/// ```
/// use store::{CellReader, GuardLease, IncidentGrant, Viewer};
///
/// fn all(lease: &GuardLease, viewer: &Viewer, link: &IncidentGrant) -> [CellReader; 3] {
///     [lease.into(), viewer.into(), link.into()]
/// }
/// ```
#[derive(Debug, Clone)]
pub struct CellReader {
    permit: Permit,
}

impl From<&GuardLease> for CellReader {
    fn from(_: &GuardLease) -> Self {
        Self { permit: Permit::unlimited() }
    }
}

impl From<&IncidentGrant> for CellReader {
    fn from(_: &IncidentGrant) -> Self {
        Self { permit: Permit::unlimited() }
    }
}

impl From<&Viewer> for CellReader {
    fn from(viewer: &Viewer) -> Self {
        Self { permit: viewer.permit().clone() }
    }
}

impl From<&Self> for CellReader {
    fn from(reader: &Self) -> Self {
        reader.clone()
    }
}

impl CellReader {
    fn require_in(&self, environment: &EnvironmentKey) -> Result<(), Denied> {
        self.permit.covers(Some(environment))
    }
}

/// One metric in one arm of one rule over one step, all servers together.
#[derive(Debug, Clone)]
pub struct CellSum {
    pub metric: MetricKey,
    pub rule: RuleId,
    pub arm: Arm,
    /// A multiple of the step that was asked for.
    pub from_ms: i64,
    pub cell: Cell,
    /// Stored rows that belong here and cannot be read; `cell` is without them.
    pub unreadable: u64,
}

/// Both arms of one rule over the same few seconds, as the guard folds them.
#[derive(Debug, Clone, Default)]
pub struct ArmCells {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Differs before and after a change of the percentages.
    pub allocation: i64,
    pub treatment: Cell,
    pub control: Cell,
    /// Something that belongs here cannot be read: both arms are without it.
    pub unreadable: bool,
}

/// Subjects at their first exposure in each arm of a rule, in one stretch of constant percentages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstExposures {
    pub rule: RuleId,
    pub allocation: i64,
    pub treatment: u64,
    pub control: u64,
    /// Those of them whom servers told of.
    pub servers_treatment: u64,
    pub servers_control: u64,
    /// What the arms should hold, in any unit; `None` where a mismatch cannot be tested.
    pub shares: Option<(u64, u64)>,
    pub first_ms: i64,
    /// 0 for never.
    pub treatment_last_ms: i64,
    pub control_last_ms: i64,
    /// Subjects who had the feature in this stretch, also those who had been seen before it; and when the last of them
    /// came, 0 for never.
    pub entered: u64,
    pub entered_last_ms: i64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    rule: String,
    arm: String,
    from_ms: i64,
    step_ms: i64,
    allocation: i64,
    #[sqlx(flatten)]
    document: Readable<Document>,
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    rule: String,
    allocation: i64,
    treatment: f64,
    control: f64,
    servers_treatment: f64,
    servers_control: f64,
    treatment_share: Option<i64>,
    control_share: Option<i64>,
    first_ms: i64,
    treatment_last_ms: i64,
    control_last_ms: i64,
    entered: f64,
    entered_last_ms: i64,
}

/// A row whose key is what it should be.
struct Stored {
    rule: RuleId,
    arm: Arm,
    from_ms: i64,
    step_ms: i64,
    allocation: i64,
    /// `None`: it cannot be read.
    cell: Option<Cell>,
}

impl Row {
    /// `None` where not even the key says where it belongs: no rule is called so.
    fn parse(self) -> Option<Stored> {
        Some(Stored {
            rule: RuleId::parse(&self.rule).ok()?,
            arm: Arm::parse(&self.arm).ok()?,
            from_ms: self.from_ms,
            step_ms: self.step_ms,
            allocation: self.allocation,
            cell: self.document.0.and_then(|Document { document }| Cell::from_json(&document)),
        })
    }
}

#[derive(sqlx_macros::FromRow)]
struct Document {
    document: String,
}

impl Store {
    /// The cells of some metrics of a flag that begin in `from_ms..until_ms`, in steps of `step_ms` (10 s or more), by
    /// metric, time, rule and arm. What was merged into longer cells stands at its beginning.
    pub async fn cells(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        metrics: &[MetricKey],
        (from_ms, until_ms): (i64, i64),
        step_ms: i64,
    ) -> Result<Vec<CellSum>, StoreError> {
        by.require_in(environment)?;
        let step_ms = step_ms.max(CELL_MS);
        let mut sums = Vec::new();
        for metric in metrics {
            let mut merged: BTreeMap<(i64, RuleId, Arm), (Cell, u64)> = BTreeMap::new();
            let coarse = step_ms >= HOUR_CELL_MS;
            let accepts = Accepts::ServersAndBrowsers;
            for row in self.stored(environment, flag, (metric, accepts), (from_ms, until_ms), coarse).await? {
                let at = (row.from_ms.div_euclid(step_ms) * step_ms, row.rule, row.arm);
                let (sum, unreadable) = merged.entry(at).or_default();
                match &row.cell {
                    Some(cell) => sum.merge(cell),
                    None => *unreadable += 1,
                }
            }
            sums.extend(merged.into_iter().map(|((from_ms, rule, arm), (cell, unreadable))| CellSum {
                metric: metric.clone(),
                rule,
                arm,
                from_ms,
                cell,
                unreadable,
            }));
        }
        Ok(sums)
    }

    /// Failed requests of those who have the feature in each minute of `from_ms..until_ms` with any, of the last hours that
    /// are still kept in ten seconds: flag, beginning of the minute, outcomes, failures; by flag and time.
    pub async fn errors_by_minute(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<(FlagKey, i64, u64, u64)>, StoreError> {
        by.require_in(environment)?;
        // Written out, so that the partial index of these rows is used.
        let rows: Vec<(String, i64, f64, f64)> = self
            .db()
            .all(
                "SELECT flag, from_ms - from_ms % 60000 AS minute_ms, SUM(CAST(outcomes AS DOUBLE PRECISION)), \
                 SUM(CAST(events AS DOUBLE PRECISION)) FROM cells \
                 WHERE metric = 'error_rate' AND arm = 'treatment' AND step_ms = 10000 \
                 AND environment = $1 AND from_ms >= $2 AND from_ms < $3 \
                 GROUP BY flag, from_ms - from_ms % 60000 ORDER BY flag, minute_ms",
                args![environment.as_str(), from_ms, until_ms],
            )
            .await?;
        // No flag has a key that is none.
        let of_flag = |(flag, at_ms, outcomes, events)| {
            Some((FlagKey::try_from(flag).ok()?, at_ms, whole(outcomes), whole(events)))
        };
        Ok(rows.into_iter().filter_map(of_flag).collect())
    }

    /// Both arms of one rule and metric, told by those whose word counts, as finely as they are stored, in time order,
    /// from `from_ms` on and complete before `until_ms`. Cells never span a change of the percentages.
    pub async fn guard_cells(
        &self,
        by: impl Into<CellReader>,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (rule, metric, accepts): (&RuleId, &MetricKey, Accepts),
        (from_ms, until_ms): (i64, i64),
    ) -> Result<Vec<ArmCells>, StoreError> {
        by.into().require_in(environment)?;
        let mut merged: BTreeMap<(i64, i64, i64), ArmCells> = BTreeMap::new();
        for row in self.stored(environment, flag, (metric, accepts), (from_ms, until_ms), false).await? {
            let end_ms = end_ms(row.from_ms, row.step_ms);
            if row.rule != *rule || end_ms > until_ms {
                continue;
            }
            let both = merged.entry((row.from_ms, row.step_ms, row.allocation)).or_insert_with(|| ArmCells {
                from_ms: row.from_ms,
                until_ms: end_ms,
                allocation: row.allocation,
                ..ArmCells::default()
            });
            match (row.arm, &row.cell) {
                (Arm::Treatment, Some(cell)) => both.treatment.merge(cell),
                (Arm::Control, Some(cell)) => both.control.merge(cell),
                (Arm::Treatment | Arm::Control, None) => both.unreadable = true,
            }
        }
        let mut cells: Vec<ArmCells> = merged.into_values().collect();
        end_where_the_next_begins(&mut cells);
        Ok(cells)
    }

    /// Subjects by arm at their first exposure since `since_ms`, all servers together, by rule and time.
    pub async fn first_exposures(
        &self,
        by: impl Into<CellReader>,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        since_ms: i64,
    ) -> Result<Vec<FirstExposures>, StoreError> {
        by.into().require_in(environment)?;
        let rows: Vec<Readable<CountRow>> = self
            .db()
            .all(
                "SELECT rule, allocation, SUM(CAST(treatment AS DOUBLE PRECISION)) AS treatment, \
                 SUM(CAST(control AS DOUBLE PRECISION)) AS control, \
                 SUM(CAST(COALESCE(servers_treatment, treatment) AS DOUBLE PRECISION)) AS servers_treatment, \
                 SUM(CAST(COALESCE(servers_control, control) AS DOUBLE PRECISION)) AS servers_control, MAX(treatment_share) AS treatment_share, \
                 MAX(control_share) AS control_share, MIN(first_ms) AS first_ms, \
                 MAX(treatment_last_ms) AS treatment_last_ms, MAX(control_last_ms) AS control_last_ms, \
                 SUM(CAST(COALESCE(entered, treatment) AS DOUBLE PRECISION)) AS entered, \
                 MAX(COALESCE(entered_last_ms, treatment_last_ms)) AS entered_last_ms \
                 FROM first_exposures WHERE environment = $1 AND flag = $2 AND first_ms >= $3 \
                 GROUP BY rule, allocation ORDER BY rule, MIN(first_ms) LIMIT 10000",
                args![environment.as_str(), flag.as_str(), since_ms],
            )
            .await?;
        // A count that cannot be read counts nobody; the others do.
        let parse = |row: CountRow| {
            let rule = RuleId::parse(&row.rule).ok()?;
            Some(FirstExposures {
                rule,
                allocation: row.allocation,
                treatment: whole(row.treatment),
                control: whole(row.control),
                servers_treatment: whole(row.servers_treatment),
                servers_control: whole(row.servers_control),
                shares: row.treatment_share.zip(row.control_share).map(|(t, c)| (number(t), number(c))),
                first_ms: row.first_ms,
                treatment_last_ms: row.treatment_last_ms,
                control_last_ms: row.control_last_ms,
                entered: whole(row.entered),
                entered_last_ms: row.entered_last_ms,
            })
        };
        Ok(rows.into_iter().filter_map(|Readable(row)| parse(row?)).collect())
    }

    /// Whether anybody was served the flag, as far back as the ledger goes.
    pub async fn is_in_ledger(
        &self,
        by: impl Into<CellReader>,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<bool, StoreError> {
        by.into().require_in(environment)?;
        let sql = "SELECT first_ms FROM exposures WHERE environment = $1 AND flag = $2 LIMIT 1";
        let found: Option<(i64,)> =
            self.db().optional(sql, args![environment.as_str(), flag.as_str()]).await?;
        Ok(found.is_some())
    }

    /// Rows in time order, told by those whose word counts. Hours stand beside the minutes they were made of: `coarse` reads hours as far as there are
    /// any, otherwise only those whose minutes are gone.
    async fn stored(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (metric, accepts): (&MetricKey, Accepts),
        (from_ms, until_ms): (i64, i64),
        coarse: bool,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut tx = self.db().begin_read().await?;
        let sql = "SELECT hours_until_ms, minutes_from_ms FROM cells_upkeep WHERE id = 1";
        let (hours_until_ms, minutes_from_ms) = tx.one::<(i64, i64)>(sql, args![]).await?;
        let hours_before_ms = if coarse { hours_until_ms } else { minutes_from_ms };
        let rows: Vec<Readable<Row>> = tx
            .all(
                "SELECT rule, arm, from_ms, step_ms, allocation, \
                 CASE WHEN $9 = 1 THEN COALESCE(servers, document) ELSE document END AS document FROM cells \
                 WHERE environment = $1 AND flag = $2 AND metric = $3 AND from_ms >= $4 AND from_ms < $5 \
                 AND ((step_ms = $6 AND from_ms < $7) OR (step_ms < $6 AND from_ms >= $7)) \
                 ORDER BY from_ms LIMIT $8",
                args![
                    environment.as_str(),
                    flag.as_str(),
                    metric.as_str(),
                    from_ms,
                    until_ms,
                    HOUR_CELL_MS,
                    hours_before_ms,
                    ROWS_MAX,
                    i64::from(accepts == Accepts::Servers),
                ],
            )
            .await?;
        tx.rollback().await?;
        Ok(rows.into_iter().filter_map(|Readable(row)| row?.parse()).collect())
    }
}

/// A cell that began with a decision ends with the others of its ten seconds.
fn end_ms(from_ms: i64, step_ms: i64) -> i64 {
    from_ms.saturating_sub(from_ms.rem_euclid(step_ms.max(1))).saturating_add(step_ms)
}

/// What was counted before a decision ends with it. In time order.
fn end_where_the_next_begins(cells: &mut [ArmCells]) {
    let mut next = None;
    for cell in cells.iter_mut().rev() {
        match next {
            Some((from_ms, until_ms)) if until_ms == cell.until_ms && from_ms > cell.from_ms => {
                next = Some((cell.from_ms, cell.until_ms));
                cell.until_ms = from_ms;
            }
            Some(_) | None => next = Some((cell.from_ms, cell.until_ms)),
        }
    }
}

/// A sum that the database made of counts, which cannot overflow there.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
pub(crate) fn whole(sum: f64) -> u64 {
    sum.round() as u64
}
