//! What a decision says: the variant, why, and for which side of a comparison it counts.

use serde::{Deserialize, Serialize};

use crate::{RuleId, Variant};

crate::words! {
    /// Why this variant, in the words of `OpenFeature`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Reason: serde {
        /// The rollout has no rules.
        Static = "STATIC",
        /// No rule let the subject in, a prerequisite was not met, or the subject is excluded.
        Default = "DEFAULT",
        /// Pinned, or inside a rule at 100 %.
        TargetingMatch = "TARGETING_MATCH",
        /// Inside a rule below 100 %.
        Split = "SPLIT",
        /// Stopped by the kill switch.
        Disabled = "DISABLED",
    }
}

crate::words! {
    /// On which side of a rule's percentage the subject fell.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Arm: serde {
        Treatment = "treatment",
        /// Matched the rule's audience, but was outside its percentage or held back.
        Control = "control",
    }
}

/// What a subject is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision<'s> {
    pub variant: &'s Variant,
    pub reason: Reason,
    /// The rule that let the subject in, or the first whose percentage kept it out.
    pub rule: Option<&'s RuleId>,
    /// `None` also for whoever was outside an earlier rule and is served by a later one: that rule's control has nobody
    /// of the earlier audience in it, so they would be compared with other people.
    pub arm: Option<Arm>,
    /// Served because this call carried a preview: it is no exposure.
    pub previewed: bool,
}

/// Why there is no decision; the caller's own default applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvaluationError {
    #[error("this flag does not exist in this environment, or is archived")]
    FlagNotFound,
    #[error("this flag is released by percentage: send a targetingKey with the context")]
    TargetingKeyMissing,
    #[error("this flag cannot be evaluated: it waits for too many prerequisites")]
    General,
}

impl<'s> Decision<'s> {
    pub(super) fn pinned(variant: &'s Variant) -> Self {
        Self { variant, reason: Reason::TargetingMatch, rule: None, arm: None, previewed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_are_serialised() {
        for reason in
            [Reason::Static, Reason::Default, Reason::TargetingMatch, Reason::Split, Reason::Disabled]
        {
            assert_eq!(serde_json::to_value(reason).expect("JSON"), reason.as_str());
        }
        for arm in [Arm::Treatment, Arm::Control] {
            assert_eq!(serde_json::to_value(arm).expect("JSON"), arm.as_str());
        }
    }
}
