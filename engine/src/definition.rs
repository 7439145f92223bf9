//! What is written down and edited: flags, rollouts, groups, metrics, and everything that can be wrong with them.

mod flag;
mod group;
mod key;
mod metric;
mod percentage;
pub(crate) mod prerequisite;
pub(crate) mod problem;
pub(crate) mod rollout;
mod value_type;

pub use flag::{Flag, FlagKind, Lifecycle, TAGS_MAX, VARIANTS_MAX, Variant};
pub use group::{ENROLMENTS_MAX, Enrolment, EnrolmentState, Group};
pub use key::{
    AttributeName, EnvironmentKey, FlagKey, GroupKey, GuardrailId, InvalidKey, MetricKey, RuleId, SubjectKey,
    TARGETING_KEY, VariantKey, is_dots, means_a_place,
};
pub use metric::{Counts, MetricDefinition, MetricKind};
pub use percentage::{InvalidPercentage, Percentage};
pub use problem::Problem;
pub use rollout::{
    Audience, BucketBy, Exclusions, Pin, Prerequisite, Rollout, Rule, SUBJECTS_MAX, Share, WEIGHT_TOTAL,
};
pub use value_type::ValueType;
