//! The guard's arithmetic: is the treatment worse than its control, or beyond a limit, certain enough to act at any
//! moment? One e-process per rollout and metric, so that looking often never costs a false alarm.

pub mod baseline;
pub mod comparison;
pub mod decision;
pub mod dispersion;
pub mod interval;
pub mod kernel;
pub mod latency;
pub mod mixture;
mod numeric;
pub mod srm;
pub mod tally;
pub mod verdict;
