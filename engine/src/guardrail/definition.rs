//! Guardrails as people set them: a metric, a limit, and what happens when it is broken.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    accepts::{Accepts, Basis},
    kernel::Worse,
    tally::Kernel,
};
use crate::{GuardrailId, MetricKey, Problem};

pub const GUARDRAILS_MAX: usize = 20;
/// Ten times worse is the widest margin that still means something.
const MARGIN_MAX: f64 = 10.0;
/// The arithmetic claims no rate above 90 %, so it could not find a limit from there on broken.
const RATE_LIMIT_MAX: f64 = 0.9;
const COUNT_LIMIT_MAX: f64 = 1000.0;
const DURATION_LIMIT_MS: std::ops::RangeInclusive<f64> = 1.0..=36_000_000.0;

/// Which part of the durations is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantile {
    P50,
    P95,
    P99,
    /// All three together, as one guardrail; for comparisons only.
    All,
}

impl Quantile {
    pub const fn values(self) -> &'static [f64] {
        match self {
            Self::P50 => &[0.5],
            Self::P95 => &[0.95],
            Self::P99 => &[0.99],
            Self::All => &super::comparison::QUANTILES,
        }
    }

    /// The one that stands for it in a sentence.
    pub const fn shown(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P95 | Self::All => 0.95,
            Self::P99 => 0.99,
        }
    }

    /// `p95`; empty for all of them together.
    pub const fn word(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::All => "",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::P50 => "p50 ",
            Self::P95 => "p95 ",
            Self::P99 => "p99 ",
            Self::All => "",
        }
    }
}

/// How a metric of a workspace's own is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    /// It happened or not, per trial.
    Rate,
    /// It may happen several times to one subject.
    Count,
    Duration(Quantile),
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Metric {
    ErrorRate,
    Latency(Quantile),
    Conversion,
    /// Per session.
    Crashes,
    /// Per exposed subject.
    Complaints,
    /// Exposures that no outcome followed: a crash may silence its own report.
    MissingOutcome,
    Custom {
        metric: MetricKey,
        kind: CustomKind,
        lower_is_worse: bool,
    },
}

/// The three ways in which a metric's samples become evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    Tally(Kernel),
    Durations(Quantile),
}

impl Metric {
    pub const fn worse(&self) -> Worse {
        match self {
            Self::Conversion | Self::Custom { lower_is_worse: true, .. } => Worse::Lower,
            Self::ErrorRate
            | Self::Latency(_)
            | Self::Crashes
            | Self::Complaints
            | Self::MissingOutcome
            | Self::Custom { lower_is_worse: false, .. } => Worse::Higher,
        }
    }

    pub const fn counting(&self) -> Counting {
        match self {
            Self::ErrorRate
            | Self::Conversion
            | Self::Crashes
            | Self::MissingOutcome
            | Self::Custom { kind: CustomKind::Rate, .. } => Counting::Tally(Kernel::Bernoulli),
            Self::Complaints | Self::Custom { kind: CustomKind::Count, .. } => {
                Counting::Tally(Kernel::Poisson)
            }
            Self::Latency(quantile) | Self::Custom { kind: CustomKind::Duration(quantile), .. } => {
                Counting::Durations(*quantile)
            }
        }
    }

    /// How much worse the treatment must be shown not to be: twice, or a fifth of the conversions lost.
    pub const fn safe_margin(&self) -> f64 {
        match self.worse() {
            Worse::Higher => 1.0,
            Worse::Lower => 0.25,
        }
    }

    /// `errors`, `p95 latency`; the word for sentences.
    pub fn noun(&self) -> String {
        match self {
            Self::ErrorRate => "errors".to_owned(),
            Self::Latency(quantile) => format!("{}latency", quantile.prefix()),
            Self::Conversion => "conversion".to_owned(),
            Self::Crashes => "crashes".to_owned(),
            Self::Complaints => "complaints".to_owned(),
            Self::MissingOutcome => "missing outcomes".to_owned(),
            Self::Custom { metric, kind: CustomKind::Duration(quantile), .. } => {
                format!("{}{}", quantile.prefix(), words(metric))
            }
            Self::Custom { metric, kind: CustomKind::Rate | CustomKind::Count, .. } => words(metric),
        }
    }

    pub(super) const fn is(&self) -> &'static str {
        match self {
            Self::ErrorRate | Self::Crashes | Self::Complaints | Self::MissingOutcome => "are",
            Self::Latency(_) | Self::Conversion | Self::Custom { .. } => "is",
        }
    }
}

/// `empty searches`: a key as it is said.
fn words(metric: &MetricKey) -> String {
    metric.as_str().replace(['_', '-'], " ")
}

/// When a guardrail is broken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Limit {
    /// Beyond an absolute limit: above it, or below it where lower is worse. A rate is a share (0.05 = 5 %), a
    /// count is per subject, a duration is in milliseconds. Finds outages within seconds, without a control.
    Ceiling { limit: f64 },
    /// Worse than the concurrent control by more than the margin (0.1 = 10 %; 0 = at all).
    Comparison { margin: f64 },
}

crate::words! {
    /// What happens by itself on a breach. Later ones do more.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum GuardAction: serde {
        Notify = "notify",
        PausePlan = "pause_plan",
        StepBack = "step_back",
        Stop = "stop",
    }
}

impl GuardAction {
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Notify => "Notify",
            Self::PausePlan => "Pause the plan",
            Self::StepBack => "Step back",
            Self::Stop => "Stop",
        }
    }

    /// Takes the feature away from people, so a false alarm costs something: α is shared among these.
    pub const fn reduces(self) -> bool {
        match self {
            Self::Notify | Self::PausePlan => false,
            Self::StepBack | Self::Stop => true,
        }
    }
}

/// A metric with a limit, whose word on it counts, and what to do when it is broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Guardrail {
    pub id: GuardrailId,
    pub metric: Metric,
    pub limit: Limit,
    pub action: GuardAction,
    pub accepts: Accepts,
}

/// As it is written down; what leaves `accepts` out takes what is usual for its action.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Guardrail")]
struct Written {
    id: GuardrailId,
    metric: Metric,
    limit: Limit,
    action: GuardAction,
    #[serde(default)]
    accepts: Option<Accepts>,
}

impl From<Written> for Guardrail {
    fn from(Written { id, metric, limit, action, accepts }: Written) -> Self {
        Self { id, metric, limit, action, accepts: accepts.unwrap_or_else(|| Accepts::usual_for(action)) }
    }
}

impl Guardrail {
    /// What its cells are made of.
    pub fn basis(&self) -> Basis {
        Basis { metric: self.metric.clone(), accepts: self.accepts }
    }

    /// `Stop if errors are above 5 % (servers only)`, `Notify if errors are worse than control (servers and proved
    /// browsers)`.
    pub fn sentence(&self) -> String {
        format!("{} ({})", self.condition(), self.accepts.phrase())
    }

    fn condition(&self) -> String {
        let (verb, noun, is) = (self.action.verb(), self.metric.noun(), self.metric.is());
        match self.limit {
            Limit::Ceiling { limit } => {
                let side = match self.metric.worse() {
                    Worse::Higher => "above",
                    Worse::Lower => "below",
                };
                format!("{verb} if {noun} {is} {side} {}", super::words::value(&self.metric, limit))
            }
            Limit::Comparison { margin } if margin > 0.0 => {
                format!("{verb} if {noun} {is} more than {} worse than control", super::words::share(margin))
            }
            Limit::Comparison { .. } => format!("{verb} if {noun} {is} worse than control"),
        }
    }

    /// `at most 5 %`, `at least 40 %`, `no worse than control`: what it allows.
    pub fn bound(&self) -> String {
        match (self.limit, self.metric.worse()) {
            (Limit::Ceiling { limit }, Worse::Higher) => {
                format!("at most {}", super::words::value(&self.metric, limit))
            }
            (Limit::Ceiling { limit }, Worse::Lower) => {
                format!("at least {}", super::words::value(&self.metric, limit))
            }
            (Limit::Comparison { margin }, _) if margin > 0.0 => {
                format!("at most {} worse than control", super::words::share(margin))
            }
            (Limit::Comparison { .. }, _) => "no worse than control".to_owned(),
        }
    }

    /// Everything that is wrong with the definition; empty when it can be saved.
    pub fn problems(&self) -> Vec<Problem> {
        let guardrail = self.id.clone();
        let inside = |low: f64, limit: f64, high: f64| limit > low && limit < high;
        let problem = match (self.limit, self.metric.counting()) {
            (Limit::Comparison { margin }, _) => {
                (!(0.0..=MARGIN_MAX).contains(&margin)).then_some(Problem::Margin { guardrail })
            }
            (Limit::Ceiling { limit }, Counting::Tally(Kernel::Bernoulli)) => {
                (!inside(0.0, limit, RATE_LIMIT_MAX)).then_some(Problem::RateLimit { guardrail })
            }
            (Limit::Ceiling { .. }, Counting::Tally(Kernel::Poisson))
                if self.metric.worse() == Worse::Lower =>
            {
                Some(Problem::CountLimitFromBelow { guardrail })
            }
            (Limit::Ceiling { limit }, Counting::Tally(Kernel::Poisson)) => {
                (!(limit > 0.0 && limit <= COUNT_LIMIT_MAX)).then_some(Problem::CountLimit { guardrail })
            }
            (Limit::Ceiling { .. }, Counting::Durations(Quantile::All)) => {
                Some(Problem::LimitOfAllQuantiles { guardrail })
            }
            (
                Limit::Ceiling { limit },
                Counting::Durations(Quantile::P50 | Quantile::P95 | Quantile::P99),
            ) => (!DURATION_LIMIT_MS.contains(&limit)).then_some(Problem::DurationLimit { guardrail }),
        };
        problem.into_iter().collect()
    }
}

/// Everything that is wrong with the guardrails of one flag; empty when they can be saved.
pub fn guardrail_problems(guardrails: &[Guardrail]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if guardrails.len() > GUARDRAILS_MAX {
        problems.push(Problem::TooManyGuardrails { max: GUARDRAILS_MAX });
    }
    let mut ids = HashSet::new();
    for guardrail in guardrails {
        if !ids.insert(&guardrail.id) {
            problems.push(Problem::DuplicateGuardrail { guardrail: guardrail.id.clone() });
        }
        problems.extend(guardrail.problems());
    }
    problems
}
