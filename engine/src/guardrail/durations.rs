//! Latency against control: how many durations exceed a quantile of what control's were in the hour before.

use serde::{Deserialize, Serialize};

use super::block::Cell;
use super::comparison::{Comparison, Terms, mean_log_e};
use super::definition::Quantile;
use super::kernel::Worse;
use super::latency::{LatencyHistogram, REFERENCE_SAMPLES_MIN, Reference, margin_buckets};
use super::tally::{Block, BlockError, Kernel, Tally};

/// The least margin, in buckets of 2 %: rounding must not look like a difference.
const MARGIN_BUCKETS_MIN: u16 = 1;

/// One e-process per quantile over the same durations, and their mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    margin_buckets: u16,
    reference: Reference,
    quantiles: Vec<(f64, Comparison)>,
    log_e: f64,
    max_log_e: f64,
}

impl Durations {
    pub fn new(quantile: Quantile, worse: Worse, margin: f64, safe_margin: f64) -> Self {
        // The margin is on the durations; exceeding the threshold is compared without one.
        let terms = Terms { kernel: Kernel::Bernoulli, worse, margin: 0.0, safe_margin };
        Self {
            margin_buckets: margin_buckets(margin).max(MARGIN_BUCKETS_MIN),
            reference: Reference::default(),
            quantiles: quantile.values().iter().map(|q| (*q, Comparison::new(terms))).collect(),
            log_e: 0.0,
            max_log_e: 0.0,
        }
    }

    /// Control's durations from before the rollout say what is usual.
    pub fn prime(&mut self, from_ms: i64, control: &LatencyHistogram) {
        self.reference.push(from_ms, control);
    }

    pub fn restart(&mut self) {
        for (_, comparison) in &mut self.quantiles {
            comparison.restart();
        }
    }

    /// Folds a closed block; nothing while the reference is too small.
    pub fn fold(&mut self, cell: &Cell) -> Result<(), BlockError> {
        let (treatment, control) = (&cell.treatment.latency, &cell.control.latency);
        for (q, comparison) in &mut self.quantiles {
            let threshold = self.reference.threshold(cell.from_ms, *q, REFERENCE_SAMPLES_MIN);
            let Some(threshold) = threshold else { continue };
            let above = |histogram: &LatencyHistogram, bucket: u16| {
                Tally::new(histogram.total(), histogram.above(bucket))
            };
            let allowed = match comparison.terms().worse {
                Worse::Higher => threshold.saturating_add(self.margin_buckets),
                Worse::Lower => threshold.saturating_sub(self.margin_buckets),
            };
            let treatment = above(treatment, allowed);
            let block = Block::of(Kernel::Bernoulli, treatment, above(control, threshold))?;
            comparison.fold(&block, 1.0);
        }
        self.reference.push(cell.from_ms, control);
        let log_es: Vec<f64> = self.quantiles.iter().map(|(_, comparison)| comparison.log_e()).collect();
        self.log_e = mean_log_e(&log_es);
        self.max_log_e = self.max_log_e.max(self.log_e);
        Ok(())
    }

    pub const fn log_e(&self) -> f64 {
        self.log_e
    }

    pub const fn max_log_e(&self) -> f64 {
        self.max_log_e
    }

    /// All quantiles must be safe.
    pub fn max_log_e_safe(&self) -> f64 {
        let each = self.quantiles.iter().map(|(_, comparison)| comparison.max_log_e_safe());
        each.fold(f64::INFINITY, f64::min)
    }

    pub fn comparison(&self, q: f64) -> Option<&Comparison> {
        self.quantiles.iter().find(|(quantile, _)| (quantile - q).abs() < 1e-9).map(|(_, one)| one)
    }
}
