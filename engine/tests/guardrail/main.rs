//! The guard: reference vectors, properties, simulated coverage, and the whole picture.

mod coverage;
mod picture;
mod properties;
mod sentences;
mod vectors;

use std::collections::BTreeMap;

use engine::guardrail::{Cell, GuardAction, Guardrail, Limit, Metric, Sample};

pub(crate) const CELL_MS: i64 = 10_000;

pub(crate) fn guardrail(id: &str, metric: Metric, limit: Limit, action: GuardAction) -> Guardrail {
    Guardrail { id: id.parse().expect("id"), metric, limit, action }
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

pub(crate) fn of_errors(cells: Vec<Cell>) -> BTreeMap<Metric, Vec<Cell>> {
    [(Metric::ErrorRate, cells)].into()
}
