//! The last minutes of a guardrail, for its sentence: the numbers that people can compare with their own charts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::numeric::float;
use super::tally::Tally;

/// How far back the sentence looks.
pub const RECENT_MS: i64 = 5 * 60_000;
const ENTRIES_MAX: usize = 200;

/// Both arms over one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from_ms: i64,
    pub until_ms: i64,
    pub treatment: Tally,
    pub control: Tally,
}

impl Stretch {
    fn plus(self, earlier: &Self) -> Self {
        Self {
            from_ms: self.from_ms.min(earlier.from_ms),
            until_ms: self.until_ms.max(earlier.until_ms),
            treatment: self.treatment.plus(earlier.treatment),
            control: self.control.plus(earlier.control),
        }
    }
}

/// What was folded in the last five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recent(VecDeque<Stretch>);

impl Recent {
    pub fn push(&mut self, stretch: Stretch) {
        self.0.push_back(stretch);
        let since = stretch.until_ms.saturating_sub(RECENT_MS);
        while self.0.len() > ENTRIES_MAX || self.0.front().is_some_and(|first| first.from_ms < since) {
            if self.0.len() == 1 {
                break;
            }
            self.0.pop_front();
        }
    }

    /// All of it; `None` before anything was folded.
    pub fn all(&self) -> Option<Stretch> {
        self.0.iter().copied().reduce(|sum, stretch| sum.plus(&stretch))
    }

    /// What of it began at `from_ms` or later.
    pub fn since(&self, from_ms: i64) -> Option<Stretch> {
        let later = self.0.iter().copied().filter(|stretch| stretch.from_ms >= from_ms);
        later.reduce(|sum, stretch| sum.plus(&stretch))
    }

    /// The stretch up to now with the highest score: since when it is bad.
    pub fn worst(&self, score: impl Fn(&Stretch) -> f64) -> Option<Stretch> {
        let mut worst: Option<(f64, Stretch)> = None;
        let mut sum: Option<Stretch> = None;
        for stretch in self.0.iter().rev() {
            let longer = sum.map_or(*stretch, |sum| sum.plus(stretch));
            sum = Some(longer);
            let score = score(&longer);
            if worst.is_none_or(|(best, _)| score > best) {
                worst = Some((score, longer));
            }
        }
        worst.map(|(_, stretch)| stretch)
    }
}

/// By how many standard deviations the treatment is worse than control; `sign` as in [`super::kernel::Worse`].
pub(super) fn against_control(stretch: &Stretch, sign: f64) -> f64 {
    let (Some(treatment), Some(control)) = (stretch.treatment.rate(), stretch.control.rate()) else {
        return f64::NEG_INFINITY;
    };
    let (n_t, n_c) = (float(stretch.treatment.trials), float(stretch.control.trials));
    let pooled = (treatment * n_t + control * n_c) / (n_t + n_c);
    deviations(sign * (treatment - control), pooled * (1.0 / n_t + 1.0 / n_c))
}

/// By how many standard deviations the treatment lies beyond a limit.
pub(super) fn against_limit(stretch: &Stretch, sign: f64, limit: f64) -> f64 {
    let Some(rate) = stretch.treatment.rate() else { return f64::NEG_INFINITY };
    deviations(sign * (rate - limit), limit / float(stretch.treatment.trials))
}

fn deviations(difference: f64, variance: f64) -> f64 {
    if variance > 0.0 { difference / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_tells_of_the_time_since_it_broke() {
        let mut recent = Recent::default();
        for n in 0..100 {
            recent.push(Stretch {
                from_ms: n * 10_000,
                until_ms: (n + 1) * 10_000,
                treatment: Tally::new(20, if n < 98 { 0 } else { 10 }),
                control: Tally::new(80, 1),
            });
        }
        let all = recent.all().unwrap();
        assert_eq!(all.until_ms - all.from_ms, RECENT_MS);
        let worst = recent.worst(|stretch| against_control(stretch, 1.0)).unwrap();
        assert_eq!((worst.from_ms, worst.treatment), (980_000, Tally::new(40, 20)));
    }
}
