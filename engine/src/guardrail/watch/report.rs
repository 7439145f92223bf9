//! What a watch knows, as evidence to be stored and shown.

use super::super::evidence::{Evidence, Exposed, Missing};
use super::super::recent::{Stretch, against_control, against_limit};
use super::super::verdict::ALPHA;
use super::{
    BLOCK_MS_MAX, Comparison, Counting, LatencyHistogram, Method, Quantile, SILENCE_MS_MAX, Verdict, Watch,
};

use serde::{Deserialize, Serialize};

use crate::RuleId;

/// A stretch of time with what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) stretch: Stretch,
    /// The quantile that is watched, where it is one.
    pub(super) treatment_ms: Option<f64>,
    pub(super) control_ms: Option<f64>,
}

impl Watch {
    /// What is missing, when these arms should have outcomes.
    pub fn missing(&self, exposed: Exposed, now_ms: i64) -> Option<Missing> {
        if !exposed.has_treatment {
            return Some(Missing::NoTreatment);
        }
        if self.is_comparison() && !exposed.has_control {
            return Some(Missing::NoControl);
        }
        if self.rejected.is_some() {
            return Some(Missing::Rejected);
        }
        if self.folded_ahead_ms(now_ms) > SILENCE_MS_MAX {
            return Some(Missing::Clock);
        }
        if self.silence_ms(now_ms) > SILENCE_MS_MAX {
            return Some(Missing::Silent);
        }
        // Before the step, an arm may have been silent with good reason.
        let recent = self.recent.since(self.step_ms)?;
        // One short block without an arm is chance; five minutes are not.
        let long = recent.until_ms.saturating_sub(recent.from_ms) >= SILENCE_MS_MAX.min(BLOCK_MS_MAX) / 2;
        if !long {
            None
        } else if exposed.treatment && recent.treatment.trials == 0 {
            Some(Missing::Treatment)
        } else if exposed.control && self.is_comparison() && recent.control.trials == 0 {
            Some(Missing::Control)
        } else {
            None
        }
    }

    /// By how much what is folded lies ahead of the clock: until then nothing new can be.
    fn folded_ahead_ms(&self, now_ms: i64) -> i64 {
        let folded_ms = match &self.method {
            Method::Comparison(_) | Method::Durations(_) => self.folded_until_ms,
            Method::Ceiling(ceiling) => ceiling.horizon_ms(),
        };
        folded_ms.saturating_sub(now_ms)
    }

    /// What is known now about this rule, to be stored and shown.
    pub fn evidence(&self, rule: &RuleId, exposed: Exposed, now_ms: i64) -> Evidence {
        let verdict = self.verdict();
        let shown = match self.guardrail.metric.counting() {
            Counting::Durations(quantile) => Some(quantile),
            Counting::Tally(_) => None,
        };
        let broken_by = self.broken_by.filter(|_| verdict == Verdict::Regressed);
        let numbers = broken_by.or_else(|| self.numbers_of(verdict));
        let base = Evidence {
            verdict,
            recent: numbers.map(|it| it.stretch),
            treatment_ms: numbers.and_then(|it| it.treatment_ms),
            control_ms: numbers.and_then(|it| it.control_ms),
            log_e_act: self.thresholds.log_e_act(),
            since_ms: self.since_ms,
            missing: self.missing(exposed, now_ms),
            ..self.guardrail.no_evidence(rule)
        };
        match &self.method {
            Method::Comparison(comparison) => Evidence {
                independence_assumed: self.groups[0].is_empty() && self.groups[1].is_empty(),
                difference: comparison.difference().interval(ALPHA, comparison.dispersion()),
                ..measured(base, comparison)
            },
            Method::Durations(durations) => {
                let quantile = shown.map_or(0.5, Quantile::shown);
                let measured = match durations.comparison(quantile) {
                    Some(comparison) => measured(base, comparison),
                    None => base,
                };
                let (log_e, max_log_e) = (durations.log_e(), durations.max_log_e());
                Evidence {
                    log_e,
                    max_log_e,
                    p_value: (-max_log_e).exp(),
                    independence_assumed: !durations.knows_people(),
                    ..measured
                }
            }
            Method::Ceiling(ceiling) => Evidence {
                treatment: ceiling.total(),
                log_e: ceiling.log_e(),
                max_log_e: ceiling.max_log_e(),
                p_value: (-ceiling.max_log_e()).exp(),
                independence_assumed: true,
                ..base
            },
        }
    }

    /// A breach is told from where it shows; everything else from the whole of the recent minutes.
    fn told(&self, verdict: Verdict) -> Option<Stretch> {
        let sign = self.guardrail.metric.worse().sign();
        match (verdict, &self.method) {
            (Verdict::Regressed | Verdict::Amber, Method::Comparison(_)) => {
                self.recent.worst(|stretch| against_control(stretch, sign))
            }
            (Verdict::Regressed | Verdict::Amber, Method::Ceiling(ceiling)) => {
                self.recent.worst(|stretch| against_limit(stretch, ceiling.worse().sign(), ceiling.limit()))
            }
            (Verdict::Regressed | Verdict::Amber, Method::Durations(_))
            | (Verdict::Safe | Verdict::Undecided, _) => self.recent.all(),
        }
    }

    /// What is told of the recent minutes: all of it of the same stretch.
    pub(super) fn numbers_of(&self, verdict: Verdict) -> Option<Numbers> {
        let stretch = self.told(verdict)?;
        let (treatment_ms, control_ms) = match (self.guardrail.metric.counting(), &self.method) {
            (Counting::Tally(_), _) => (None, None),
            (Counting::Durations(quantile), Method::Ceiling(_)) => {
                (self.arrived_latency.of(&stretch).quantile(quantile.shown()), None)
            }
            (Counting::Durations(quantile), Method::Comparison(_) | Method::Durations(_)) => {
                self.recent_quantiles(quantile)
            }
        };
        Some(Numbers { stretch, treatment_ms, control_ms })
    }

    fn recent_quantiles(&self, quantile: Quantile) -> (Option<f64>, Option<f64>) {
        let (mut treatment, mut control) = (LatencyHistogram::default(), LatencyHistogram::default());
        for (_, t, c) in &self.recent_latency {
            treatment.merge(t);
            control.merge(c);
        }
        (treatment.quantile(quantile.shown()), control.quantile(quantile.shown()))
    }
}

fn measured(base: Evidence, comparison: &Comparison) -> Evidence {
    Evidence {
        treatment: comparison.treatment(),
        control: Some(comparison.control()),
        log_e: comparison.log_e(),
        max_log_e: comparison.max_log_e(),
        p_value: comparison.p_value(),
        rate_ratio: comparison.rate_ratio(),
        dispersion: comparison.dispersion(),
        ..base
    }
}
