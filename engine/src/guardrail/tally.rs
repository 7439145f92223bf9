//! Counts: what arms collect (whole numbers that add up), and the closed block that evidence is computed from.

use serde::{Deserialize, Serialize};

use super::numeric::float;

/// Trials, and how many of them had the event (an error, a conversion, a complaint). Adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub trials: u64,
    pub events: u64,
}

impl Tally {
    pub const fn new(trials: u64, events: u64) -> Self {
        Self { trials, events }
    }

    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            trials: self.trials.saturating_add(other.trials),
            events: self.events.saturating_add(other.events),
        }
    }

    /// What came on top of `before`. A counter that fell was restarted: all of it is new.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        if self.trials < before.trials || self.events < before.events {
            return self;
        }
        Self { trials: self.trials - before.trials, events: self.events - before.events }
    }

    pub const fn is_empty(self) -> bool {
        self.trials == 0 && self.events == 0
    }

    /// Events per trial; `None` without trials.
    pub fn rate(self) -> Option<f64> {
        (self.trials > 0).then(|| float(self.events) / float(self.trials))
    }
}

/// How the counts of a block are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Each trial has the event or not: errors, conversion, exceeded latency.
    Bernoulli,
    /// Events are counted per subject and may be several: complaints.
    Poisson,
}

/// Why counts are not a block. The block is left out, and the data are treated as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockError {
    #[error("more events than trials were counted")]
    MoreEventsThanTrials,
    #[error("a count is negative or not a number")]
    NotACount,
    #[error("the block lies in time that is already folded")]
    AlreadyFolded,
}

/// Counts above this would lose whole units as floats, and nobody has them.
const COUNT_MAX: f64 = 1e15;

/// Treatment and control over the same time: valid counts only. Events may be fractions of trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    pub(super) n_t: f64,
    pub(super) x_t: f64,
    pub(super) n_c: f64,
    pub(super) x_c: f64,
}

impl Block {
    /// Trials and events of treatment and control, checked for `kernel`.
    pub fn new(kernel: Kernel, treatment: (f64, f64), control: (f64, f64)) -> Result<Self, BlockError> {
        for (trials, events) in [treatment, control] {
            let count = |n: f64| (0.0..=COUNT_MAX).contains(&n);
            if !count(trials) || !count(events) {
                return Err(BlockError::NotACount);
            }
            let bounded = match kernel {
                Kernel::Bernoulli => events <= trials,
                // Somebody must have been there to complain.
                Kernel::Poisson => trials > 0.0 || events == 0.0,
            };
            if !bounded {
                return Err(BlockError::MoreEventsThanTrials);
            }
        }
        Ok(Self { n_t: treatment.0, x_t: treatment.1, n_c: control.0, x_c: control.1 })
    }

    pub fn of(kernel: Kernel, treatment: Tally, control: Tally) -> Result<Self, BlockError> {
        let pair = |tally: Tally| (float(tally.trials), float(tally.events));
        Self::new(kernel, pair(treatment), pair(control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let of = |t, c| Block::new(Kernel::Bernoulli, t, c).map(|_| ());
        assert_eq!(of((10.0, 2.5), (0.0, 0.0)), Ok(()));
        assert_eq!(of((10.0, 11.0), (10.0, 0.0)), Err(BlockError::MoreEventsThanTrials));
        assert_eq!(of((10.0, -1.0), (10.0, 0.0)), Err(BlockError::NotACount));
        assert_eq!(of((f64::NAN, 0.0), (10.0, 0.0)), Err(BlockError::NotACount));
        assert_eq!(of((f64::INFINITY, 0.0), (10.0, 0.0)), Err(BlockError::NotACount));
        let several = Block::new(Kernel::Poisson, (10.0, 11.0), (10.0, 0.0));
        assert!(several.is_ok(), "one subject may complain twice");
    }

    #[test]
    fn a_counter_that_fell_was_restarted() {
        assert_eq!(Tally::new(10, 2).since(Tally::new(4, 1)), Tally::new(6, 1));
        assert_eq!(Tally::new(3, 0).since(Tally::new(4, 1)), Tally::new(3, 0));
    }
}
