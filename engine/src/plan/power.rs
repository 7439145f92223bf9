//! How long a step needs at today's traffic to notice that something became worse.
//!
//! Along the expected path each alternative's evidence grows by a constant per trial (its expected log e-value,
//! the e-process's growth rate g): with N treatment trials the mixture stands at `ln Σ 0.9·w_j·exp(N·g_j)`, and N is
//! where that reaches `ln(1/α)`. Runs scatter around that path like a Brownian motion with drift g and variance 2g,
//! whose time to a level b has an inverse Gaussian distribution with shape b/2 (in units of its mean): the forecast is
//! its median. One event adds about ln(ratio), so the level is overshot by half of that. The simulation in
//! `benches/guardrail.rs` prints measured medians beside these.

use crate::guardrail::kernel::{Alternative, Worse, log_e};
use crate::guardrail::mixture::{lambdas, log_mixture};
use crate::guardrail::tally::{Block, Kernel};
use crate::guardrail::verdict::Thresholds;

/// A change to be noticed, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The usual rate, for example 0.01.
    pub base_rate: f64,
    /// How many times as often it would happen: 2 for a doubling of errors.
    pub ratio: f64,
    /// The treatment's share of the trials of both arms.
    pub share: f64,
    pub thresholds: Thresholds,
}

const TRIALS_MAX: f64 = 1e12;

/// Treatment trials until the change is noticed, in the middle of all cases; `None` when it would never be: no
/// control (a share of 1), no exposure, no change for the worse, or rates that are none.
pub fn trials_to_notice(question: &Question) -> Option<f64> {
    let Question { base_rate, ratio, share, thresholds } = *question;
    let bad_rate = base_rate * ratio;
    let sane = base_rate > 0.0 && bad_rate <= 1.0 && ratio > 1.0 && share > 0.0 && share < 1.0;
    if !sane {
        return None;
    }
    let growth = growth_per_trial(base_rate, bad_rate, share)?;
    let evidence = |trials: f64| log_mixture(&growth.map(|rate| rate * trials), Worse::Higher);
    let act = thresholds.log_e_act();
    let mut high = 1.0;
    while evidence(high) < act {
        high *= 2.0;
        if high > TRIALS_MAX {
            return None;
        }
    }
    let mut low = high / 2.0;
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if evidence(middle) < act { low = middle } else { high = middle }
    }
    let best = growth.into_iter().fold(0.0, f64::max);
    let level = high * best;
    let overshot = level + ratio.ln() / 2.0;
    Some(high * overshot / level * median_of_passage(overshot / 2.0))
}

/// Median of the inverse Gaussian distribution with mean 1.
fn median_of_passage(shape: f64) -> f64 {
    let normal = |z: f64| libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
    let passed = |x: f64| {
        let root = (shape / x).sqrt();
        normal(root * (x - 1.0)) + (2.0 * shape).exp() * normal(-root * (x + 1.0))
    };
    // Far levels are reached on time.
    if shape > 100.0 {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if passed(middle) < 0.5 { low = middle } else { high = middle }
    }
    high
}

/// Expected evidence per treatment trial for each alternative, once the base rate is known.
fn growth_per_trial(base_rate: f64, bad_rate: f64, share: f64) -> Option<[f64; 8]> {
    let controls = (1.0 - share) / share;
    let block = Block::new(Kernel::Bernoulli, (1.0, bad_rate), (controls, controls * base_rate)).ok()?;
    let theta = share * bad_rate + (1.0 - share) * base_rate;
    Some(lambdas(Worse::Higher).map(|lambda| {
        let alternative = Alternative { lambda, rho: 1.0, sign: 1.0 };
        log_e(Kernel::Bernoulli, &block, theta, alternative)
    }))
}

/// The same in milliseconds, when `trials_per_hour` of both arms together come.
pub fn time_to_notice_ms(question: &Question, trials_per_hour: f64) -> Option<i64> {
    let trials = trials_to_notice(question)?;
    let per_ms = trials_per_hour * question.share / 3_600_000.0;
    // Longer than a century is never.
    let ms = trials / per_ms;
    if ms.is_finite() && ms < 3.2e12 { Some(whole(ms)) } else { None }
}

#[expect(clippy::cast_possible_truncation, reason = "finite and below 2^42")]
fn whole(ms: f64) -> i64 {
    ms.ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(base_rate: f64, ratio: f64, share: f64) -> Question {
        Question { base_rate, ratio, share, thresholds: Thresholds::default() }
    }

    /// Medians of 5,000 simulated runs each.
    #[test]
    fn the_forecast_is_close_to_what_simulations_measure() {
        for (base_rate, ratio, share, median) in [
            (0.01, 1.25, 0.2, 13_752.0),
            (0.01, 1.5, 0.2, 3_740.0),
            (0.01, 2.0, 0.2, 1_170.0),
            (0.01, 5.0, 0.2, 166.0),
            (0.01, 10.0, 0.2, 62.0),
            (0.01, 1.25, 0.5, 23_201.0),
            (0.01, 1.5, 0.5, 6_096.0),
            (0.01, 2.0, 0.5, 2_064.0),
            (0.01, 5.0, 0.5, 288.0),
            (0.01, 10.0, 0.5, 114.0),
            (0.001, 2.0, 0.2, 11_228.0),
            (0.001, 5.0, 0.2, 1_601.0),
            (0.001, 10.0, 0.2, 590.0),
        ] {
            let trials = trials_to_notice(&question(base_rate, ratio, share)).unwrap();
            let off = trials / median;
            assert!((0.85..=1.2).contains(&off), "{base_rate} x{ratio} at {share}: {trials} for {median}");
        }
    }

    #[test]
    fn what_can_never_be_noticed_has_no_time() {
        for (base_rate, ratio, share) in [
            (0.01, 2.0, 1.0),
            (0.01, 2.0, 0.0),
            (0.0, 2.0, 0.5),
            (0.01, 1.0, 0.5),
            (0.9, 2.0, 0.5),
            (f64::NAN, 2.0, 0.5),
            (0.01, f64::INFINITY, 0.5),
        ] {
            assert_eq!(trials_to_notice(&question(base_rate, ratio, share)), None);
        }
        assert_eq!(time_to_notice_ms(&question(0.01, 2.0, 0.2), 0.0), None);
        let hour = time_to_notice_ms(&question(0.01, 2.0, 0.5), 4_128.0).unwrap();
        assert!((2_400_000..5_400_000).contains(&hour), "{hour}");
    }
}
