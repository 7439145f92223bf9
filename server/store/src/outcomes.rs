//! Outcomes, added up in cells: a few seconds of one metric in one arm of one rule. What is written, how rows are merged
//! as they age, and how they are read.

mod cell;
mod durations;
mod read;
mod rollup;
mod told;
mod write;

use engine::{Arm, EnvironmentKey, FlagKey, MetricKey, RuleId};

pub use cell::{Cell, GroupTallies, Total};
pub use durations::GroupDurations;
pub(crate) use read::whole;
pub use read::{ArmCells, CellReader, CellSum, FirstExposures};
pub use rollup::RolledUp;
pub use told::{Entry, Told};
pub use write::{ArmCount, CELL_OPEN_MS_MAX, Written};

/// How long a cell is.
pub const CELL_MS: i64 = 10_000;
pub(crate) const MINUTE_CELL_MS: i64 = 60_000;
pub(crate) const HOUR_CELL_MS: i64 = 3_600_000;

/// Which cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub metric: MetricKey,
    pub rule: RuleId,
    pub arm: Arm,
    /// See [`engine::Allocation`].
    pub allocation: i64,
    /// A multiple of the cell's length.
    pub from_ms: i64,
}
