//! Writing cells: every row belongs to one running server and is written whole, so writing it again changes nothing.

use engine::{EnvironmentKey, FlagKey, RuleId, guardrail::Accepts};

use super::{CELL_MS, Cell, CellKey, Told};
use crate::{Store, StoreError, db::args, ledger::insert_ids, signed};

/// How old a cell may be when it is still written: far younger than what is merged into minutes.
pub const CELL_OPEN_MS_MAX: i64 = 60 * 60_000;

/// How many subjects one server saw first in each arm of a rule, while the percentages stayed the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmCount {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub rule: RuleId,
    pub allocation: i64,
    pub treatment: u64,
    pub control: u64,
    /// Those of them whom servers told of.
    pub servers_treatment: u64,
    pub servers_control: u64,
    /// What the arms should hold, in any unit; `None` where that cannot be told.
    pub shares: Option<(u64, u64)>,
    pub first_ms: i64,
    /// The last exposure in each arm, counted or not; 0 for none.
    pub treatment_last_ms: i64,
    pub control_last_ms: i64,
    /// Subjects who had the feature while the percentages were so, whenever they were first seen; and when the last of
    /// them came, 0 for none.
    pub entered: u64,
    pub entered_last_ms: i64,
}

/// What a server writes at once.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// A cell that the server had to forget and began again is another part, beside what it wrote before.
    pub cells: Vec<(u32, CellKey, Told)>,
    pub counts: Vec<ArmCount>,
    /// Hashes of event ids, so that sending them again after a restart is noticed.
    pub ids: Vec<u64>,
}

impl Store {
    /// Replaces what one run of one server wrote of these cells and counts, and remembers the ids of the events in them,
    /// in one transaction. A cell that is older than [`CELL_OPEN_MS_MAX`] is left out: it may have been merged already.
    /// No proof and no audit: the caller is the server's own writer.
    pub async fn write_cells(&self, run: &str, written: &Written) -> Result<(), StoreError> {
        let now_ms = self.database_now_ms().await?;
        let oldest_ms = now_ms - CELL_OPEN_MS_MAX;
        let mut tx = self.db().begin().await?;
        for (part, key, told) in written.cells.iter().filter(|(_, key, _)| key.from_ms >= oldest_ms) {
            let unwritable = |_| StoreError::Unwritable { table: "cells" };
            let cell = told.of(Accepts::ServersAndBrowsers);
            let document = cell.to_json().map_err(unwritable)?;
            let servers = told.apart().map(Cell::to_json).transpose().map_err(unwritable)?;
            let writer = &*format!("{run}.{part}");
            tx.execute(
                "INSERT INTO cells \
                 (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer, outcomes, events, \
                  document, servers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
                 ON CONFLICT (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer) \
                 DO UPDATE SET outcomes = excluded.outcomes, events = excluded.events, \
                 document = excluded.document, servers = excluded.servers",
                args![
                    key.environment.as_str(),
                    key.flag.as_str(),
                    key.metric.as_str(),
                    key.from_ms,
                    CELL_MS,
                    key.rule.as_str(),
                    key.arm.as_str(),
                    key.allocation,
                    writer,
                    signed(cell.outcomes),
                    signed(cell.events),
                    &document,
                    servers.as_deref(),
                ],
            )
            .await?;
        }
        for count in &written.counts {
            tx.execute(
                "INSERT INTO first_exposures \
                 (environment, flag, rule, allocation, writer, treatment, control, treatment_share, control_share, \
                  first_ms, treatment_last_ms, control_last_ms, servers_treatment, servers_control, entered, \
                  entered_last_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
                 ON CONFLICT (environment, flag, rule, allocation, writer) DO UPDATE SET \
                 treatment = excluded.treatment, control = excluded.control, \
                 treatment_last_ms = excluded.treatment_last_ms, control_last_ms = excluded.control_last_ms, \
                 servers_treatment = excluded.servers_treatment, servers_control = excluded.servers_control, \
                 entered = excluded.entered, entered_last_ms = excluded.entered_last_ms",
                args![
                    count.environment.as_str(),
                    count.flag.as_str(),
                    count.rule.as_str(),
                    count.allocation,
                    run,
                    signed(count.treatment),
                    signed(count.control),
                    count.shares.map(|(treatment, _)| signed(treatment)),
                    count.shares.map(|(_, control)| signed(control)),
                    count.first_ms,
                    count.treatment_last_ms,
                    count.control_last_ms,
                    signed(count.servers_treatment),
                    signed(count.servers_control),
                    signed(count.entered),
                    count.entered_last_ms,
                ],
            )
            .await?;
        }
        insert_ids(&mut tx, written.ids.iter(), now_ms).await?;
        tx.commit().await?;
        Ok(())
    }
}
