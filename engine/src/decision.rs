//! Who gets what: one environment compiled, the one code path that decides, and the trace of it.

mod allocation;
mod bucket;
pub(crate) mod compiled;
mod context;
pub(crate) mod evaluate;
pub(crate) mod explain;
mod impact;
mod preview;
mod snapshot;

pub use allocation::{Allocation, allocation};
pub use bucket::{
    HOLDBACK_SEED, POSITIONS, Position, VARIANT_SEED, bucket_hash, holdback_position, position,
    variant_bucket,
};
pub use compiled::{CompiledFlag, CompiledGroup};
pub use context::{Context, Origin, Sender};
pub use evaluate::{Arm, Decision, EvaluationError, Exclusion, Reason};
pub use explain::{Actual, EnrolmentState, Explanation, Outcome, Served, Step};
pub use impact::{Impact, group_impact, grouped, impact};
pub use preview::Preview;
pub use snapshot::{CompileError, EnvironmentConfig, Snapshot};
