//! What a plan does next by itself, from its state, the evidence and the clock. It may advance one step whose gates
//! are met, or reduce exposure; the types it hands out can say nothing else.

use serde::{Deserialize, Serialize};

use super::{
    breach::{Breach, HoldReason, Reduction},
    definition::{Gate, Percentages, Plan, Step},
    state::{PlanState, Progress},
};
use crate::guardrail::{GuardAction, Health, Judgement, Warning};

/// What is known when a plan is looked at.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub judgement: &'a Judgement,
    /// Subjects who had the feature during the current step.
    pub subjects: u64,
    /// What the rules have now.
    pub current: &'a Percentages,
    /// When a person last changed these percentages outside the plan.
    pub changed_by_person_ms: Option<i64>,
}

/// A gate that is not met yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenGate {
    Hold { remaining_ms: i64 },
    Sample { have: u64, missing: u64 },
    Healthy { health: Health },
    Approval { step: usize },
    NotBefore { at_ms: i64 },
}

/// Leave to enter the next step (or the first): its gates are met. Only [`advance`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    pub(super) to: usize,
    pub(super) percentages: Percentages,
}

impl Advance {
    pub const fn to(&self) -> usize {
        self.to
    }

    pub const fn percentages(&self) -> &Percentages {
        &self.percentages
    }
}

/// What a plan does next.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanDecision {
    /// Nothing; these gates are open. None: the plan is not waiting for anything that comes by itself.
    Wait {
        open: Vec<OpenGate>,
    },
    Advance(Advance),
    /// The last step's gates are met.
    Finish,
    Hold {
        reason: HoldReason,
    },
    Breach(Breach),
}

/// Decides what a plan does next. At most one step at a time: after days of being down, a step that became due
/// is entered, and its own gates begin then.
pub fn advance(plan: &Plan, state: &PlanState, seen: &Seen<'_>, now_ms: i64) -> PlanDecision {
    let wait = || PlanDecision::Wait { open: Vec::new() };
    match state {
        PlanState::Draft | PlanState::Abandoned { .. } | PlanState::RolledBack { .. } => wait(),
        PlanState::Scheduled { at_ms, .. } => scheduled(plan, *at_ms, seen, now_ms),
        PlanState::Paused { progress, .. } | PlanState::Finished { progress, .. } => {
            match breach(plan, progress, seen, now_ms) {
                Some(breach) if breach.action.reduces() => PlanDecision::Breach(breach),
                Some(_) | None => wait(),
            }
        }
        PlanState::Running { progress } => running(plan, progress, None, seen, now_ms),
        PlanState::Holding { progress, reason, .. } => running(plan, progress, Some(*reason), seen, now_ms),
    }
}

fn scheduled(plan: &Plan, at_ms: i64, seen: &Seen<'_>, now_ms: i64) -> PlanDecision {
    let gates = plan.steps.first().map_or(&[][..], |step| &step.gates);
    let due_ms = gates.iter().fold(at_ms, |due_ms, gate| match gate {
        Gate::NotBefore { at_ms } => due_ms.max(*at_ms),
        Gate::Hold { .. } | Gate::Sample { .. } | Gate::Healthy | Gate::Approval => due_ms,
    });
    if now_ms < due_ms {
        return PlanDecision::Wait { open: vec![OpenGate::NotBefore { at_ms: due_ms }] };
    }
    PlanDecision::Advance(Advance { to: 0, percentages: plan.percentages_at(Some(0), seen.current) })
}

fn running(
    plan: &Plan,
    progress: &Progress,
    holding: Option<HoldReason>,
    seen: &Seen<'_>,
    now_ms: i64,
) -> PlanDecision {
    if let Some(breach) = breach(plan, progress, seen, now_ms) {
        let told = breach.action == GuardAction::Notify && holding == Some(HoldReason::Broken);
        return if told {
            PlanDecision::Hold { reason: HoldReason::Broken }
        } else {
            PlanDecision::Breach(breach)
        };
    }
    if let Some(reason) = hold_reason(progress, seen, now_ms) {
        return PlanDecision::Hold { reason };
    }
    let Some(step) = plan.steps.get(progress.step) else {
        return PlanDecision::Wait { open: Vec::new() };
    };
    let next = plan.steps.get(progress.step + 1);
    let mut open = gates_to_leave(step, progress, seen, now_ms);
    open.extend(next.into_iter().flat_map(|next| gates_to_enter(next, progress, now_ms)));
    match (open.is_empty(), next) {
        (false, _) => PlanDecision::Wait { open },
        (true, None) => PlanDecision::Finish,
        (true, Some(_)) => {
            let to = progress.step + 1;
            let percentages = plan.percentages_at(Some(to), &progress.before);
            PlanDecision::Advance(Advance { to, percentages })
        }
    }
}

/// A moment of the plan, before now: a clock that went back does not make what happens now older than that.
fn passed(ms: i64, now_ms: i64) -> i64 {
    ms.min(now_ms.saturating_sub(1))
}

/// A breach that nobody has decided about yet. One that was known when a person decided is theirs: it holds the
/// plan, but does not undo the decision.
fn breach(plan: &Plan, progress: &Progress, seen: &Seen<'_>, now_ms: i64) -> Option<Breach> {
    let action = seen.judgement.action?;
    let since_ms = seen.judgement.breach_since_ms.unwrap_or(now_ms);
    let decided_ms = progress.decided_ms.max(seen.changed_by_person_ms.unwrap_or(i64::MIN));
    if since_ms <= passed(decided_ms, now_ms) {
        return None;
    }
    let back_to = match action {
        GuardAction::StepBack => progress.good.last().copied(),
        GuardAction::Notify | GuardAction::PausePlan | GuardAction::Stop => None,
    };
    let target = match action {
        // The kill switch keeps the percentages on purpose: they are what is stopped.
        GuardAction::Notify | GuardAction::PausePlan | GuardAction::Stop => None,
        GuardAction::StepBack => Some(plan.percentages_at(back_to, &progress.before)),
    };
    let reduction = target.map(|target| Reduction::towards(&target, seen.current));
    Some(Breach { action, since_ms, sentence: seen.judgement.sentence(), back_to, reduction })
}

fn hold_reason(progress: &Progress, seen: &Seen<'_>, now_ms: i64) -> Option<HoldReason> {
    if seen.judgement.health == Health::Breach {
        return Some(HoldReason::Broken);
    }
    let settled_ms = passed(progress.decided_ms.max(progress.since_ms), now_ms);
    let by_hand = seen.changed_by_person_ms.is_some_and(|at_ms| at_ms > settled_ms);
    if by_hand {
        return Some(HoldReason::PersonDecided);
    }
    // Without a guardrail there is nothing to wait for.
    let watched = !seen.judgement.evidence.is_empty();
    seen.judgement.warnings.first().filter(|_| watched).map(|warning| match warning {
        Warning::Mismatch => HoldReason::Mismatch,
        Warning::Unreadable | Warning::MissingData => HoldReason::MissingData,
        Warning::Unasked => HoldReason::Unasked,
        Warning::LateData => HoldReason::LateData,
        Warning::Suspicion => HoldReason::Suspicion,
        Warning::NotShownSafe => HoldReason::NotShownSafe,
    })
}

fn gates_to_leave(step: &Step, progress: &Progress, seen: &Seen<'_>, now_ms: i64) -> Vec<OpenGate> {
    let open = |gate: &Gate| match gate {
        Gate::Hold { hold_ms } => {
            let remaining_ms = hold_ms.saturating_sub(progress.held_ms(now_ms));
            (remaining_ms > 0).then_some(OpenGate::Hold { remaining_ms })
        }
        Gate::Sample { subjects_min } => {
            let missing = subjects_min.saturating_sub(seen.subjects);
            (missing > 0).then_some(OpenGate::Sample { have: seen.subjects, missing })
        }
        Gate::Healthy => {
            let health = seen.judgement.health;
            (health != Health::Healthy).then_some(OpenGate::Healthy { health })
        }
        Gate::Approval | Gate::NotBefore { .. } => None,
    };
    step.gates.iter().filter_map(open).collect()
}

fn gates_to_enter(next: &Step, progress: &Progress, now_ms: i64) -> Vec<OpenGate> {
    let step = progress.step + 1;
    let open = |gate: &Gate| match gate {
        Gate::Approval => (!progress.is_approved(step)).then_some(OpenGate::Approval { step }),
        Gate::NotBefore { at_ms } => (now_ms < *at_ms).then_some(OpenGate::NotBefore { at_ms: *at_ms }),
        Gate::Hold { .. } | Gate::Sample { .. } | Gate::Healthy => None,
    };
    next.gates.iter().filter_map(open).collect()
}
