//! What is known about one guardrail, in numbers and in a sentence.

use serde::{Deserialize, Serialize};

use super::definition::{Counting, GuardAction, Guardrail, Limit, Metric};
use super::interval::Interval;
use super::kernel::Worse;
use super::recent::Stretch;
use super::tally::Tally;
use super::verdict::Verdict;
use super::words;
use crate::{GuardrailId, sentence::capitalised};

/// The evidence on one guardrail at one moment, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub guardrail: GuardrailId,
    pub metric: Metric,
    pub limit: Limit,
    pub action: GuardAction,
    pub verdict: Verdict,
    /// Folded since the rollout began.
    pub treatment: Tally,
    /// `None` for a ceiling.
    pub control: Option<Tally>,
    /// The stretch of time the sentence tells of; `None` before anything was folded.
    pub recent: Option<Stretch>,
    /// The quantile that is watched, in milliseconds, over the recent minutes; for durations only.
    pub treatment_ms: Option<f64>,
    pub control_ms: Option<f64>,
    pub log_e: f64,
    pub max_log_e: f64,
    /// The evidence that is enough to act.
    pub log_e_act: f64,
    pub p_value: f64,
    pub rate_ratio: Option<f64>,
    /// Treatment's rate minus control's, valid at every look; `None` for ceilings and durations.
    pub difference: Option<Interval>,
    pub dispersion: f64,
    /// No subjects came with the outcomes: requests are taken to be independent.
    pub independence_assumed: bool,
    /// When the evidence first was enough.
    pub since_ms: Option<i64>,
    /// Settled data are older than they may be, or an arm is silent.
    pub missing: Option<Missing>,
}

/// Why a guardrail cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing for five minutes.
    Silent,
    Treatment,
    Control,
    /// The counts cannot be: more events than trials.
    Rejected,
    /// Everybody has the feature, so there is nobody to compare with. Not a fault: only limits watch.
    NoControl,
}

/// Which arms should have outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exposed {
    /// Exposed in the last five minutes.
    pub treatment: bool,
    pub control: bool,
    /// The percentages leave somebody without the feature: below 100 %, or with a holdback.
    pub has_control: bool,
}

impl Default for Exposed {
    fn default() -> Self {
        Self { treatment: false, control: false, has_control: true }
    }
}

impl Evidence {
    /// `Errors 2.1 % against 0.4 % in control: worse, certain enough to act`.
    pub fn sentence(&self) -> String {
        let noun = capitalised(&self.metric.noun());
        let Some(numbers) = self.numbers() else {
            return match self.missing {
                Some(Missing::NoControl) => format!("{noun}: no control to compare with"),
                Some(Missing::Rejected) => format!("{noun}: the counts do not add up"),
                Some(Missing::Silent | Missing::Treatment | Missing::Control) => {
                    format!("{noun}: no outcomes arrive")
                }
                None => format!("{noun}: no outcomes yet"),
            };
        };
        let conclusion = match (self.verdict, self.missing) {
            (Verdict::Regressed, _) => self.breach(),
            (_, Some(Missing::Silent)) => "but no outcomes arrive any more",
            (_, Some(Missing::Treatment)) => "but none arrive from those who have the feature",
            (_, Some(Missing::Control)) => "but none arrive from control",
            (_, Some(Missing::Rejected)) => "but the counts do not add up any more",
            (_, Some(Missing::NoControl)) => "no control to compare with any more",
            (Verdict::Amber, None) => self.suspicion(),
            (Verdict::Safe, None) => self.safety(),
            (Verdict::Undecided, None) => self.open(),
        };
        format!("{noun} {numbers}{conclusion}")
    }

    fn numbers(&self) -> Option<String> {
        let recent = self.recent?;
        let shown = |tally: Tally, ms: Option<f64>| match self.metric.counting() {
            Counting::Tally(_) => tally.rate().map(|rate| words::value(&self.metric, rate)),
            Counting::Durations(_) => ms.map(|ms| words::value(&self.metric, ms)),
        };
        let treatment = shown(recent.treatment, self.treatment_ms);
        match self.limit {
            Limit::Ceiling { .. } => treatment.map(|value| format!("{value}, ")),
            Limit::Comparison { .. } => {
                let none = || "nothing".to_owned();
                let control = shown(recent.control, self.control_ms);
                (treatment.is_some() || control.is_some()).then(|| {
                    let (treatment, control) = (treatment.unwrap_or_else(none), control.unwrap_or_else(none));
                    format!("{treatment} against {control} in control: ")
                })
            }
        }
    }

    fn breach(&self) -> &'static str {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, _) => "worse, certain enough to act",
            (Limit::Ceiling { .. }, Worse::Higher) => "above the limit, certain enough to act",
            (Limit::Ceiling { .. }, Worse::Lower) => "below the limit, certain enough to act",
        }
    }

    fn suspicion(&self) -> &'static str {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, _) => "looks worse, not certain yet",
            (Limit::Ceiling { .. }, Worse::Higher) => "looks above the limit, not certain yet",
            (Limit::Ceiling { .. }, Worse::Lower) => "looks below the limit, not certain yet",
        }
    }

    /// A ceiling does not weigh evidence of safety.
    fn safety(&self) -> &'static str {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, Worse::Higher) => "not twice as bad, certain enough to go on",
            (Limit::Comparison { .. }, Worse::Lower) => "no fifth is lost, certain enough to go on",
            (Limit::Ceiling { .. }, _) => "within the limit",
        }
    }

    fn open(&self) -> &'static str {
        match self.limit {
            Limit::Comparison { .. } => "nothing certain yet",
            Limit::Ceiling { .. } => "no evidence that the limit is broken",
        }
    }
}

impl Guardrail {
    /// What is known before anything was seen.
    pub(super) fn no_evidence(&self) -> Evidence {
        Evidence {
            guardrail: self.id.clone(),
            metric: self.metric.clone(),
            limit: self.limit,
            action: self.action,
            verdict: Verdict::Undecided,
            treatment: Tally::default(),
            control: None,
            recent: None,
            treatment_ms: None,
            control_ms: None,
            log_e: 0.0,
            max_log_e: 0.0,
            log_e_act: 0.0,
            p_value: 1.0,
            rate_ratio: None,
            difference: None,
            dispersion: 1.0,
            independence_assumed: false,
            since_ms: None,
            missing: None,
        }
    }
}
