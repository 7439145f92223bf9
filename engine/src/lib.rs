//! What is decided for whom. Pure: no I/O, no clock, no randomness; the caller passes `now` and entropy.
//! It builds for the server and for the browser.

mod census;
mod condition;
mod decision;
mod definition;
pub mod guardrail;
mod number;
pub mod plan;
mod text;
mod time;
mod traits;
mod word;
mod words;

pub use census::{
    ChannelCount, Count, Counted, Impact, Moved, Mover, Overlap, Question, Sample, Shuffled, Side, Survey,
    Surveyor, Tally, grouped, interval_95,
};
pub use condition::{
    AttributeDefinition, AttributeSchema, AttributeType, AttributeValue, Attributes, Condition, DEPTH_MAX,
    NotAnAttribute, Operator, TESTS_MAX, Test, Written,
};
pub use decision::{
    Actual, Allocation, Arm, CompileError, CompiledFlag, CompiledGroup, Context, Decision, EnvironmentConfig,
    EvaluationError, Evaluator, Exclusion, Explanation, HOLDBACK_SEED, Origin, POSITIONS, Placement,
    Position, Preview, Reason, Sender, Served, Snapshot, Step, VARIANT_SEED, allocation, bucket_hash,
    holdback_position, position, variant_bucket,
};
pub use definition::{
    AttributeName, Audience, BucketBy, Counts, ENROLMENTS_MAX, Enrolment, EnrolmentState, EnvironmentKey,
    Exclusions, Flag, FlagKey, FlagKind, Group, GroupKey, GuardrailId, InvalidKey, InvalidPercentage,
    Lifecycle, MetricDefinition, MetricKey, MetricKind, Percentage, Pin, Prerequisite, Problem, Rollout,
    Rule, RuleId, SUBJECTS_MAX, Share, SubjectKey, TAGS_MAX, TARGETING_KEY, VARIANTS_MAX, ValueType, Variant,
    VariantKey, WEIGHT_TOTAL, is_dots, means_a_place,
};
pub use number::{Number, Parts};
pub use text::without_marks;
pub use time::{
    Assumed, CLOCK_STEP_MS, DateError, Dated, DayEdge, Moment, MomentError, instant_phrase, parse_date_ms,
    parse_moment_ms, read_date,
};
pub use traits::{Items, Names, Packed, Packer, Traits, VALUE_SEPARATOR, ValueRef};
pub use word::UnknownWord;
pub use words::{
    Change, attributes_phrase, audience_phrase, condition_phrase, counted, flag_changes, group_changes,
    group_name, hints, move_reason, rollout_changes, rollout_phrase, with_article,
};
