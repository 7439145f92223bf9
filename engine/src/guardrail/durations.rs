//! Latency against control: how many durations exceed a quantile of what control's were in the hour before.

use serde::{Deserialize, Serialize};

use super::block::Cell;
use super::comparison::{Comparison, Terms, mean_log_e};
use super::definition::Quantile;
use super::dispersion::{Groups, dispersion};
use super::kernel::Worse;
use super::latency::{LatencyHistogram, REFERENCE_SAMPLES_MIN, Reference, margin_buckets};
use super::tally::{Block, BlockError, Kernel, Tally};

/// The least margin, in buckets of 2 %: rounding must not look like a difference.
const MARGIN_BUCKETS_MIN: u16 = 1;

/// How often durations exceed one quantile of the reference, and how much those of one person move together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exceedance {
    q: f64,
    comparison: Comparison,
    groups: [Groups; 2],
}

impl Exceedance {
    fn fold(&mut self, cell: &Cell, allowed: [u16; 2]) -> Result<(), BlockError> {
        let samples = [&cell.treatment, &cell.control];
        let [treatment, control] = [0, 1].map(|arm| exceeding(&samples[arm].latency, allowed[arm]));
        let block = Block::of(Kernel::Bernoulli, treatment, control)?;
        for (arm, sample) in samples.into_iter().enumerate() {
            for (group, latency) in &sample.latency_groups {
                self.groups[arm].add(*group, exceeding(latency, allowed[arm]));
            }
        }
        let [treatment, control] = &self.groups;
        self.comparison.fold(&block, dispersion(treatment.tallies(), control.tallies()));
        Ok(())
    }
}

fn exceeding(latency: &LatencyHistogram, bucket: u16) -> Tally {
    Tally::new(latency.total(), latency.above(bucket))
}

/// One e-process per quantile over the same durations, and their mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    margin_buckets: u16,
    reference: Reference,
    quantiles: Vec<Exceedance>,
    log_e: f64,
    max_log_e: f64,
}

impl Durations {
    pub fn new(quantile: Quantile, worse: Worse, margin: f64, safe_margin: f64) -> Self {
        // The margin is on the durations; exceeding the threshold is compared without one.
        let terms = Terms { kernel: Kernel::Bernoulli, worse, margin: 0.0, safe_margin };
        let one = |q| Exceedance { q, comparison: Comparison::new(terms), groups: Default::default() };
        Self {
            margin_buckets: margin_buckets(margin).max(MARGIN_BUCKETS_MIN),
            reference: Reference::default(),
            quantiles: quantile.values().iter().map(|q| one(*q)).collect(),
            log_e: 0.0,
            max_log_e: 0.0,
        }
    }

    /// Control's durations from before the rollout say what is usual.
    pub fn prime(&mut self, from_ms: i64, control: &LatencyHistogram) {
        self.reference.push(from_ms, control);
    }

    pub fn restart(&mut self) {
        for one in &mut self.quantiles {
            one.comparison.restart();
        }
    }

    /// Folds a closed block; nothing while the reference is too small.
    pub fn fold(&mut self, cell: &Cell) -> Result<(), BlockError> {
        for one in &mut self.quantiles {
            let threshold = self.reference.threshold(cell.from_ms, one.q, REFERENCE_SAMPLES_MIN);
            let Some(threshold) = threshold else { continue };
            let allowed = match one.comparison.terms().worse {
                Worse::Higher => threshold.saturating_add(self.margin_buckets),
                Worse::Lower => threshold.saturating_sub(self.margin_buckets),
            };
            one.fold(cell, [allowed, threshold])?;
        }
        self.reference.push(cell.from_ms, &cell.control.latency);
        let log_es: Vec<f64> = self.quantiles.iter().map(|one| one.comparison.log_e()).collect();
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
        let each = self.quantiles.iter().map(|one| one.comparison.max_log_e_safe());
        each.fold(f64::INFINITY, f64::min)
    }

    /// Without subjects, requests are taken to be independent.
    pub fn knows_people(&self) -> bool {
        self.quantiles.iter().any(|one| one.groups.iter().any(|groups| !groups.is_empty()))
    }

    pub fn comparison(&self, q: f64) -> Option<&Comparison> {
        self.quantiles.iter().find(|one| (one.q - q).abs() < 1e-9).map(|one| &one.comparison)
    }
}
