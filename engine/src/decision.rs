//! Who gets what: one environment compiled, the one code path that decides, and the trace of it.

mod allocation;
mod bucket;
mod compiled;
mod context;
mod decided;
mod evaluate;
mod evaluator;
mod exclusion;
mod explain;
mod index;
mod member;
mod preview;
mod snapshot;
pub(crate) mod trace;

pub use allocation::{Allocation, allocation};
pub use bucket::{
    HOLDBACK_SEED, POSITIONS, Position, VARIANT_SEED, bucket_hash, holdback_position, position,
    variant_bucket,
};
pub use compiled::CompiledFlag;
pub use context::{Context, Origin, Sender};
pub use decided::{Arm, Decision, EvaluationError, Reason};
pub(crate) use evaluate::{Footing, Ground};
pub use evaluator::Evaluator;
pub use exclusion::Exclusion;
pub use explain::{Explanation, Served};
pub use member::CompiledGroup;
pub use preview::Preview;
pub use snapshot::{CompileError, EnvironmentConfig, Snapshot};
pub use trace::{Actual, Placement, Step};
