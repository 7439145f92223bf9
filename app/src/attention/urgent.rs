//! What stands still until somebody decides: what the guard did, and plans.

use std::{collections::BTreeMap, sync::Arc};

use engine::{
    FlagKey, Snapshot,
    guardrail::GuardAction,
    plan::{HoldReason, PauseReason, PlanState},
};
use store::{Halt, PlanUnderWay, RolloutTimes, Waiting};

use super::{Need, Why};

/// What begins by itself within this is told.
const SOON_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// One need for each flag of the snapshot's environment, the most pressing one; scheduled starts among them.
pub fn urgent(waiting: &Waiting, snapshot: &Snapshot, times: &RolloutTimes, now_ms: i64) -> Vec<Need> {
    let here = snapshot.environment();
    let mut needs: BTreeMap<&FlagKey, Need> = BTreeMap::new();
    for plan in waiting.plans.iter().filter(|plan| plan.environment == *here) {
        let flag = snapshot.flag(plan.flag.as_str()).filter(|flag| !flag.is_archived());
        if let Some((flag, (why, since_ms))) = flag.zip(of_plan(plan, now_ms)) {
            needs.insert(&plan.flag, Need { flag: Arc::clone(flag.flag()), why, since_ms });
        }
    }
    for halt in waiting.halts.iter().filter(|halt| halt.environment == *here) {
        let Some(flag) = snapshot.flag(halt.flag.as_str()).filter(|flag| !flag.is_archived()) else {
            continue;
        };
        let plan = match needs.get(&halt.flag).map(|need| &need.why) {
            Some(Why::RolledBack(plan)) => Some(Arc::clone(plan)),
            Some(_) | None => None,
        };
        let why = match (halt.action, flag.rollout().enabled) {
            (GuardAction::Stop, false) => Why::Stopped(plan),
            // A plan that went back says so itself.
            (GuardAction::StepBack, true) if plan.is_none() && !is_answered(halt, times) => Why::Lowered,
            (GuardAction::Notify | GuardAction::PausePlan | GuardAction::StepBack | GuardAction::Stop, _) => {
                continue;
            }
        };
        needs.insert(&halt.flag, Need { flag: Arc::clone(flag.flag()), why, since_ms: halt.at_ms });
    }
    needs.into_values().collect()
}

/// Whoever changed the rollout after it was lowered has decided already. What was stopped waits until it is resumed.
fn is_answered(halt: &Halt, times: &RolloutTimes) -> bool {
    times.changed_ms(&halt.environment, &halt.flag).is_some_and(|changed_ms| changed_ms > halt.at_ms)
}

/// Why a plan needs somebody, and since when.
fn of_plan(plan: &Arc<PlanUnderWay>, now_ms: i64) -> Option<(Why, i64)> {
    let own = || Arc::clone(plan);
    let approval = |since_ms: i64| {
        let step = plan.release.awaits_approval()?;
        Some((Why::Approval(own(), step), since_ms))
    };
    match &plan.release.state {
        PlanState::RolledBack { at_ms, .. } => Some((Why::RolledBack(own()), *at_ms)),
        PlanState::Paused { at_ms, why: PauseReason::Guardrail(_), .. } => Some((Why::Paused(own()), *at_ms)),
        PlanState::Holding { since_ms, reason, progress } => {
            if needs_person(*reason) {
                Some((Why::Holds(own()), *since_ms))
            } else {
                approval(progress.since_ms)
            }
        }
        PlanState::Running { progress } => approval(progress.since_ms),
        PlanState::Scheduled { at_ms, .. } => {
            (*at_ms - now_ms <= SOON_MS).then(|| (Why::Scheduled(own()), *at_ms))
        }
        PlanState::Paused { why: PauseReason::Person(_), .. }
        | PlanState::Draft
        | PlanState::Finished { .. }
        | PlanState::Abandoned { .. } => None,
    }
}

/// Whether a plan that holds for this goes on only when somebody does something.
fn needs_person(reason: HoldReason) -> bool {
    match reason {
        HoldReason::Broken | HoldReason::PersonDecided | HoldReason::NotShownSafe | HoldReason::Unasked => {
            true
        }
        HoldReason::Mismatch | HoldReason::MissingData | HoldReason::LateData | HoldReason::Suspicion => {
            false
        }
    }
}
