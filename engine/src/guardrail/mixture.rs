//! Many alternatives at once, and restarts: a mixture of e-processes over how bad it might be and since when.
//! The logarithm is kept; nothing is ever exponentiated as a whole.

use serde::{Deserialize, Serialize};

use super::kernel::Worse;
use super::numeric::{float, log_add, log_sum};

/// How many alternatives a harm mixture weighs.
pub const ALTERNATIVES: usize = 8;
/// How many the safe mixture weighs.
pub const SAFE_ALTERNATIVES: usize = 5;

const LAMBDA_HIGHER: [f64; ALTERNATIVES] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
const WEIGHT_HIGHER: [f64; ALTERNATIVES] = [0.03, 0.27, 0.28, 0.19, 0.1, 0.07, 0.04, 0.02];
const LAMBDA_LOWER: [f64; ALTERNATIVES] = [0.95, 0.9, 0.8, 0.65, 0.5, 0.3, 0.1, 0.02];
const WEIGHT_LOWER: [f64; ALTERNATIVES] = [0.15, 0.27, 0.25, 0.13, 0.09, 0.06, 0.03, 0.02];
const SAFE_RATIO: [f64; SAFE_ALTERNATIVES] = [1.25, 1.0, 0.8, 0.5, 0.2];
const SAFE_WEIGHT: [f64; SAFE_ALTERNATIVES] = [0.15, 0.5, 0.2, 0.1, 0.05];

/// Weight of "bad since the start"; the rest is for all later starts together.
const SINCE_START: f64 = 0.9;

/// Ratios to the edge of the null, worst last.
pub const fn lambdas(worse: Worse) -> &'static [f64; ALTERNATIVES] {
    match worse {
        Worse::Higher => &LAMBDA_HIGHER,
        Worse::Lower => &LAMBDA_LOWER,
    }
}

const fn weights(worse: Worse) -> &'static [f64; ALTERNATIVES] {
    match worse {
        Worse::Higher => &WEIGHT_HIGHER,
        Worse::Lower => &WEIGHT_LOWER,
    }
}

/// The alternatives of the safe process: ratios of the rates, divided by `rho`, the ratio that would be too bad.
pub(super) fn safe_lambdas(worse: Worse, rho: f64) -> [f64; SAFE_ALTERNATIVES] {
    SAFE_RATIO.map(|ratio| match worse {
        Worse::Higher => ratio / rho,
        Worse::Lower => 1.0 / ratio / rho,
    })
}

/// Evidence of harm. Starting again has a price that was set aside at the start, so that it stays valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    since_start: [f64; ALTERNATIVES],
    /// Everything started later, already weighted; `None` before the first restart.
    later: Option<[f64; ALTERNATIVES]>,
    restarts: u64,
    max_log_e: f64,
}

impl Default for Mixture {
    fn default() -> Self {
        Self { since_start: [0.0; ALTERNATIVES], later: None, restarts: 0, max_log_e: 0.0 }
    }
}

impl Mixture {
    /// Puts the next instalment on "it became bad only now".
    pub fn restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
        let k = float(self.restarts);
        let share = ((1.0 - SINCE_START) / (k * (k + 1.0))).ln();
        let later = self.later.get_or_insert([f64::NEG_INFINITY; ALTERNATIVES]);
        for sum in later {
            *sum = log_add(*sum, share);
        }
    }

    /// Adds a block's increments and returns the new value. `dispersion` ≥ 1 discounts trials that move together.
    pub fn fold(&mut self, increments: &[f64; ALTERNATIVES], dispersion: f64, worse: Worse) -> f64 {
        for (sum, increment) in self.since_start.iter_mut().zip(increments) {
            *sum += increment;
        }
        for (sum, increment) in self.later.iter_mut().flatten().zip(increments) {
            *sum += increment / dispersion;
        }
        let log_e = self.log_e(dispersion, worse);
        self.max_log_e = self.max_log_e.max(log_e);
        log_e
    }

    /// The value now; what has not been started yet counts as it was set aside.
    pub fn log_e(&self, dispersion: f64, worse: Worse) -> f64 {
        let weights = weights(worse);
        let first = self
            .since_start
            .iter()
            .zip(weights)
            .map(|(sum, weight)| weight.ln() + SINCE_START.ln() + sum / dispersion);
        let later = self.later.iter().flatten().zip(weights).map(|(sum, weight)| weight.ln() + sum);
        let kept = ((1.0 - SINCE_START) / (float(self.restarts) + 1.0)).ln();
        log_sum(first.chain(later).chain(std::iter::once(kept)))
    }

    /// The highest value so far, at least 0: evidence once found is not lost again.
    pub const fn max_log_e(&self) -> f64 {
        self.max_log_e
    }

    pub const fn restarts(&self) -> u64 {
        self.restarts
    }
}

/// Evidence that the treatment is *not* worse by the safe margin. No restarts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SafeMixture {
    sums: [f64; SAFE_ALTERNATIVES],
    max_log_e: f64,
}

impl SafeMixture {
    pub fn fold(&mut self, increments: &[f64; SAFE_ALTERNATIVES], dispersion: f64) -> f64 {
        for (sum, increment) in self.sums.iter_mut().zip(increments) {
            *sum += increment;
        }
        let terms = self.sums.iter().zip(SAFE_WEIGHT).map(|(sum, weight)| weight.ln() + sum / dispersion);
        let log_e = log_sum(terms);
        self.max_log_e = self.max_log_e.max(log_e);
        log_e
    }

    pub const fn max_log_e(&self) -> f64 {
        self.max_log_e
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_starts_at_one_and_restarting_costs_nothing_at_once() {
        let mut mixture = Mixture::default();
        for worse in [Worse::Higher, Worse::Lower] {
            assert!(mixture.log_e(1.0, worse).abs() < 1e-12);
        }
        for _ in 0..1000 {
            mixture.restart();
            assert!(mixture.log_e(1.0, Worse::Higher).abs() < 1e-9, "{}", mixture.restarts());
        }
    }

    #[test]
    fn after_a_long_good_time_a_restart_finds_harm_sooner() {
        let (good, bad) = ([-50.0; ALTERNATIVES], [20.0; ALTERNATIVES]);
        let after = |restart: bool| {
            let mut mixture = Mixture::default();
            mixture.fold(&good, 1.0, Worse::Higher);
            if restart {
                mixture.restart();
            }
            mixture.fold(&bad, 1.0, Worse::Higher)
        };
        assert!(after(true) > 15.0);
        assert!(after(false) < 0.0);
    }

    #[test]
    fn a_state_survives_serialisation_to_the_last_bit() {
        let mut mixture = Mixture::default();
        mixture.fold(&[0.1, -0.3, 1e-17, 700.0, 2.0, 3.0, -1e5, 0.7], 1.7, Worse::Higher);
        mixture.restart();
        let json = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<Mixture>(&json).unwrap(), mixture);
    }
}
