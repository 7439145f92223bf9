//! Latency without averages: a histogram in steps of 2 %, and how many values exceed what the control's were.
//! The buckets are those of `DDSketch` (Masson, Rim & Lee, arXiv 1908.10693) with a fixed range, so that histograms add up.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::numeric::float;

pub const BUCKETS: u16 = 1024;
const SMALLEST_MS: f64 = 0.1;
const GAMMA: f64 = 1.02;
/// How long control's values stay in the reference.
pub const REFERENCE_MS: i64 = 60 * 60_000;
/// With fewer values a quantile of the reference means nothing.
pub const REFERENCE_SAMPLES_MIN: u64 = 500;

/// The bucket of a duration. What is not a duration falls into the first.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the buckets")]
pub fn bucket(ms: f64) -> u16 {
    // NaN too: it is not above.
    if ms > SMALLEST_MS {
        ((ms / SMALLEST_MS).ln() / GAMMA.ln()).ceil().clamp(0.0, f64::from(BUCKETS - 1)) as u16
    } else {
        0
    }
}

/// A margin (0.1 = 10 %) in buckets.
pub fn margin_buckets(margin: f64) -> u16 {
    bucket(SMALLEST_MS * (1.0 + margin.max(0.0)))
}

/// The largest duration of a bucket; of the last, the largest that is told from others.
fn upper_ms(bucket: u16) -> f64 {
    SMALLEST_MS * GAMMA.powi(i32::from(bucket))
}

/// The duration in the middle of a bucket: at most 1 % away from every value in it.
fn middle_ms(bucket: u16) -> f64 {
    if bucket == 0 { SMALLEST_MS } else { SMALLEST_MS * GAMMA.powi(i32::from(bucket)) * 2.0 / (GAMMA + 1.0) }
}

/// How many values fell into each of the 1024 buckets. Serialised as the buckets that are not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Sparse", into = "Sparse")]
pub struct LatencyHistogram {
    counts: BTreeMap<u16, u64>,
    /// Values that were not durations; they are in no bucket.
    invalid: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sparse {
    buckets: Vec<(u16, u64)>,
    #[serde(default)]
    invalid: u64,
}

/// A stored histogram names a bucket that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a latency histogram has {BUCKETS} buckets")]
pub struct NoSuchBucket;

impl TryFrom<Sparse> for LatencyHistogram {
    type Error = NoSuchBucket;
    fn try_from(sparse: Sparse) -> Result<Self, NoSuchBucket> {
        let mut histogram = Self { invalid: sparse.invalid, ..Self::default() };
        for (bucket, count) in sparse.buckets {
            if bucket >= BUCKETS {
                return Err(NoSuchBucket);
            }
            histogram.add(bucket, count);
        }
        Ok(histogram)
    }
}

impl From<LatencyHistogram> for Sparse {
    fn from(histogram: LatencyHistogram) -> Self {
        Self { buckets: histogram.counts.into_iter().collect(), invalid: histogram.invalid }
    }
}

impl LatencyHistogram {
    /// Counts a duration in milliseconds; negative ones and NaN are counted as invalid only.
    pub fn record(&mut self, ms: f64) {
        if ms >= 0.0 { self.add(bucket(ms), 1) } else { self.invalid = self.invalid.saturating_add(1) }
    }

    /// Counts values of a bucket; beyond the last it is the last.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            let sum = self.counts.entry(bucket.min(BUCKETS - 1)).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            self.add(*bucket, *count);
        }
        self.invalid = self.invalid.saturating_add(other.invalid);
    }

    /// What was added since an earlier copy.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut added = Self { invalid: self.invalid.saturating_sub(earlier.invalid), ..Self::default() };
        for (bucket, count) in &self.counts {
            let before = earlier.counts.get(bucket).copied().unwrap_or(0);
            added.add(*bucket, count.saturating_sub(before));
        }
        added
    }

    pub fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub const fn invalid(&self) -> u64 {
        self.invalid
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Every bucket with values, in order: its bounds in milliseconds, and how many there are.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.counts.iter().map(|(bucket, count)| {
            let lower_ms = bucket.checked_sub(1).map_or(0.0, upper_ms);
            (lower_ms, upper_ms(*bucket), *count)
        })
    }

    /// How many values lie above a bucket.
    pub fn above(&self, bucket: u16) -> u64 {
        let above = self.counts.range((std::ops::Bound::Excluded(bucket), std::ops::Bound::Unbounded));
        above.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The smallest bucket that holds the quantile `q` (0 to 1); `None` when empty.
    pub fn quantile_bucket(&self, q: f64) -> Option<u16> {
        let wanted = q * float(self.total());
        let mut sum = 0u64;
        for (bucket, count) in &self.counts {
            sum = sum.saturating_add(*count);
            if float(sum) >= wanted {
                return Some(*bucket);
            }
        }
        self.counts.keys().next_back().copied()
    }

    /// The quantile `q` in milliseconds, within 1 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantile_bucket(q).map(middle_ms)
    }
}

/// Control's latencies of the last hour before the block at hand, minute by minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reference {
    minutes: VecDeque<(i64, LatencyHistogram)>,
}

impl Reference {
    /// Adds control's values of a closed block (also from before the rollout), in time order.
    pub fn push(&mut self, from_ms: i64, control: &LatencyHistogram) {
        let minute = from_ms.saturating_sub(from_ms.rem_euclid(60_000));
        match self.minutes.back_mut() {
            Some((last, histogram)) if *last >= minute => histogram.merge(control),
            Some(_) | None => self.minutes.push_back((minute, control.clone())),
        }
    }

    /// The bucket below which the quantile `q` of control lay in the hour before `at_ms`; `None` with fewer than
    /// `samples_min` values.
    pub fn threshold(&mut self, at_ms: i64, q: f64, samples_min: u64) -> Option<u16> {
        while self.minutes.front().is_some_and(|(minute, _)| *minute < at_ms.saturating_sub(REFERENCE_MS)) {
            self.minutes.pop_front();
        }
        let mut hour = LatencyHistogram::default();
        for (_, histogram) in &self.minutes {
            hour.merge(histogram);
        }
        if hour.total() < samples_min { None } else { hour.quantile_bucket(q) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_duration_is_not_a_latency() {
        let mut histogram = LatencyHistogram::default();
        for ms in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            histogram.record(ms);
        }
        assert_eq!((histogram.total(), histogram.invalid()), (0, 3));
        histogram.record(f64::INFINITY);
        assert_eq!(histogram.quantile_bucket(0.5), Some(1023));
    }

    #[test]
    fn quantiles_are_within_one_per_cent_and_merging_is_adding() {
        let (mut odd, mut even, mut all) =
            (LatencyHistogram::default(), LatencyHistogram::default(), LatencyHistogram::default());
        for n in 1..=10_000u32 {
            if n % 2 == 0 { &mut even } else { &mut odd }.record(f64::from(n) / 10.0);
            all.record(f64::from(n) / 10.0);
        }
        odd.merge(&even);
        assert_eq!(odd, all);
        for (q, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = all.quantile(q).unwrap();
            assert!((found / ms - 1.0).abs() < 0.011, "{q}: {found}");
        }
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<LatencyHistogram>(&json).unwrap(), all);
        assert!(serde_json::from_str::<LatencyHistogram>(r#"{"buckets":[[1024,1]]}"#).is_err());
    }

    #[test]
    fn the_reference_is_the_last_hour_and_not_too_few() {
        let mut reference = Reference::default();
        let mut slow = LatencyHistogram::default();
        (0..600).for_each(|_| slow.record(1000.0));
        let mut fast = LatencyHistogram::default();
        (0..600).for_each(|_| fast.record(10.0));
        reference.push(0, &slow);
        assert_eq!(reference.threshold(60_000, 0.5, 500), Some(bucket(1000.0)));
        reference.push(60_000, &fast);
        assert_eq!(reference.threshold(REFERENCE_MS + 60_000, 0.9, 500), Some(bucket(10.0)));
        assert_eq!(reference.threshold(3 * REFERENCE_MS, 0.9, 500), None);
    }
}
