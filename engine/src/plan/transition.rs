//! How a plan moves: people's transitions, each with the person, and the guard's, which follow a decision only.

use super::{Approval, HoldReason, PauseReason, Percentages, Person, Plan, PlanState, Progress};
use crate::guardrail::GuardAction;

/// A plan's new state, and what its rules are set to with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    pub state: PlanState,
    /// `None`: the percentages stay, and so do the people.
    pub percentages: Option<Percentages>,
    /// The kill switch: `Some(false)` stops the flag, `Some(true)` starts it again.
    pub enabled: Option<bool>,
    /// A new guard begins: the evidence so far has led to a decision. α is spent again.
    pub new_guard: bool,
}

/// Why a transition is not possible. Steps are counted from 1 in the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the plan has no steps; add one first")]
    NoSteps,
    #[error("the plan has already started")]
    AlreadyStarted,
    #[error("the plan has not started yet")]
    NotStarted,
    #[error("the plan has ended; make a new one")]
    Ended,
    #[error("the plan is not running, so it cannot be paused")]
    NotRunning,
    #[error("the plan is running; there is nothing to resume")]
    NothingToResume,
    #[error("the plan was rolled back; resume it, jump to a step, or abandon it")]
    RolledBack,
    #[error("the plan has no step {}", .0 + 1)]
    NoSuchStep(usize),
    #[error("the plan is at its first step; stop the flag to take the feature from everyone")]
    AtFirstStep,
    #[error("step {} needs an approval first", .0 + 1)]
    NeedsApproval(usize),
    #[error("step {} does not wait for an approval", .0 + 1)]
    NoApprovalAsked(usize),
    #[error("step {} is approved already", .0 + 1)]
    AlreadyApproved(usize),
    #[error("the first step has a date that has not come; start the plan at a date")]
    TooEarly,
    #[error("choose a date in the future, or start the plan now")]
    DateInThePast,
    #[error("the plan is still at step {}; jump to the last step first, or abandon the plan", .0 + 1)]
    NotAtLastStep(usize),
    #[error("this decision was made for another state of the plan; decide again")]
    Outdated,
}

impl Moved {
    pub(super) fn keeping(state: PlanState) -> Self {
        Self { state, percentages: None, enabled: None, new_guard: false }
    }

    pub(super) fn setting(state: PlanState, percentages: Percentages) -> Self {
        Self { percentages: Some(percentages), ..Self::keeping(state) }
    }
}

/// What a person may do. Everything a person does is later than the evidence that was there, so the guard will not
/// undo it on that evidence.
impl PlanState {
    /// Enters the first step now. `before` is what the rules have.
    pub fn start(&self, plan: &Plan, before: &Percentages, now_ms: i64) -> Result<Moved, Refused> {
        self.require_unstarted()?;
        let first = plan.steps.first().ok_or(Refused::NoSteps)?;
        let early = |gate: &super::Gate| matches!(gate, super::Gate::NotBefore { at_ms } if now_ms < *at_ms);
        if first.gates.iter().any(early) {
            return Err(Refused::TooEarly);
        }
        let progress = Progress::begin(before.clone(), now_ms);
        let moved = Moved::setting(Self::Running { progress }, plan.percentages_at(Some(0), before));
        Ok(Moved { new_guard: true, ..moved })
    }

    /// Starts at a date, by itself.
    pub fn start_at(&self, plan: &Plan, at_ms: i64, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        self.require_unstarted()?;
        if plan.steps.is_empty() {
            return Err(Refused::NoSteps);
        }
        if at_ms <= now_ms {
            return Err(Refused::DateInThePast);
        }
        Ok(Moved::keeping(Self::Scheduled { at_ms, by: by.clone() }))
    }

    fn require_unstarted(&self) -> Result<(), Refused> {
        match self {
            Self::Draft | Self::Scheduled { .. } => Ok(()),
            Self::Running { .. } | Self::Paused { .. } | Self::Holding { .. } | Self::RolledBack { .. } => {
                Err(Refused::AlreadyStarted)
            }
            Self::Finished { .. } | Self::Abandoned { .. } => Err(Refused::Ended),
        }
    }

    /// The step of a plan that has started and has not ended.
    fn require_started(&self) -> Result<&Progress, Refused> {
        match self {
            Self::Running { progress }
            | Self::Paused { progress, .. }
            | Self::Holding { progress, .. }
            | Self::RolledBack { progress, .. } => Ok(progress),
            Self::Draft | Self::Scheduled { .. } => Err(Refused::NotStarted),
            Self::Finished { .. } | Self::Abandoned { .. } => Err(Refused::Ended),
        }
    }

    /// Stays at the step until somebody resumes. A scheduled plan becomes a draft again.
    pub fn pause(&self, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        match self {
            Self::Running { .. } | Self::Holding { .. } => {
                let progress = self.clone().watched(now_ms).require_started()?.clone();
                let why = PauseReason::Person(by.clone());
                Ok(Moved::keeping(Self::Paused { progress, at_ms: now_ms, why }))
            }
            Self::Scheduled { .. } => Ok(Moved::keeping(Self::Draft)),
            Self::Draft | Self::Paused { .. } => Err(Refused::NotRunning),
            Self::RolledBack { .. } => Err(Refused::RolledBack),
            Self::Finished { .. } | Self::Abandoned { .. } => Err(Refused::Ended),
        }
    }

    /// Goes on at the step where it is, or was rolled back to; also with percentages that a person set by hand, which
    /// then become the step's again.
    pub fn resume(&self, plan: &Plan, now_ms: i64) -> Result<Moved, Refused> {
        let (mut progress, at_start) = match self {
            Self::Paused { progress, .. } | Self::Holding { progress, .. } => (progress.clone(), false),
            Self::RolledBack { progress, to, .. } => (progress.clone(), to.is_none()),
            Self::Running { .. } => return Err(Refused::NothingToResume),
            Self::Draft | Self::Scheduled { .. } => return Err(Refused::NotStarted),
            Self::Finished { .. } | Self::Abandoned { .. } => return Err(Refused::Ended),
        };
        progress.skip_to(now_ms);
        if at_start {
            progress.enter(0, now_ms);
        }
        progress.decided_ms = now_ms;
        let percentages = plan.percentages_at(Some(progress.step), &progress.before);
        Ok(self.after_breach(Moved::setting(Self::Running { progress }, percentages)))
    }

    /// Goes to any step at once, without waiting for times, samples or health. Approvals are not jumped over.
    pub fn jump(&self, plan: &Plan, to: usize, now_ms: i64) -> Result<Moved, Refused> {
        let mut progress = self.require_started()?.clone();
        if to >= plan.steps.len() {
            return Err(Refused::NoSuchStep(to));
        }
        let unapproved = |step: &usize| plan.steps[*step].needs_approval() && !progress.is_approved(*step);
        if let Some(step) = (progress.step + 1..=to).find(unapproved) {
            return Err(Refused::NeedsApproval(step));
        }
        progress.enter(to, now_ms);
        progress.decided_ms = now_ms;
        let percentages = plan.percentages_at(Some(to), &progress.before);
        Ok(self.after_breach(Moved::setting(Self::Running { progress }, percentages)))
    }

    /// Going on after a breach starts what it stopped, and a new guard; so does going on without data.
    fn after_breach(&self, moved: Moved) -> Moved {
        match self {
            Self::RolledBack { why, .. } => {
                let stopped = why.action == GuardAction::Stop;
                Moved { enabled: stopped.then_some(true), new_guard: true, ..moved }
            }
            Self::Paused { why: PauseReason::Guardrail(_), .. }
            | Self::Holding {
                reason: HoldReason::Broken | HoldReason::MissingData | HoldReason::Unasked,
                ..
            } => Moved { new_guard: true, ..moved },
            Self::Draft
            | Self::Scheduled { .. }
            | Self::Running { .. }
            | Self::Paused { why: PauseReason::Person(_), .. }
            | Self::Holding { .. }
            | Self::Finished { .. }
            | Self::Abandoned { .. } => moved,
        }
    }

    /// Returns to the last good step, or the one before when none was good. The plan pauses there.
    pub fn step_back(&self, plan: &Plan, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        let mut progress = match self {
            Self::Finished { progress, .. } => progress.clone(),
            Self::Draft
            | Self::Scheduled { .. }
            | Self::Running { .. }
            | Self::Paused { .. }
            | Self::Holding { .. }
            | Self::Abandoned { .. }
            | Self::RolledBack { .. } => self.require_started()?.clone(),
        };
        let previous = progress.step.checked_sub(1).ok_or(Refused::AtFirstStep)?;
        let to = progress.good.last().copied().unwrap_or(previous);
        progress.enter(to, now_ms);
        progress.decided_ms = now_ms;
        let percentages = plan.percentages_at(Some(to), &progress.before);
        let why = PauseReason::Person(by.clone());
        Ok(Moved::setting(Self::Paused { progress, at_ms: now_ms, why }, percentages))
    }

    /// Lets the plan enter a later step that asks for it.
    pub fn approve(&self, plan: &Plan, step: usize, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        let progress = self.require_started()?;
        if step <= progress.step || !plan.steps.get(step).is_some_and(super::Step::needs_approval) {
            return Err(Refused::NoApprovalAsked(step));
        }
        if progress.is_approved(step) {
            return Err(Refused::AlreadyApproved(step));
        }
        let mut state = self.clone();
        let approval = Approval { step, by: by.clone(), at_ms: now_ms };
        match &mut state {
            Self::Running { progress }
            | Self::Paused { progress, .. }
            | Self::Holding { progress, .. }
            | Self::RolledBack { progress, .. } => progress.approvals.push(approval),
            Self::Draft | Self::Scheduled { .. } | Self::Finished { .. } | Self::Abandoned { .. } => {}
        }
        Ok(Moved::keeping(state))
    }

    /// Ends the plan at its last step without waiting for its gates.
    pub fn finish(&self, plan: &Plan, now_ms: i64) -> Result<Moved, Refused> {
        let mut progress = self.require_started()?.clone();
        if let Self::RolledBack { .. } = self {
            return Err(Refused::RolledBack);
        }
        if progress.step + 1 < plan.steps.len() {
            return Err(Refused::NotAtLastStep(progress.step));
        }
        progress.decided_ms = now_ms;
        Ok(Moved::keeping(Self::Finished { progress, at_ms: now_ms }))
    }

    /// Ends the plan where it is; the percentages stay.
    pub fn abandon(&self, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        let step = match self {
            Self::Draft | Self::Scheduled { .. } => None,
            Self::Running { progress }
            | Self::Paused { progress, .. }
            | Self::Holding { progress, .. }
            | Self::RolledBack { progress, .. } => Some(progress.step),
            Self::Finished { .. } | Self::Abandoned { .. } => return Err(Refused::Ended),
        };
        Ok(Moved::keeping(Self::Abandoned { step, at_ms: now_ms, by: by.clone() }))
    }
}
