//! An absolute limit over arriving outcomes: looked at every few seconds without waiting for them to settle, so
//! that an outage is found at once. No control is needed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::block::{BLOCK_MS_MAX, Cell};
use super::kernel::{Worse, log_e_absolute, log_e_absolute_count};
use super::mixture::{Mixture, lambdas};
use super::numeric::float;
use super::tally::{Block, BlockError, Kernel, Tally};

/// The e-process of one ceiling. Every look restarts the mixture: "it broke just now" has its share set aside
/// for each of them, so a long good time does not slow down finding an outage (restarts as in the e-detectors of
/// Shin, Ramdas & Rinaldo, with shares that sum to one so that the false alarms stay below α).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    kernel: Kernel,
    worse: Worse,
    limit: f64,
    harm: Mixture,
    log_e: f64,
    total: Tally,
    /// What was already counted of cells that may still grow, by their beginning.
    counted: BTreeMap<i64, Tally>,
    /// Events that came after their trials.
    owed: u64,
    /// Cells that begin earlier are complete.
    horizon_ms: i64,
}

impl Ceiling {
    pub fn new(kernel: Kernel, worse: Worse, limit: f64, began_ms: i64) -> Self {
        Self {
            kernel,
            worse,
            limit,
            harm: Mixture::default(),
            log_e: 0.0,
            total: Tally::default(),
            counted: BTreeMap::new(),
            owed: 0,
            horizon_ms: began_ms,
        }
    }

    /// Whether these can be the counts of a cell.
    pub fn check(&self, tally: Tally) -> Result<(), BlockError> {
        Block::of(self.kernel, tally, Tally::default()).map(|_| ())
    }

    /// Folds outcomes that arrived since the last look.
    pub fn look(&mut self, arrived: Tally) -> Result<(), BlockError> {
        self.check(arrived)?;
        self.harm.restart();
        let (trials, events) = (float(arrived.trials), float(arrived.events));
        let increments = lambdas(self.worse).map(|lambda| match self.kernel {
            Kernel::Bernoulli => log_e_absolute(trials, events, self.limit, lambda),
            Kernel::Poisson => log_e_absolute_count(trials, events, self.limit, lambda),
        });
        self.log_e = self.harm.fold(&increments, 1.0, self.worse);
        self.total = self.total.plus(arrived);
        Ok(())
    }

    /// What of a growing cell was not looked at yet; remembers it as seen. Nothing for cells that are complete.
    pub fn arrived(&mut self, cell: &Cell, tally: Tally) -> Tally {
        if cell.from_ms < self.horizon_ms {
            return Tally::default();
        }
        let seen = self.counted.entry(cell.from_ms).or_default();
        // An older copy of the cell adds nothing.
        let newer = tally.trials >= seen.trials && tally.events >= seen.events;
        let arrived = if newer { tally.since(*seen) } else { Tally::default() };
        if newer {
            *seen = tally;
        }
        // A cell far in the future must not close the present.
        self.horizon_ms = self.horizon_ms.max(self.second_newest().saturating_sub(BLOCK_MS_MAX));
        self.counted = self.counted.split_off(&self.horizon_ms);
        self.settle(arrived)
    }

    /// A trial that was counted as good may turn bad later: its event waits for the next trials.
    fn settle(&mut self, arrived: Tally) -> Tally {
        match self.kernel {
            Kernel::Poisson => arrived,
            Kernel::Bernoulli => {
                let events = arrived.events.saturating_add(self.owed);
                let counted = events.min(arrived.trials);
                self.owed = events - counted;
                Tally::new(arrived.trials, counted)
            }
        }
    }

    fn second_newest(&self) -> i64 {
        self.counted.keys().rev().nth(1).copied().unwrap_or(self.horizon_ms)
    }

    /// Cells that begin earlier are complete.
    pub const fn horizon_ms(&self) -> i64 {
        self.horizon_ms
    }

    pub const fn limit(&self) -> f64 {
        self.limit
    }

    pub const fn worse(&self) -> Worse {
        self.worse
    }

    pub const fn log_e(&self) -> f64 {
        self.log_e
    }

    pub const fn max_log_e(&self) -> f64 {
        self.harm.max_log_e()
    }

    pub const fn total(&self) -> Tally {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Sample;
    use super::*;

    const ACT: f64 = 3.0;

    fn ceiling(kernel: Kernel) -> Ceiling {
        Ceiling::new(kernel, Worse::Higher, 0.05, 0)
    }

    #[test]
    fn an_outage_after_a_day_of_health_is_found_within_a_few_failures() {
        let mut ceiling = ceiling(Kernel::Bernoulli);
        for _ in 0..43_200 {
            ceiling.look(Tally::new(200, 1)).unwrap();
        }
        assert!(ceiling.max_log_e() < ACT);
        ceiling.look(Tally::new(20, 20)).unwrap();
        assert!(ceiling.max_log_e() > ACT, "{}", ceiling.log_e());
    }

    #[test]
    fn a_rate_at_the_limit_or_without_events_is_no_breach() {
        for kernel in [Kernel::Bernoulli, Kernel::Poisson] {
            let mut at_limit = ceiling(kernel);
            let mut none = ceiling(kernel);
            for _ in 0..5_000 {
                at_limit.look(Tally::new(20, 1)).unwrap();
                none.look(Tally::new(20, 0)).unwrap();
            }
            assert!(at_limit.max_log_e() < ACT && none.max_log_e() < 1e-9);
        }
    }

    #[test]
    fn a_growing_cell_is_counted_once() {
        let cell = |from_ms: i64, trials, events| Cell {
            from_ms,
            until_ms: from_ms + 10_000,
            allocation: 0,
            treatment: Sample::counts(trials, events),
            control: Sample::default(),
        };
        let mut ceiling = ceiling(Kernel::Bernoulli);
        let mut arrived = |cell: &Cell| ceiling.arrived(cell, cell.treatment.tally);
        assert_eq!(arrived(&cell(0, 5, 1)), Tally::new(5, 1));
        assert_eq!(arrived(&cell(0, 5, 1)), Tally::default());
        assert_eq!(arrived(&cell(0, 9, 2)), Tally::new(4, 1));
        assert_eq!(arrived(&cell(0, 7, 2)), Tally::default(), "an older copy of the cell");
        assert_eq!(arrived(&cell(0, 9, 2)), Tally::default());
        assert_eq!(arrived(&cell(0, 9, 3)), Tally::default(), "a trial turned bad");
        assert_eq!(arrived(&cell(0, 10, 3)), Tally::new(1, 1), "its event counts with the next trial");
        assert_eq!(arrived(&cell(i64::MAX - 10_000, 1, 0)), Tally::new(1, 0));
        assert_eq!(arrived(&cell(10_000, 3, 0)), Tally::new(3, 0), "a clock far ahead loses nothing");
        assert_eq!(arrived(&cell(-1, 9, 9)), Tally::default(), "from before the rollout");
        arrived(&cell(2_000_000, 1, 0));
        arrived(&cell(2_010_000, 1, 0));
        assert_eq!(arrived(&cell(0, 99, 9)), Tally::default(), "long complete");
    }
}
