//! What is said about a rollout at one moment: its health, the warnings, and the evidence.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::decision::{BAKE_MAX_S, OnTimeout, SAMPLES_MIN, StepAction};
use super::definition::{GuardAction, Metric};
use super::evidence::{Evidence, Exposed};
use super::srm::Segment;
use super::verdict::Verdict;
use crate::RuleId;

/// What a step must show before it counts as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proof {
    /// Trials that each arm needs, of the comparison with the fewest.
    pub trials_min: u64,
    /// Every comparison must show that the treatment is not much worse; otherwise no evidence of harm is enough.
    pub require_safe: bool,
    /// How long that may take.
    pub wait_max_s: i64,
    pub on_timeout: OnTimeout,
}

impl Default for Proof {
    fn default() -> Self {
        Self {
            trials_min: SAMPLES_MIN,
            require_safe: true,
            wait_max_s: BAKE_MAX_S,
            on_timeout: OnTimeout::Hold,
        }
    }
}

/// What was seen beside the metrics, up to now.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Surroundings {
    /// First exposures by arm, in stretches of constant percentages.
    pub segments: Vec<Segment>,
    /// By rule; one that is not named may have both arms, and was not exposed lately.
    pub exposed: BTreeMap<RuleId, Exposed>,
    /// Share of the outcomes of the last 30 minutes that came too late to be folded.
    pub late_fraction: f64,
    /// When steps began, in time order.
    pub steps_ms: Vec<i64>,
    /// Time really spent on the current step.
    pub held_ms: i64,
    /// Nobody was ever served the flag.
    pub unasked: bool,
    /// Metrics of which stored cells could not be read lately, by rule.
    pub unreadable: BTreeMap<RuleId, BTreeSet<Metric>>,
}

crate::words! {
    /// How a rollout is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Health: serde {
        Healthy = "healthy",
        /// Nothing is wrong, and nothing is certain yet.
        Watching = "watching",
        /// Data are missing, or cannot be trusted.
        Inconclusive = "inconclusive",
        Breach = "breach",
    }
}

/// What keeps the data from being trusted, or the step from being called healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// The arms are not as large as the percentages say.
    Mismatch,
    /// Stored evidence, or what was made of it, cannot be read back.
    Unreadable,
    /// Nobody was ever served it: there is nothing that outcomes could be missing of.
    Unasked,
    MissingData,
    LateData,
    Suspicion,
    /// The time to show that it is safe has passed.
    NotShownSafe,
}

impl Warning {
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Mismatch => {
                "The arms are not as large as the percentages say; the comparison cannot be trusted."
            }
            Self::Unreadable => {
                "Stored evidence cannot be read; everything else is judged all the same, and the plan holds."
            }
            Self::Unasked => {
                "No application has asked for it yet, so there is nothing to judge; the plan holds until one does."
            }
            Self::MissingData => {
                "Outcomes are missing, so nothing can be said; the plan holds until they come."
            }
            Self::LateData => {
                "More than 5 % of the outcomes come too late to be compared; the plan holds until they come in time."
            }
            Self::Suspicion => "A guardrail looks broken, but that is not certain yet.",
            Self::NotShownSafe => {
                "There was too little traffic to show that it is safe; a person has to decide."
            }
        }
    }
}

/// The verdict on a rollout at one moment, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    pub at_ms: i64,
    pub health: Health,
    /// What the strongest broken guardrail asks for; only on a breach.
    pub action: Option<GuardAction>,
    /// When the evidence for it first was enough.
    pub breach_since_ms: Option<i64>,
    pub step: StepAction,
    pub warnings: Vec<Warning>,
    pub srm_log_bf: f64,
    /// One for each guardrail at each rule, in their order.
    pub evidence: Vec<Evidence>,
}

impl Judgement {
    /// What stands in for a judgement that cannot be read: an alarm, and no word about the rollout.
    pub fn unreadable(at_ms: i64) -> Self {
        Self {
            at_ms,
            health: Health::Inconclusive,
            action: None,
            breach_since_ms: None,
            step: StepAction::HoldNoData,
            warnings: vec![Warning::Unreadable],
            srm_log_bf: 0.0,
            evidence: Vec::new(),
        }
    }

    /// Whether all that keeps it from being judged is that no application asks.
    pub fn is_unasked(&self) -> bool {
        self.health == Health::Inconclusive && self.warnings == [Warning::Unasked]
    }

    /// The broken guardrails, strongest action first.
    pub fn broken(&self) -> Vec<&Evidence> {
        let mut broken: Vec<_> = self.evidence.iter().filter(|e| e.verdict == Verdict::Regressed).collect();
        broken.sort_by_key(|evidence| std::cmp::Reverse(evidence.action));
        broken
    }

    /// What a person reads first.
    pub fn sentence(&self) -> String {
        if let Some(worst) = self.broken().first() {
            return format!("{}.", worst.sentence());
        }
        if let Some(warning) = self.warnings.first() {
            return warning.sentence().to_owned();
        }
        match self.health {
            Health::Healthy => "Every guardrail holds.".to_owned(),
            Health::Watching if self.evidence.is_empty() => "Nothing is judged yet.".to_owned(),
            Health::Watching => "No guardrail is broken; nothing is certain yet.".to_owned(),
            Health::Inconclusive | Health::Breach => "Nothing can be said yet.".to_owned(),
        }
    }
}
