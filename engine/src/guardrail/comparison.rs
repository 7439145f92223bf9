//! One metric of one rollout against its concurrent control: the state that closed blocks are folded into.

use serde::{Deserialize, Serialize};

use super::interval::DifferenceInterval;
use super::kernel::{Alternative, Worse, log_e};
use super::mixture::{Mixture, SafeMixture, lambdas, safe_lambdas};
use super::numeric::log_sum;
use super::tally::{Block, Kernel, Tally};
use super::verdict::{Thresholds, Verdict};

/// The share of the base rate that a block passes on to the next.
const DECAY: f64 = 0.99;
/// Before any data the base rate is taken as 0.5 events in 100 trials.
const PRIOR: (f64, f64) = (0.5, 100.0);

/// What is compared, fixed before the data are seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    pub kernel: Kernel,
    pub worse: Worse,
    /// How much worse is still harmless: 0.1 = 10 %.
    pub margin: f64,
    /// How much worse the treatment must be shown not to be, to count as safe: 1 = twice.
    pub safe_margin: f64,
}

/// The e-process of one comparison, and what describes it in words. Deterministic: the same blocks in the same
/// order give the same state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    terms: Terms,
    harm: Mixture,
    safe: SafeMixture,
    log_e: f64,
    log_e_safe: f64,
    /// Decayed events and trials of both arms.
    base: (f64, f64),
    /// Mantel-Haenszel sums of the ratio of rates.
    ratio: (f64, f64),
    difference: DifferenceInterval,
    treatment: (f64, f64),
    control: (f64, f64),
    dispersion: f64,
}

impl Comparison {
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            harm: Mixture::default(),
            safe: SafeMixture::default(),
            log_e: 0.0,
            log_e_safe: 0.0,
            base: (0.0, 0.0),
            ratio: (0.0, 0.0),
            difference: DifferenceInterval::default(),
            treatment: (0.0, 0.0),
            control: (0.0, 0.0),
            dispersion: 1.0,
        }
    }

    /// To be called before a block is folded: at a new step, and every 15 minutes.
    pub fn restart(&mut self) {
        self.harm.restart();
    }

    /// The base rate as known from the blocks so far.
    pub fn base_rate(&self) -> f64 {
        (self.base.0 + PRIOR.0) / (self.base.1 + PRIOR.1)
    }

    /// Folds one closed block; the caller sees to it that each comes once, in time order. `dispersion` includes it.
    pub fn fold(&mut self, block: &Block, dispersion: f64) {
        // Below 1 it would count evidence more than once; a NaN must not get in.
        let dispersion = if dispersion >= 1.0 && dispersion.is_finite() { dispersion } else { 1.0 };
        let Terms { kernel, worse, margin, safe_margin } = self.terms;
        let theta = self.base_rate();
        let harm = lambdas(worse).map(|lambda| {
            let rho = worse.null_ratio(margin);
            log_e(kernel, block, theta, Alternative { lambda, rho, sign: worse.sign() })
        });
        self.log_e = self.harm.fold(&harm, dispersion, worse);
        let rho = worse.null_ratio(safe_margin);
        let safe = safe_lambdas(worse, rho).map(|lambda| {
            log_e(kernel, block, theta, Alternative { lambda, rho, sign: worse.reversed().sign() })
        });
        self.log_e_safe = self.safe.fold(&safe, dispersion);
        self.dispersion = dispersion;
        self.difference.fold(block, theta);
        self.count(block);
    }

    fn count(&mut self, block: &Block) {
        let Block { n_t, x_t, n_c, x_c } = *block;
        let total = n_t + n_c;
        self.base = (DECAY * self.base.0 + x_t + x_c, DECAY * self.base.1 + total);
        if total > 0.0 {
            self.ratio = (self.ratio.0 + x_t * n_c / total, self.ratio.1 + x_c * n_t / total);
        }
        self.treatment = (self.treatment.0 + n_t, self.treatment.1 + x_t);
        self.control = (self.control.0 + n_c, self.control.1 + x_c);
    }

    pub fn verdict(&self, thresholds: &Thresholds) -> Verdict {
        thresholds.verdict(self.harm.max_log_e(), self.log_e, self.safe.max_log_e())
    }

    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Evidence of harm now.
    pub const fn log_e(&self) -> f64 {
        self.log_e
    }

    /// The most evidence of harm so far.
    pub const fn max_log_e(&self) -> f64 {
        self.harm.max_log_e()
    }

    pub const fn log_e_safe(&self) -> f64 {
        self.log_e_safe
    }

    pub const fn max_log_e_safe(&self) -> f64 {
        self.safe.max_log_e()
    }

    /// Valid whenever it is read: the chance that it ever falls below α without harm is at most α.
    pub fn p_value(&self) -> f64 {
        (-self.max_log_e()).exp()
    }

    /// Treatment's rate over control's, compared within blocks (Mantel-Haenszel); `None` without events in control.
    pub fn rate_ratio(&self) -> Option<f64> {
        (self.ratio.1 > 0.0).then(|| self.ratio.0 / self.ratio.1)
    }

    /// Treatment's rate minus control's, compared within blocks.
    pub const fn difference(&self) -> &DifferenceInterval {
        &self.difference
    }

    pub const fn dispersion(&self) -> f64 {
        self.dispersion
    }

    /// What was folded of the treatment, in whole trials and events.
    pub fn treatment(&self) -> Tally {
        whole(self.treatment)
    }

    pub fn control(&self) -> Tally {
        whole(self.control)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are checked by Block")]
fn whole((trials, events): (f64, f64)) -> Tally {
    Tally::new(trials.round() as u64, events.round() as u64)
}

/// The quantiles that `latency` watches together.
pub const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Evidence of several comparisons as one: their mean, so that watching three quantiles costs one guardrail.
pub fn mean_log_e(log_es: &[f64]) -> f64 {
    let count = super::numeric::float(log_es.len() as u64);
    log_sum(log_es.iter().copied()) - count.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERRORS: Terms =
        Terms { kernel: Kernel::Bernoulli, worse: Worse::Higher, margin: 0.0, safe_margin: 1.0 };

    fn block(treatment: (f64, f64), control: (f64, f64)) -> Block {
        Block::new(Kernel::Bernoulli, treatment, control).unwrap()
    }

    #[test]
    fn without_events_there_is_never_evidence_of_harm() {
        let mut comparison = Comparison::new(ERRORS);
        for n in 0..2000 {
            if n % 90 == 0 && n > 0 {
                comparison.restart();
            }
            comparison.fold(&block((20.0, 0.0), (80.0, 0.0)), 1.0);
        }
        assert!((comparison.p_value() - 1.0).abs() < 1e-12);
        assert_eq!(comparison.verdict(&Thresholds::default()), Verdict::Undecided);
    }

    #[test]
    fn a_wrong_dispersion_cannot_add_evidence() {
        let fold = |dispersion: f64| {
            let mut comparison = Comparison::new(ERRORS);
            comparison.fold(&block((50.0, 9.0), (50.0, 1.0)), dispersion);
            comparison.log_e()
        };
        let plain = fold(1.0);
        for wrong in [0.0, -3.0, 0.2, f64::NAN, f64::INFINITY] {
            assert!((fold(wrong) - plain).abs() < 1e-12, "{wrong}");
        }
        assert!(fold(3.0) < plain);
    }
}
