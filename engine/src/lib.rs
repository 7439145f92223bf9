//! What is decided for whom. Pure: no I/O, no clock, no randomness; the caller passes `now` and entropy.
//! It builds for the server and for the browser.

mod allocation;
mod attribute;
mod bucket;
mod census;
mod comparison;
mod compiled;
mod condition;
mod context;
mod diff;
mod evaluate;
mod explain;
mod flag;
mod group;
pub mod guardrail;
mod hint;
mod impact;
mod key;
mod matcher;
mod metric;
mod narrate;
mod operator;
mod percentage;
pub mod plan;
mod prerequisite;
mod preview;
mod problem;
mod rollout;
mod sentence;
mod snapshot;
mod time;

pub use allocation::{Allocation, allocation};
pub use attribute::{
    AttributeDefinition, AttributeSchema, AttributeType, AttributeValue, Attributes, NotAnAttribute,
};
pub use bucket::{
    HOLDBACK_SEED, POSITIONS, Position, VARIANT_SEED, bucket_hash, holdback_position, position,
    variant_bucket,
};
pub use census::{ChannelCount, Count, Counted, Question, Sample, Shuffled, Survey, Surveyor, Tally, interval_95};
pub use compiled::{CompiledFlag, CompiledGroup};
pub use condition::{Condition, DEPTH_MAX, TESTS_MAX, Test};
pub use context::{Context, Origin, Sender};
pub use diff::{Change, flag_changes, group_changes, rollout_changes};
pub use evaluate::{Arm, Decision, EvaluationError, Exclusion, Reason};
pub use explain::{Actual, EnrolmentState, Explanation, Outcome, Served, Step};
pub use flag::{Flag, FlagKind, Lifecycle, TAGS_MAX, VARIANTS_MAX, ValueType, Variant};
pub use group::{ENROLMENTS_MAX, Enrolment, Group};
pub use hint::hints;
pub use impact::{Impact, grouped};
pub use key::{
    AttributeName, EnvironmentKey, FlagKey, GroupKey, GuardrailId, InvalidKey, MetricKey, RuleId, SubjectKey,
    TARGETING_KEY, VariantKey,
};
pub use metric::{Counts, MetricDefinition, MetricKind};
pub use operator::Operator;
pub use percentage::{InvalidPercentage, Percentage};
pub use preview::Preview;
pub use problem::Problem;
pub use rollout::{
    Audience, BucketBy, Exclusions, Pin, Prerequisite, Rollout, Rule, SUBJECTS_MAX, Share, WEIGHT_TOTAL,
};
pub use sentence::{attributes_phrase, audience_phrase, condition_phrase, rollout_phrase};
pub use snapshot::{CompileError, EnvironmentConfig, Snapshot};
pub use time::{DateError, DayEdge, MomentError, instant_phrase, parse_date_ms, parse_moment_ms};
