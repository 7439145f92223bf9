//! The difference of two rates with an interval that is valid whenever it is looked at, also while rates move.
//!
//! Blocks are compared within themselves, with Mantel-Haenszel weights `n_T n_C / (n_T + n_C)`, which are known
//! before the outcomes: each treatment trial enters with the weight `n_C/n`, each control trial with `-n_T/n`. The
//! weighted sum minus its expectation is a martingale with increments in [-1, 1], and for each `l` in (0, 1)
//! `exp(l·M - psi(l)·V)`, `psi(l) = -ln(1-l) - l`, is a supermartingale, where V sums the squared distances to
//! what the earlier blocks predicted (Howard, Ramdas, `McAuliffe` & Sekhon 2021, arXiv 1810.08240, theorem 4). A mixture
//! over `l` is inverted on each side at alpha/2. The interval covers the weighted mean of the blocks' differences.

use serde::{Deserialize, Serialize};

use super::block::Cell;
use super::comparison::{Comparison, Terms};
use super::kernel::Worse;
use super::numeric::{float, log_sum};
use super::tally::{Block, Kernel};

/// Small values serve large samples.
const SLOPES: [f64; 12] = [0.8, 0.5, 0.3, 0.18, 0.11, 0.065, 0.04, 0.022, 0.012, 0.006, 0.003, 0.0015];

/// A difference of rates (0.017 = 1.7 percentage points) and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// The difference of an event's rates over any run of cells in time order, for example of the last day.
pub fn difference_over<'c>(cells: impl IntoIterator<Item = &'c Cell>, alpha: f64) -> Option<Interval> {
    let terms = Terms { kernel: Kernel::Bernoulli, worse: Worse::Higher, margin: 0.0, safe_margin: 1.0 };
    let mut base = Comparison::new(terms);
    for cell in cells {
        if let Ok(block) = Block::of(Kernel::Bernoulli, cell.treatment.tally, cell.control.tally) {
            base.fold(&block, 1.0);
        }
    }
    base.difference().interval(alpha, 1.0)
}

/// The sums from which the interval is computed, over any run of blocks in time order.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DifferenceInterval {
    weight: f64,
    weighted: f64,
    variation: f64,
}

impl DifferenceInterval {
    /// Adds a block; `theta` is the base rate predicted from earlier blocks only.
    pub fn fold(&mut self, block: &Block, theta: f64) {
        let Block { n_t, x_t, n_c, x_c } = *block;
        if n_t == 0.0 || n_c == 0.0 {
            return;
        }
        let (share_t, share_c) = (n_c / (n_t + n_c), n_t / (n_t + n_c));
        self.weight += share_t * n_t;
        self.weighted += share_t * x_t - share_c * x_c;
        let spread = |n: f64, x: f64| x * (1.0 - theta).powi(2) + (n - x).max(0.0) * theta.powi(2);
        self.variation += share_t.powi(2) * spread(n_t, x_t) + share_c.powi(2) * spread(n_c, x_c);
    }

    /// The interval that holds at all times together with probability `1 - alpha`; `None` before both arms had
    /// trials. Trials that move together widen it by `dispersion` (an estimate, as everywhere).
    pub fn interval(&self, alpha: f64, dispersion: f64) -> Option<Interval> {
        if self.weight <= 0.0 {
            return None;
        }
        let estimate = self.weighted / self.weight;
        let radius = self.deviation((2.0 / alpha).ln() * dispersion.max(1.0)) / self.weight;
        Some(Interval { estimate, low: (estimate - radius).max(-1.0), high: (estimate + radius).min(1.0) })
    }

    /// The largest deviation whose evidence stays below `level`.
    fn deviation(&self, level: f64) -> f64 {
        let evidence = |deviation: f64| {
            let terms = SLOPES.iter().map(|slope| {
                let psi = -(-slope).ln_1p() - slope;
                slope * deviation - psi * self.variation
            });
            log_sum(terms) - float(SLOPES.len() as u64).ln()
        };
        let mut high = 1.0;
        while evidence(high) < level && high < 1e18 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..45 {
            let middle = f64::midpoint(low, high);
            if evidence(middle) < level { low = middle } else { high = middle }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_narrows_with_the_sample_and_widens_with_dispersion() {
        let block = Block::new(Kernel::Bernoulli, (200.0, 4.0), (800.0, 4.0)).unwrap();
        let mut difference = DifferenceInterval::default();
        assert_eq!(difference.interval(0.05, 1.0), None);
        let mut widths = Vec::new();
        for _ in 0..1000 {
            difference.fold(&block, 0.01);
            let interval = difference.interval(0.05, 1.0).unwrap();
            assert!((interval.estimate - 0.015).abs() < 1e-12);
            assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
            widths.push(interval.high - interval.low);
        }
        assert!(widths[999] < widths[9] / 8.0, "{} {}", widths[9], widths[999]);
        assert!(widths[999] < 0.006, "{}", widths[999]);
        let wider = difference.interval(0.05, 4.0).unwrap();
        assert!(wider.high - wider.low > 1.5 * widths[999]);
    }
}
