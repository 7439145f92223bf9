//! Intervals for what one arm shows, valid however often one looks: where a quantile lies, and how often something
//! happens to a person. Both invert a mixture martingale (Robbins 1970; Howard, Ramdas, `McAuliffe` & Sekhon 2021, arXiv
//! 1810.08240): what it would take more than `1/alpha` to believe is left out. They hold for trials that are independent
//! and alike over the time that is looked at.

use super::interval::Interval;
use super::latency::LatencyHistogram;
use super::numeric::float;
use super::tally::Tally;

/// How many trials' worth of prior the mixture over rates has, around the quantile itself.
const RATE_PRIOR: f64 = 50.0;
/// The mixture over counts per person: gamma with this shape, around one in a hundred.
const COUNT_PRIOR: (f64, f64) = (1.0, 100.0);

/// Where the quantile `q` (0 to 1) of the durations lies, in milliseconds; `None` while there are too few to say.
pub fn quantile_interval(durations: &LatencyHistogram, q: f64, alpha: f64) -> Option<Interval> {
    let estimate = durations.quantile(q)?;
    let total = float(durations.total());
    let holds = |below: f64| log_beta_mixture(below, total, q) < (1.0 / alpha).ln();
    // With everything below it, or nothing, it could still lie anywhere.
    if holds(total) || holds(0.0) {
        return None;
    }
    let (mut below, mut low, mut high) = (0.0, None, None);
    for (lower_ms, upper_ms, count) in durations.buckets() {
        let until = below + float(count);
        if holds((q * total).clamp(below, until)) {
            low = low.or(Some(lower_ms));
            high = Some(upper_ms);
        }
        below = until;
    }
    Some(Interval { estimate, low: low?, high: high? })
}

/// The logarithm of the evidence against `q` being the chance to lie below, after `below` of `total` did: a beta mixture.
fn log_beta_mixture(below: f64, total: f64, q: f64) -> f64 {
    let (a, b) = (RATE_PRIOR * q, RATE_PRIOR * (1.0 - q));
    let log_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    log_beta(a + below, b + total - below) - log_beta(a, b) - below * q.ln() - (total - below) * (-q).ln_1p()
}

/// How often something happens to a person, when each of `counts.trials` had the same chance; `None` without anybody.
pub fn count_interval(counts: Tally, alpha: f64) -> Option<Interval> {
    if counts.trials == 0 {
        return None;
    }
    let (people, events) = (float(counts.trials), float(counts.events));
    let estimate = events / people;
    let level = (1.0 / alpha).ln();
    let evidence = |rate: f64| log_gamma_mixture(events, people, rate);
    let mut high = estimate.max(1.0 / people);
    while evidence(high) < level && high < 1e12 {
        high *= 2.0;
    }
    let high = bisect(estimate, high, |rate| evidence(rate) < level);
    let low = if events > 0.0 { bisect(estimate, 0.0, |rate| evidence(rate) < level) } else { 0.0 };
    Some(Interval { estimate, low, high })
}

/// The logarithm of the evidence against `rate` events for each of `people`: a gamma mixture.
fn log_gamma_mixture(events: f64, people: f64, rate: f64) -> f64 {
    let (a, b) = COUNT_PRIOR;
    let mixed = a * b.ln() - libm::lgamma(a) + libm::lgamma(a + events) - (a + events) * (b + people).ln();
    let of_rate = if events > 0.0 { events * rate.ln() } else { 0.0 };
    mixed + people * rate - of_rate
}

/// The last value on the way from `inside` to `outside` that holds.
fn bisect(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) { inside = middle } else { outside = middle }
    }
    outside
}

/// Treatment minus control, when each interval holds for half of what may go wrong.
pub fn difference(treatment: Interval, control: Interval) -> Interval {
    Interval {
        estimate: treatment.estimate - control.estimate,
        low: treatment.low - control.high,
        high: treatment.high - control.low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random (xorshift), uniform in [0, 1).
    struct Chance(u64);

    impl Chance {
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn a_quantile_stays_inside_however_often_one_looks() {
        let (runs, mut missed) = (150, 0);
        for run in 0..runs {
            let mut chance = Chance(0x9e37_79b9 + run * 7919);
            let mut durations = LatencyHistogram::default();
            let inside = (0..2000).all(|n| {
                // Exponential with mean 100 ms: p95 at 100 · ln 20.
                durations.record(-100.0 * (1.0 - chance.next()).ln());
                let seen = (n % 20 == 0).then(|| quantile_interval(&durations, 0.95, 0.05)).flatten();
                seen.is_none_or(|it| it.low <= 299.573 && 299.573 <= it.high)
            });
            missed += u32::from(!inside);
        }
        assert!(missed <= 13, "{missed} of {runs}");
    }

    #[test]
    fn it_narrows_and_says_nothing_of_too_few() {
        let mut durations = LatencyHistogram::default();
        let mut chance = Chance(42);
        let mut widths = Vec::new();
        assert_eq!(quantile_interval(&durations, 0.5, 0.05), None);
        for n in 0..40_000 {
            durations.record(50.0 + 100.0 * chance.next());
            if n == 20 {
                assert_eq!(quantile_interval(&durations, 0.99, 0.05), None, "the largest could be anything");
            }
            if n == 1000 || n == 39_999 {
                let found = quantile_interval(&durations, 0.95, 0.05).unwrap();
                assert!(found.low <= found.estimate && found.estimate <= found.high);
                widths.push(found.high - found.low);
            }
        }
        assert!(widths[0] < 20.0 && widths[1] < widths[0] / 2.0, "{widths:?}");
    }

    #[test]
    fn a_count_stays_inside_however_often_one_looks() {
        let (runs, mut missed) = (150, 0);
        for run in 0..runs {
            let mut chance = Chance(0x51ed_270b + run * 104_729);
            let mut counts = Tally::default();
            let inside = (0..2000).all(|n| {
                counts = counts.plus(Tally::new(1, u64::from(chance.next() < 0.02)));
                let seen = (n % 20 == 0).then(|| count_interval(counts, 0.05)).flatten();
                seen.is_none_or(|it| it.low <= 0.02 && 0.02 <= it.high)
            });
            missed += u32::from(!inside);
        }
        assert!(missed <= 13, "{missed} of {runs}");
        assert_eq!(count_interval(Tally::default(), 0.05), None);
        let none = count_interval(Tally::new(10_000, 0), 0.05).unwrap();
        assert!(none.low.abs() < 1e-12 && none.high > 0.0 && none.high < 0.002, "{none:?}");
    }
}
