//! A limit for a rollout without a control, from what its control was before.

use super::numeric::float;
use super::tally::Tally;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// How far above the bound the limit is put when nobody says otherwise.
pub const FACTOR: f64 = 1.5;
const LIMIT_MAX: f64 = 0.9;

/// `factor` times Wilson's upper 97.5 % bound of the control's last rate, at most 0.9; `None` without trials.
pub fn baseline_limit(control: Tally, factor: f64) -> Option<f64> {
    let (n, rate) = (float(control.trials), control.rate()?.min(1.0));
    let square = Z * Z;
    let centre = rate + square / (2.0 * n);
    let radius = Z * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt();
    Some((factor * (centre + radius) / (1.0 + square / n)).min(LIMIT_MAX))
}
