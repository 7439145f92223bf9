//! Why a plan waits or goes back, and how far: a reduction never raises a percentage.

use serde::{Deserialize, Serialize};

use super::definition::Percentages;
use crate::{Percentage, RuleId, guardrail::GuardAction};

/// Why nothing may be concluded for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    Mismatch,
    MissingData,
    Unasked,
    LateData,
    Suspicion,
    NotShownSafe,
    /// A guardrail that only notifies is broken, or one that a person decided to go on with.
    Broken,
    /// A person set the percentages by hand: the plan waits until it is resumed.
    PersonDecided,
}

/// Percentages of which none is above what it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reduction(Percentages);

impl Reduction {
    /// As far towards `target` as only goes down. Rules that `target` does not name stay.
    pub fn towards(target: &Percentages, current: &Percentages) -> Self {
        let lower = |(rule, now): (&RuleId, &Percentage)| {
            let to = target.get(rule).copied().unwrap_or(*now);
            (rule.clone(), to.min(*now))
        };
        Self(current.iter().map(lower).collect())
    }

    pub const fn percentages(&self) -> &Percentages {
        &self.0
    }
}

/// A broken guardrail, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    pub(super) action: GuardAction,
    pub(super) since_ms: i64,
    pub(super) sentence: String,
    /// Where the plan goes back to; `None`: to what was before it.
    pub(super) back_to: Option<usize>,
    /// For a step back.
    pub(super) reduction: Option<Reduction>,
}

impl Breach {
    pub const fn action(&self) -> GuardAction {
        self.action
    }

    pub const fn since_ms(&self) -> i64 {
        self.since_ms
    }

    /// `Errors 2.1 % against 0.4 % in control: worse, certain enough to act.`
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    pub const fn back_to(&self) -> Option<usize> {
        self.back_to
    }

    pub const fn reduction(&self) -> Option<&Reduction> {
        self.reduction.as_ref()
    }
}
