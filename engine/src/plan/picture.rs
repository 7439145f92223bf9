//! The whole picture: a plan, its cells and the clock become a judgement with its evidence, and what to do.

use super::{Percentages, Plan, PlanDecision, PlanState, Seen, advance};
use crate::guardrail::{Cells, Guard, Judgement, Surroundings};

/// Everything that is known about a rollout at one moment, beside the guard's memory.
#[derive(Debug, Clone)]
pub struct Picture<'a> {
    pub cells: &'a Cells,
    /// Of its fields, `steps_ms` and `held_ms` are taken from the plan.
    pub around: Surroundings,
    /// Subjects who had the feature during the current step.
    pub subjects: u64,
    pub current: &'a Percentages,
    /// When a person last changed these percentages outside the plan.
    pub changed_by_person_ms: Option<i64>,
}

/// Takes in the cells, judges, and decides. The same guard, picture, state and clock give the same answer.
pub fn consider(
    plan: &Plan,
    state: &PlanState,
    guard: &mut Guard,
    picture: &Picture<'_>,
    now_ms: i64,
) -> (Judgement, PlanDecision) {
    let mut around = picture.around.clone();
    if let Some(progress) = state.progress() {
        around.held_ms = progress.held_ms(now_ms);
        around.steps_ms.clone_from(&progress.steps_ms);
    }
    guard.observe(picture.cells, &around.steps_ms, now_ms);
    let judgement = guard.judge(&around, now_ms);
    let seen = Seen {
        judgement: &judgement,
        subjects: picture.subjects,
        current: picture.current,
        changed_by_person_ms: picture.changed_by_person_ms,
    };
    let decision = advance(plan, state, &seen, now_ms);
    (judgement, decision)
}
