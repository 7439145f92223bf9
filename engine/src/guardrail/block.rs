//! When counts become evidence: cells are closed into blocks by the clock and by how many trials they hold, never
//! by their outcomes; each cell is folded once, in time order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dispersion::{Groups, group_of};
use super::latency::LatencyHistogram;
use super::tally::Tally;

const MINUTE_MS: i64 = 60_000;
/// A block with fewer trials is merged with the next.
pub const TRIALS_MIN: u64 = 20;
/// A block is not longer than this, however little there is in it.
pub const BLOCK_MS_MAX: i64 = 15 * MINUTE_MS;
/// How long after an exposure a conversion is waited for.
pub const CONVERSION_WINDOW_MS: i64 = 30 * MINUTE_MS;
/// How long after an exposure any outcome is waited for before it counts as missing.
pub const OUTCOME_WINDOW_MS: i64 = MINUTE_MS;

/// What one arm collected of one metric in one cell. Adds up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Trials attributed to the time of the exposure or request. For durations only `latency` counts.
    #[serde(default)]
    pub tally: Tally,
    /// Durations of requests that did not fail; failures have their own guardrail.
    #[serde(default, skip_serializing_if = "LatencyHistogram::is_empty")]
    pub latency: LatencyHistogram,
    /// The same durations by group of people (see [`super::dispersion`]); empty when none carries a subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_groups: BTreeMap<u8, LatencyHistogram>,
    /// The tally by group of people; empty when outcomes carry no subject, which assumes independent requests.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub groups: Groups,
}

impl Sample {
    pub fn counts(trials: u64, events: u64) -> Self {
        Self { tally: Tally::new(trials, events), ..Self::default() }
    }

    pub fn merge(&mut self, other: &Self) {
        self.tally = self.tally.plus(other.tally);
        self.latency.merge(&other.latency);
        self.groups.merge(&other.groups);
        for (group, latency) in &other.latency_groups {
            self.latency_groups.entry(*group).or_default().merge(latency);
        }
    }

    /// Counts a duration of a person's request; `hash` as in [`Groups::record`].
    pub fn record_duration(&mut self, ms: f64, hash: Option<u64>) {
        self.latency.record(ms);
        if let Some(hash) = hash {
            self.latency_groups.entry(group_of(hash)).or_default().record(ms);
        }
    }

    /// How many trials there were, of whichever kind.
    pub fn trials(&self) -> u64 {
        self.tally.trials.max(self.latency.total())
    }
}

/// Both arms of one rule's audience over the same few seconds, half-open: `from_ms..until_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Changes whenever the percentages do; a block never spans such a change, so cells must not either.
    #[serde(default)]
    pub allocation: u64,
    pub treatment: Sample,
    pub control: Sample,
}

/// When a cell's counts are complete. Chosen before the data are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// How long after its end a cell still collects; later outcomes count as late.
    pub settle_ms: i64,
}

impl Closing {
    /// For requests: 10 s, or twice the client's timeout where that is known and longer.
    pub fn requests(client_timeout_ms: Option<i64>) -> Self {
        Self { settle_ms: client_timeout_ms.map_or(0, |ms| ms.saturating_mul(2)).max(10_000) }
    }

    pub const fn conversions() -> Self {
        Self { settle_ms: CONVERSION_WINDOW_MS }
    }

    /// Half a minute after the last exposure of the cell was given up.
    pub const fn missing_outcomes() -> Self {
        Self { settle_ms: OUTCOME_WINDOW_MS + MINUTE_MS / 2 }
    }

    /// The blocks that are complete at `now_ms` and begin at `folded_until_ms` or later, in time order. `cells` may
    /// come in any order.
    pub fn close(self, cells: &[Cell], folded_until_ms: i64, now_ms: i64) -> Vec<Cell> {
        let settled = |ms: i64| ms.saturating_add(self.settle_ms) <= now_ms;
        let mut ready: Vec<&Cell> = cells
            .iter()
            .filter(|cell| cell.from_ms >= folded_until_ms && cell.until_ms > cell.from_ms)
            .filter(|cell| settled(cell.until_ms))
            .collect();
        ready.sort_by_key(|cell| (cell.from_ms, cell.until_ms));
        let mut blocks = Vec::new();
        let mut open: Option<Cell> = None;
        for cell in ready {
            if open.as_ref().is_some_and(|block| !may_join(block, cell)) {
                blocks.extend(open.take());
            }
            match &mut open {
                Some(block) => join(block, cell),
                None => open = Some(cell.clone()),
            }
            if open.as_ref().is_some_and(is_full) {
                blocks.extend(open.take());
            }
        }
        // What is open waits for more, up to the longest block.
        blocks.extend(open.filter(|block| settled(block.from_ms.saturating_add(BLOCK_MS_MAX))));
        blocks
    }
}

fn is_full(block: &Cell) -> bool {
    let (treatment, control) = (block.treatment.trials(), block.control.trials());
    treatment > 0 && control > 0 && treatment.saturating_add(control) >= TRIALS_MIN
}

fn may_join(block: &Cell, cell: &Cell) -> bool {
    block.allocation == cell.allocation && cell.until_ms.saturating_sub(block.from_ms) <= BLOCK_MS_MAX
}

fn join(block: &mut Cell, cell: &Cell) {
    block.until_ms = block.until_ms.max(cell.until_ms);
    block.treatment.merge(&cell.treatment);
    block.control.merge(&cell.control);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSING: Closing = Closing { settle_ms: 10_000 };

    fn cell(second: i64, trials: (u64, u64)) -> Cell {
        Cell {
            from_ms: second * 1000,
            until_ms: (second + 10) * 1000,
            allocation: 0,
            treatment: Sample::counts(trials.0, 0),
            control: Sample::counts(trials.1, 0),
        }
    }

    fn spans(cells: &[Cell], folded_s: i64, now_s: i64) -> Vec<(i64, i64)> {
        let blocks = CLOSING.close(cells, folded_s * 1000, now_s * 1000);
        blocks.iter().map(|block| (block.from_ms / 1000, block.until_ms / 1000)).collect()
    }

    #[test]
    fn a_block_closes_when_it_has_settled_and_not_before() {
        let cells = [cell(0, (10, 10)), cell(10, (10, 10))];
        assert_eq!(spans(&cells, 0, 19), []);
        assert_eq!(spans(&cells, 0, 20), [(0, 10)]);
        assert_eq!(spans(&cells, 0, 30), [(0, 10), (10, 20)]);
        assert_eq!(spans(&cells, 10, 30), [(10, 20)], "what was folded is not folded again");
        assert_eq!(spans(&cells, 20, 9_999), []);
    }

    #[test]
    fn few_trials_and_a_silent_arm_wait_for_more() {
        let cells = [cell(0, (5, 5)), cell(10, (30, 0)), cell(20, (0, 1)), cell(30, (10, 10))];
        assert_eq!(spans(&cells, 0, 29), []);
        assert_eq!(spans(&cells, 0, 60), [(0, 20), (20, 40)]);
    }

    #[test]
    fn after_fifteen_minutes_it_closes_with_what_there_is() {
        let cells = [cell(0, (3, 0)), cell(890, (4, 0)), cell(900, (5, 0))];
        assert_eq!(spans(&cells, 0, 905), []);
        assert_eq!(spans(&cells, 0, 920), [(0, 900)]);
        assert_eq!(spans(&cells[..1], 0, 909), []);
        assert_eq!(spans(&cells[..1], 0, 910), [(0, 10)]);
    }

    #[test]
    fn a_change_of_the_percentages_closes_a_block() {
        let mut cells = [cell(0, (3, 3)), cell(10, (3, 3)), cell(20, (9, 9))];
        cells[1].allocation = 1;
        cells[2].allocation = 1;
        assert_eq!(spans(&cells, 0, 60), [(0, 10), (10, 30)]);
    }

    #[test]
    fn closing_bit_by_bit_gives_the_same_blocks_as_at_once() {
        let cells: Vec<Cell> = (0..200)
            .filter(|n| n % 7 != 3)
            .map(|n| cell(n * 10, ((n % 5).unsigned_abs(), (n % 11).unsigned_abs())))
            .collect();
        let at_once = CLOSING.close(&cells, 0, 10_000_000);
        let (mut bit_by_bit, mut folded) = (Vec::new(), 0);
        for now in (0..10_000_000).step_by(2_000) {
            for block in CLOSING.close(&cells, folded, now) {
                folded = block.until_ms;
                bit_by_bit.push(block);
            }
        }
        assert_eq!(bit_by_bit, at_once);
    }

    #[test]
    fn clocks_at_the_end_of_time_do_not_overflow() {
        let mut odd = cell(0, (50, 50));
        (odd.from_ms, odd.until_ms) = (i64::MIN, i64::MAX);
        assert_eq!(CLOSING.close(&[odd], i64::MIN, i64::MAX).len(), 1);
    }
}
