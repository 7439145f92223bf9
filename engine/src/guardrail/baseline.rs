//! A limit for a rollout without a control, from what its control was before.

use super::kernel::log_e_absolute;
use super::numeric::{float, log_sum};
use super::tally::Tally;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// How far above the bound the limit is put when nobody says otherwise.
pub const FACTOR: f64 = 1.5;
const LIMIT_MAX: f64 = 0.9;
/// A rate below this needs no comparison to be harmless.
const FEW: f64 = 0.002;
const FEW_LAMBDAS: [f64; 3] = [0.5, 0.1, 0.01];

/// `factor` times Wilson's upper 97.5 % bound of the control's last rate, at most 0.9; `None` without trials.
pub fn baseline_limit(control: Tally, factor: f64) -> Option<f64> {
    let (n, rate) = (float(control.trials), control.rate()?.min(1.0));
    let square = Z * Z;
    let centre = rate + square / (2.0 * n);
    let radius = Z * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt();
    Some((factor * (centre + radius) / (1.0 + square / n)).min(LIMIT_MAX))
}

/// Evidence that a rate is below 0.2 %, whatever control's is: no or few events can be safe without a comparison.
pub fn log_e_few(treatment: Tally) -> f64 {
    let (trials, events) = (float(treatment.trials), float(treatment.events));
    let each = FEW_LAMBDAS.map(|lambda| log_e_absolute(trials, events, FEW, lambda));
    log_sum(each.into_iter()) - float(FEW_LAMBDAS.len() as u64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_events_become_safe_and_some_do_not() {
        let safe = -super::super::verdict::BETA.ln();
        assert!(log_e_few(Tally::new(100, 0)) < safe);
        assert!(log_e_few(Tally::new(3_000, 0)) > safe);
        assert!(log_e_few(Tally::new(3_000, 6)) < 0.0);
        assert!(log_e_few(Tally::default()).abs() < 1e-12);
        assert_eq!(baseline_limit(Tally::default(), FACTOR), None);
    }
}
