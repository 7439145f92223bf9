//! What is known about one guardrail, in numbers and in a sentence.

use serde::{Deserialize, Serialize};

use super::accepts::Accepts;
use super::definition::{Counting, GuardAction, Guardrail, Limit, Metric};
use super::interval::Interval;
use super::kernel::Worse;
use super::recent::Stretch;
use super::tally::Tally;
use super::verdict::{BETA, Verdict};
use super::words;
use crate::{Arm, GuardrailId, RuleId, words::sentence::capitalised};

/// A limit that almost nothing reaches does not hold a plan for ever.
const TRIALS_NEEDED_MAX: f64 = 10_000.0;

/// The evidence on one guardrail at one moment, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Arms are compared within this rule's audience only.
    pub rule: RuleId,
    pub guardrail: GuardrailId,
    pub metric: Metric,
    pub limit: Limit,
    pub action: GuardAction,
    #[serde(default = "Accepts::of_before")]
    pub accepts: Accepts,
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
    /// Nobody was ever served the flag.
    Unasked,
    /// The counts cannot be: more events than trials.
    Rejected,
    /// Stored counts cannot be read back. Everything else is judged all the same.
    Unreadable,
    /// The clock went back behind what is folded: nothing new can be until it is there again.
    Clock,
    /// Nobody has the feature at this rule yet. Not a fault.
    NoTreatment,
    /// Everybody has the feature, so there is nobody to compare with. Not a fault: only limits watch.
    NoControl,
}

impl Missing {
    /// There is nothing to judge, and nothing wrong with that.
    pub const fn is_expected(self) -> bool {
        match self {
            Self::NoTreatment | Self::NoControl => true,
            Self::Silent
            | Self::Treatment
            | Self::Control
            | Self::Unasked
            | Self::Rejected
            | Self::Unreadable
            | Self::Clock => false,
        }
    }
}

/// Which arms of a rule should have outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about two arms")]
pub struct Exposed {
    /// Exposed in the last five minutes.
    pub treatment: bool,
    pub control: bool,
    /// The percentage gives the feature to somebody.
    pub has_treatment: bool,
    /// It leaves somebody without: below 100 %, or with a holdback.
    pub has_control: bool,
}

impl Default for Exposed {
    /// Nobody was exposed lately, and both arms could be.
    fn default() -> Self {
        Self { treatment: false, control: false, has_treatment: true, has_control: true }
    }
}

impl Evidence {
    /// How many trials it takes before "not beyond the limit" says something: so many that a rate at the limit would have
    /// shown itself with probability 1 - β. A comparison has its own proof.
    pub fn trials_needed(&self) -> u64 {
        let chance = match (self.limit, self.metric.counting()) {
            (Limit::Comparison { .. }, _) => return 1,
            (Limit::Ceiling { limit }, Counting::Tally(_)) => limit,
            (Limit::Ceiling { .. }, Counting::Durations(quantile)) => 1.0 - quantile.shown(),
        };
        let needed = (-BETA.ln() / chance).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let needed = needed.clamp(1.0, TRIALS_NEEDED_MAX) as u64;
        needed
    }

    /// `Errors 2.1 % (21 of 1,000) against 0.4 % (4 of 1,000) in control within 3 min: worse, certain enough to act`.
    pub fn sentence(&self) -> String {
        let noun = capitalised(&self.metric.noun());
        let Some(numbers) = self.numbers() else {
            return match self.missing {
                Some(Missing::NoTreatment) => format!("{noun}: nobody has the feature yet"),
                Some(Missing::NoControl) => format!("{noun}: no control to compare with"),
                Some(Missing::Unasked) => format!("{noun}: no application has asked for the flag yet"),
                Some(Missing::Clock) => format!("{noun}: the clock went back"),
                Some(Missing::Rejected) => format!("{noun}: the counts do not add up"),
                Some(Missing::Unreadable) => format!("{noun}: what is stored cannot be read"),
                Some(Missing::Silent | Missing::Treatment | Missing::Control) => {
                    format!("{noun}: no outcomes arrive{}", self.of_whom())
                }
                None if self.metric == Metric::Conversion => {
                    format!(
                        "{noun}: counted half an hour after each exposure, so there is nothing to judge yet"
                    )
                }
                None => format!("{noun}: no outcomes yet{}", self.of_whom()),
            };
        };
        let conclusion = match (self.verdict, self.missing) {
            (Verdict::Regressed, _) => self.breach(),
            (_, Some(Missing::Silent)) => "but no outcomes arrive any more".to_owned(),
            (_, Some(Missing::Treatment)) => "but none arrive from those who have the feature".to_owned(),
            (_, Some(Missing::Control)) => "but none arrive from control".to_owned(),
            (_, Some(Missing::Unasked)) => "but no application asks".to_owned(),
            (_, Some(Missing::Clock)) => "but the clock went back; resume to begin anew".to_owned(),
            (_, Some(Missing::Rejected)) => "but the counts do not add up any more".to_owned(),
            (_, Some(Missing::Unreadable)) => "but some of what is stored cannot be read".to_owned(),
            (_, Some(Missing::NoTreatment)) => "nobody has the feature".to_owned(),
            (_, Some(Missing::NoControl)) => "no control to compare with any more".to_owned(),
            (Verdict::Amber, None) => self.suspicion(),
            (Verdict::Safe, None) => self.safety(),
            (Verdict::Undecided, None) => self.open(),
        };
        // What takes back what the numbers say is no conclusion of theirs.
        let joint = match self.limit {
            Limit::Comparison { .. } if !conclusion.starts_with("but ") => ":",
            Limit::Comparison { .. } | Limit::Ceiling { .. } => ",",
        };
        format!("{noun} {numbers}{joint} {conclusion}")
    }

    /// Browsers may send plenty: whoever reads this should know that it is servers that are waited for.
    fn of_whom(&self) -> &'static str {
        match self.accepts {
            Accepts::Servers => " from servers",
            Accepts::ServersAndBrowsers => "",
        }
    }

    /// What one arm measured in the stretch that the sentence tells of: the value, and of how many. `None` without any.
    pub fn told(&self, arm: Arm) -> Option<(String, String)> {
        let recent = self.recent?;
        let (tally, ms) = match arm {
            Arm::Treatment => (recent.treatment, self.treatment_ms),
            Arm::Control => (recent.control, self.control_ms),
        };
        let value = match self.metric.counting() {
            Counting::Tally(_) => tally.rate()?,
            Counting::Durations(_) => ms?,
        };
        Some((words::value(&self.metric, value), words::count(&self.metric, tally)))
    }

    /// How long that stretch is, `4 min`, and when it ended.
    pub fn within(&self) -> Option<(String, i64)> {
        let recent = self.recent?;
        Some((words::span(recent.until_ms.saturating_sub(recent.from_ms)), recent.until_ms))
    }

    /// The value, of how many, and over what time: whoever reads it can find the same in a chart.
    fn numbers(&self) -> Option<String> {
        let (within, _) = self.within()?;
        let shown = |arm| self.told(arm).map(|(value, count)| format!("{value} ({count})"));
        let treatment = shown(Arm::Treatment);
        match self.limit {
            Limit::Ceiling { .. } => treatment.map(|value| format!("{value} within {within}")),
            Limit::Comparison { .. } => {
                let none = || "nothing".to_owned();
                let control = shown(Arm::Control);
                (treatment.is_some() || control.is_some()).then(|| {
                    let (treatment, control) = (treatment.unwrap_or_else(none), control.unwrap_or_else(none));
                    format!("{treatment} against {control} in control within {within}")
                })
            }
        }
    }

    /// `the limit of 5 %`.
    fn the_limit(&self, limit: f64) -> String {
        format!("the limit of {}", words::value(&self.metric, limit))
    }

    fn breach(&self) -> String {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, _) => "worse, certain enough to act".to_owned(),
            (Limit::Ceiling { limit }, Worse::Higher) => {
                format!("above {}, certain enough to act", self.the_limit(limit))
            }
            (Limit::Ceiling { limit }, Worse::Lower) => {
                format!("below {}, certain enough to act", self.the_limit(limit))
            }
        }
    }

    fn suspicion(&self) -> String {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, _) => "looks worse, not certain yet".to_owned(),
            (Limit::Ceiling { limit }, Worse::Higher) => {
                format!("looks above {}, not certain yet", self.the_limit(limit))
            }
            (Limit::Ceiling { limit }, Worse::Lower) => {
                format!("looks below {}, not certain yet", self.the_limit(limit))
            }
        }
    }

    /// A ceiling does not weigh evidence of safety.
    fn safety(&self) -> String {
        match (self.limit, self.metric.worse()) {
            (Limit::Comparison { .. }, Worse::Higher) => {
                "not twice as bad, certain enough to go on".to_owned()
            }
            (Limit::Comparison { .. }, Worse::Lower) => {
                "no fifth is lost, certain enough to go on".to_owned()
            }
            (Limit::Ceiling { limit }, _) => format!("within {}", self.the_limit(limit)),
        }
    }

    fn open(&self) -> String {
        match self.limit {
            Limit::Comparison { .. } => "nothing certain yet".to_owned(),
            Limit::Ceiling { limit } => format!("no evidence that {} is broken", self.the_limit(limit)),
        }
    }
}

impl Guardrail {
    /// What is known before anything was seen.
    pub(super) fn no_evidence(&self, rule: &RuleId) -> Evidence {
        Evidence {
            rule: rule.clone(),
            guardrail: self.id.clone(),
            metric: self.metric.clone(),
            limit: self.limit,
            action: self.action,
            accepts: self.accepts,
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
