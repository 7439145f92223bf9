//! The guard: reference vectors, properties, simulated coverage, and the whole picture.

mod coverage;
mod kinds;
mod picture;
mod properties;
mod sentences;
mod vectors;

use std::collections::BTreeMap;

use engine::RuleId;
use engine::guardrail::{
    Accepts, Basis, Cell, Cells, Exposed, Guard, GuardAction, Guardrail, Judgement, Limit, Metric, Proof,
    Sample, Surroundings,
};

pub(crate) const CELL_MS: i64 = 10_000;

pub(crate) fn guardrail(id: &str, metric: Metric, limit: Limit, action: GuardAction) -> Guardrail {
    let accepts = Accepts::usual_for(action);
    Guardrail { id: id.parse().expect("id"), metric, limit, action, accepts }
}

pub(crate) const COMPARED: Limit = Limit::Comparison { margin: 0.0 };

pub(crate) fn errors(limit: Limit, action: GuardAction) -> Guardrail {
    guardrail("errors", Metric::ErrorRate, limit, action)
}

/// `(trials, events)` of treatment and control in the cell number `at`.
pub(crate) fn cell(at: i64, treatment: (u64, u64), control: (u64, u64)) -> Cell {
    Cell {
        from_ms: at * CELL_MS,
        until_ms: (at + 1) * CELL_MS,
        allocation: 0,
        treatment: Sample::counts(treatment.0, treatment.1),
        control: Sample::counts(control.0, control.1),
    }
}

pub(crate) fn of_errors(cells: Vec<Cell>) -> Cells {
    of(Metric::ErrorRate, cells)
}

/// Told by servers, so that every guardrail takes them.
pub(crate) fn of(metric: Metric, cells: Vec<Cell>) -> Cells {
    let own = Accepts::ALL.map(|accepts| (Basis { metric: metric.clone(), accepts }, cells.clone()));
    [(everyone(), BTreeMap::from(own))].into()
}

pub(crate) fn everyone() -> RuleId {
    "everyone".parse().expect("rule")
}

pub(crate) fn guard(guardrails: &[Guardrail]) -> Guard {
    Guard::new(guardrails, &[everyone()], Proof::default(), 0)
}

pub(crate) fn exposed(exposed: Exposed) -> BTreeMap<RuleId, Exposed> {
    [(everyone(), exposed)].into()
}

/// What is known about a rollout to everyone that began at 0.
pub(crate) fn judge(
    guardrails: &[Guardrail],
    cells: &Cells,
    around: &Surroundings,
    now_ms: i64,
) -> Judgement {
    let mut guard = guard(guardrails);
    guard.observe(cells, &around.steps_ms, now_ms);
    guard.judge(around, now_ms)
}

pub(crate) const BOTH: Exposed =
    Exposed { treatment: true, control: true, has_treatment: true, has_control: true };

pub(crate) fn around() -> Surroundings {
    Surroundings { exposed: exposed(BOTH), steps_ms: vec![0], held_ms: 5_400_000, ..Surroundings::default() }
}

/// Of how many stands between the two.
pub(crate) fn told(sentence: &str, begins: &str, ends: &str) {
    assert!(sentence.starts_with(begins) && sentence.ends_with(ends), "{sentence}");
}

pub(crate) const END_MS: i64 = 540 * CELL_MS + 10_000;
