//! What happens to a plan by itself: a decision of `advance` is carried out, nothing else.

use super::{
    Advance, Breach, HoldReason, Moved, PauseReason, Percentages, PlanDecision, PlanState, Progress, Refused,
};
use crate::guardrail::GuardAction;

impl PlanState {
    /// Carries out what [`super::advance`] decided about this very state; `current` is what the rules have.
    pub fn follow(
        &self,
        decision: PlanDecision,
        current: &Percentages,
        now_ms: i64,
    ) -> Result<Moved, Refused> {
        match decision {
            PlanDecision::Wait { .. } => Ok(Moved::keeping(self.waiting(now_ms))),
            PlanDecision::Hold { reason } => self.hold(reason, now_ms),
            PlanDecision::Advance(advance) => self.enter_next(advance, current, now_ms),
            PlanDecision::Finish => {
                let mut progress = self.going_on().ok_or(Refused::Outdated)?.clone();
                progress.watched(now_ms);
                Ok(Moved::keeping(Self::Finished { progress, at_ms: now_ms }))
            }
            PlanDecision::Breach(breach) => self.roll_back(breach, now_ms),
        }
    }

    /// The progress of a plan that goes on by itself.
    const fn going_on(&self) -> Option<&Progress> {
        match self {
            Self::Running { progress } | Self::Holding { progress, .. } => Some(progress),
            Self::Draft
            | Self::Scheduled { .. }
            | Self::Paused { .. }
            | Self::Finished { .. }
            | Self::Abandoned { .. }
            | Self::RolledBack { .. } => None,
        }
    }

    /// A plan with nothing to hold it runs.
    fn waiting(&self, now_ms: i64) -> Self {
        let state = match self.going_on() {
            Some(progress) => Self::Running { progress: progress.clone() },
            None => self.clone(),
        };
        state.watched(now_ms)
    }

    fn enter_next(&self, advance: Advance, current: &Percentages, now_ms: i64) -> Result<Moved, Refused> {
        if let (Self::Scheduled { .. }, 0) = (self, advance.to) {
            let progress = Progress::begin(current.clone(), now_ms);
            let moved = Moved::setting(Self::Running { progress }, advance.percentages);
            return Ok(Moved { new_guard: true, ..moved });
        }
        let mut progress = self.going_on().ok_or(Refused::Outdated)?.clone();
        if progress.step + 1 != advance.to {
            return Err(Refused::Outdated);
        }
        let left = progress.step;
        progress.enter(advance.to, now_ms);
        progress.good.push(left);
        Ok(Moved::setting(Self::Running { progress }, advance.percentages))
    }

    fn hold(&self, reason: HoldReason, now_ms: i64) -> Result<Moved, Refused> {
        let progress = self.going_on().ok_or(Refused::Outdated)?.clone();
        let since_ms = match self {
            Self::Holding { since_ms, reason: before, .. } if *before == reason => *since_ms,
            Self::Draft
            | Self::Scheduled { .. }
            | Self::Running { .. }
            | Self::Paused { .. }
            | Self::Holding { .. }
            | Self::Finished { .. }
            | Self::Abandoned { .. }
            | Self::RolledBack { .. } => now_ms,
        };
        Ok(Moved::keeping(Self::Holding { progress, since_ms, reason }.watched(now_ms)))
    }

    fn roll_back(&self, breach: Breach, now_ms: i64) -> Result<Moved, Refused> {
        let mut progress = match self {
            Self::Running { progress }
            | Self::Holding { progress, .. }
            | Self::Paused { progress, .. }
            | Self::Finished { progress, .. } => progress.clone(),
            Self::Draft | Self::Scheduled { .. } | Self::Abandoned { .. } | Self::RolledBack { .. } => {
                return Err(Refused::Outdated);
            }
        };
        match breach.action {
            GuardAction::Notify => self.hold(HoldReason::Broken, now_ms),
            GuardAction::PausePlan => {
                progress.watched(now_ms);
                let why = PauseReason::Guardrail(breach);
                Ok(Moved::keeping(Self::Paused { progress, at_ms: now_ms, why }))
            }
            GuardAction::StepBack | GuardAction::Stop => {
                let (from, to) = (progress.step, breach.back_to);
                progress.enter(to.unwrap_or(0), now_ms);
                let enabled = (breach.action == GuardAction::Stop).then_some(false);
                let percentages = breach.reduction.as_ref().map(|reduction| reduction.percentages().clone());
                let state = Self::RolledBack { progress, from, to, at_ms: now_ms, why: breach };
                Ok(Moved { percentages, enabled, ..Moved::keeping(state) })
            }
        }
    }
}
