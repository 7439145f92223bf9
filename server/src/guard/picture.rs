//! What is seen of one rule: the cells that are new to its guard, and what surrounds them.

use std::collections::BTreeMap;

use engine::{
    Percentage, Rule,
    guardrail::{
        Accepts, Basis, Cell, Exposed, Guard, Metric, Surroundings,
        block::{BLOCK_MS_MAX, CONVERSION_WINDOW_MS},
        guard::Post,
        latency::REFERENCE_MS,
        srm::Segment,
        watch::SILENCE_MS_MAX,
    },
};
use store::{ArmCells, CELL_MS, CellReader, FirstExposures, GuardLease, Store, StoreError};

use super::memory::{GuardedRule, RuleGuard};

/// How far back late outcomes are counted, and how often.
const LATE_MS: i64 = 30 * 60_000;
const LATE_EVERY_MS: i64 = 60_000;
/// A ceiling looks at cells while they still grow; a server that was away hands its own in late.
const GROWING_MS: i64 = 2 * 60_000;

/// Lets a rule's guard take in what is new, and judges.
pub(super) async fn consider(
    store: &Store,
    lease: &GuardLease,
    place: &GuardedRule,
    rule: &Rule,
    known: &mut RuleGuard,
    exposures: &[FirstExposures],
    (steps_ms, held_ms, decided_ms): (&[i64], i64, i64),
) -> Result<(), StoreError> {
    let now_ms = store.clock().now_ms();
    let began_ms = known.guard.posts().first().map_or(now_ms, |post| post.watch.began_ms());
    let is_decision = began_ms <= decided_ms;
    let reader = CellReader::from(lease);
    let at = (&place.0, &place.1, &place.2);
    let looked_ms = known.judgement.as_ref().map(|judgement| judgement.at_ms);
    let wanted = reach(&known.guard, looked_ms, now_ms);
    // The cell that is growing belongs to the picture: a ceiling looks at it.
    let cells = store.guarded_cells(&reader, at, &wanted, now_ms.saturating_add(CELL_MS)).await?;
    known.note_unreadable(place, &cells, now_ms);
    let cells: BTreeMap<Basis, Vec<Cell>> = cells
        .into_iter()
        .map(|(basis, cells)| (basis, from_the_beginning(cells, began_ms, is_decision)))
        .collect();
    if now_ms.saturating_sub(known.late.1) >= LATE_EVERY_MS {
        known.late = (late_fraction(store, &reader, place, &known.guard, now_ms).await?, now_ms);
    }
    known.observe(&[(rule.id.clone(), cells)].into(), steps_ms, now_ms);
    // Whether anybody was ever served it is asked only while it looks as if nobody was.
    let unasked = exposures.is_empty() && !store.is_in_ledger(&reader, &place.0, &place.1).await?;
    let around = Surroundings {
        unasked,
        segments: segments(exposures, rule, began_ms, &known.guard),
        exposed: [(rule.id.clone(), exposed(exposures, rule, now_ms))].into(),
        late_fraction: known.late.0,
        steps_ms: steps_ms.to_vec(),
        held_ms,
        unreadable: [(rule.id.clone(), known.unreadable(now_ms))].into(),
    };
    let judgement = known.guard.judge(&around, now_ms);
    known.judged(judgement);
    Ok(())
}

/// Where a guard begins with a decision, so do the cells after it: one that holds what was before as well was written by a
/// server that had not heard of it. Where new limits begin it, there may be no more than one cell, and what that holds of
/// percentages that nobody had before belongs to it.
fn from_the_beginning(cells: Vec<ArmCells>, began_ms: i64, is_decision: bool) -> Vec<Cell> {
    let older: Vec<i64> = cells
        .iter()
        .filter(|cell| cell.until_ms <= began_ms && cell.treatment.outcomes > 0)
        .map(|cell| cell.allocation)
        .collect();
    let straddles = |cell: &ArmCells| cell.from_ms < began_ms && cell.until_ms > began_ms;
    let is_new = |cell: &ArmCells| !is_decision && !older.contains(&cell.allocation);
    let own = cells.into_iter().filter(|cell| !straddles(cell) || is_new(cell));
    let moved = |mut cell: ArmCells| {
        if straddles(&cell) {
            cell.from_ms = began_ms;
        }
        Cell::from(cell)
    };
    own.map(moved).collect()
}

/// From when on the cells of each basis are asked for: what is not folded yet.
fn reach(guard: &Guard, looked_ms: Option<i64>, now_ms: i64) -> Vec<(Basis, i64)> {
    let mut reach: BTreeMap<Basis, i64> = BTreeMap::new();
    for Post { watch, .. } in guard.posts() {
        let metric = &watch.guardrail().metric;
        let from_ms = if watch.is_comparison() {
            // Before anything is folded, control's latencies of the hour before say what is usual.
            let primes = watch.folded_until_ms() == watch.began_ms();
            watch.folded_until_ms().saturating_sub(if primes { REFERENCE_MS } else { CELL_MS })
        } else {
            let growing_ms = match metric {
                Metric::Conversion => CONVERSION_WINDOW_MS + BLOCK_MS_MAX,
                Metric::ErrorRate
                | Metric::Latency(_)
                | Metric::Crashes
                | Metric::Complaints
                | Metric::MissingOutcome
                | Metric::Custom { .. } => GROWING_MS,
            };
            let since_ms = looked_ms.unwrap_or(watch.began_ms()).min(now_ms);
            growing_from(watch.began_ms(), since_ms.saturating_sub(growing_ms))
        };
        let earliest = reach.entry(watch.guardrail().basis()).or_insert(from_ms);
        *earliest = (*earliest).min(from_ms);
    }
    reach.into_iter().collect()
}

/// From when on a ceiling asks for cells. Either those of just before the guard come along, which tell whom the cell that
/// it begins in belongs to; or that cell, long complete, stays away as well.
fn growing_from(began_ms: i64, from_ms: i64) -> i64 {
    let before_ms = began_ms.saturating_sub(2 * CELL_MS);
    let after_ms = began_ms.saturating_add(CELL_MS - 1).div_euclid(CELL_MS) * CELL_MS;
    if from_ms <= before_ms { before_ms } else { from_ms.max(after_ms) }
}

async fn late_fraction(
    store: &Store,
    reader: &CellReader,
    place: &GuardedRule,
    guard: &Guard,
    now_ms: i64,
) -> Result<f64, StoreError> {
    let since_ms = now_ms.saturating_sub(LATE_MS);
    let posts = || guard.posts().iter().map(|post| post.watch.guardrail());
    // Where some take servers only, no browser makes a plan wait by being late.
    let servers_only = posts().any(|guardrail| guardrail.accepts == Accepts::Servers);
    let counts = |accepts: Accepts| !servers_only || accepts == Accepts::Servers;
    let wanted: Vec<_> =
        posts().filter(|it| counts(it.accepts)).map(|guardrail| (guardrail.basis(), since_ms)).collect();
    let cells = store.guarded_cells(reader, (&place.0, &place.1, &place.2), &wanted, now_ms).await?;
    let fraction = |cells: &Vec<ArmCells>| {
        let arms = || cells.iter().flat_map(|both| [&both.treatment, &both.control]);
        let (late, all) = arms().fold((0_u64, 0_u64), |(late, all), cell| {
            (late.saturating_add(cell.late), all.saturating_add(cell.outcomes))
        });
        if all == 0 { 0.0 } else { float(late) / float(all) }
    };
    Ok(cells.values().map(fraction).fold(0.0, f64::max))
}

#[expect(clippy::cast_precision_loss, reason = "outcomes of half an hour stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// A mismatch would doubt every comparison. Where one of those takes servers only, no browser can bring a mismatch about.
fn segments(exposures: &[FirstExposures], rule: &Rule, since_ms: i64, guard: &Guard) -> Vec<Segment> {
    let comparisons = || guard.posts().iter().map(|post| &post.watch).filter(|watch| watch.is_comparison());
    let servers_only = comparisons().next().is_none()
        || comparisons().any(|watch| watch.guardrail().accepts == Accepts::Servers);
    let own = exposures.iter().filter(|it| it.rule == rule.id && it.first_ms >= since_ms);
    own.filter_map(|it| {
        let (treatment, control) = it.shares?;
        Some(Segment {
            counts: if servers_only {
                vec![it.servers_treatment, it.servers_control]
            } else {
                vec![it.treatment, it.control]
            },
            weights: vec![float(treatment), float(control)],
        })
    })
    .collect()
}

fn exposed(exposures: &[FirstExposures], rule: &Rule, now_ms: i64) -> Exposed {
    let since_ms = now_ms.saturating_sub(SILENCE_MS_MAX);
    let own = || exposures.iter().filter(|it| it.rule == rule.id);
    Exposed {
        treatment: own().any(|it| it.treatment_last_ms >= since_ms),
        control: own().any(|it| it.control_last_ms >= since_ms),
        has_treatment: rule.percentage != Percentage::NONE,
        has_control: rule.percentage != Percentage::ALL || rule.holdback != Percentage::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(from_ms: i64, until_ms: i64) -> ArmCells {
        let mut cell = ArmCells { from_ms, until_ms, ..ArmCells::default() };
        cell.treatment.outcomes = 1;
        cell
    }

    fn spans(cells: &[Cell]) -> Vec<(i64, i64)> {
        cells.iter().map(|cell| (cell.from_ms, cell.until_ms)).collect()
    }

    #[test]
    fn a_cell_from_before_a_decision_says_nothing_about_what_came_after() {
        let straddling = cell(1_000_000, 1_010_000);
        let stored = vec![straddling.clone(), cell(1_006_000, 1_010_000), cell(1_010_000, 1_020_000)];
        let kept = from_the_beginning(stored, 1_006_000, true);
        assert_eq!(spans(&kept), [(1_006_000, 1_010_000), (1_010_000, 1_020_000)]);
        let alone = from_the_beginning(vec![straddling.clone()], 1_006_000, true);
        assert_eq!(spans(&alone), []);
        let of_new_limits = from_the_beginning(vec![straddling], 1_006_000, false);
        assert_eq!(spans(&of_new_limits), [(1_006_000, 1_010_000)]);
    }

    #[test]
    fn what_was_before_new_limits_never_comes_back() {
        // The guard begins within a cell, and the cell before it is of the same percentages.
        let began_ms = 1_006_000;
        let stored = [cell(990_000, 1_000_000), cell(1_000_000, 1_010_000), cell(1_010_000, 1_020_000)];
        for from_ms in (900_000..1_200_000).step_by(1_000) {
            let from_ms = growing_from(began_ms, from_ms);
            let asked = stored.iter().filter(|cell| cell.from_ms >= from_ms).cloned().collect();
            let moved = from_the_beginning(asked, began_ms, false);
            assert!(moved.iter().all(|cell| cell.from_ms != began_ms), "asked from {from_ms}");
        }
        assert_eq!(growing_from(1_000_000, 1_000_001), 1_000_001);
        assert_eq!(growing_from(1_000_000, 0), 980_000);
    }
}
