//! What the evidence on one guardrail amounts to.

use serde::{Deserialize, Serialize};

/// Probability that any guardrail ever acts on a harmless rollout.
pub const ALPHA: f64 = 0.05;
/// Probability that a rollout which is worse by the safe margin is ever called safe.
pub const BETA: f64 = 0.2;
/// Amber is this many times easier to reach than "regressed".
pub const AMBER: f64 = 4.0;

crate::words! {
    /// One comparison's verdict.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Verdict: serde {
        /// Shown not to be worse by the safe margin.
        Safe = "safe",
        Undecided = "undecided",
        /// Suspicious now; may pass.
        Amber = "amber",
        /// Worse, certain enough to act. Stays.
        Regressed = "regressed",
    }
}

/// The levels of evidence at which verdicts change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    pub alpha: f64,
    pub beta: f64,
    pub amber: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { alpha: ALPHA, beta: BETA, amber: AMBER }
    }
}

impl Thresholds {
    /// The share of α that each of `guardrails` gets which may act by itself.
    #[must_use]
    pub fn shared(guardrails: usize) -> Self {
        let count = super::numeric::float(guardrails.max(1) as u64);
        Self { alpha: ALPHA / count, ..Self::default() }
    }

    /// The evidence that is enough to act.
    pub fn log_e_act(&self) -> f64 {
        -self.alpha.ln()
    }

    pub fn log_e_amber(&self) -> f64 {
        -(self.amber * self.alpha).ln()
    }

    pub fn log_e_safe(&self) -> f64 {
        -self.beta.ln()
    }

    pub fn verdict(&self, max_log_e: f64, log_e: f64, max_log_e_safe: f64) -> Verdict {
        if max_log_e >= self.log_e_act() {
            Verdict::Regressed
        } else if log_e >= self.log_e_amber() {
            Verdict::Amber
        } else if max_log_e_safe >= self.log_e_safe() {
            Verdict::Safe
        } else {
            Verdict::Undecided
        }
    }
}
