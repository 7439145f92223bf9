//! Where a plan is. A state that cannot be is not written down: a running plan has a step, a draft has none.

use serde::{Deserialize, Serialize};

use super::{
    breach::{Breach, HoldReason},
    definition::Percentages,
};

/// A longer gap between two looks was not watched and does not count as held.
pub const WATCH_GAP_MS_MAX: i64 = 5 * 60_000;

/// Older step starts are of no use to the guard.
const STEPS_REMEMBERED: usize = 50;

/// Who decides, other than the guard: an account's name or id. Only a person's transitions take one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(pub String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub step: usize,
    pub by: Person,
    pub at_ms: i64,
}

/// How far a plan is. Steps are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub step: usize,
    /// When the step was entered.
    pub since_ms: i64,
    /// Time spent on it under watch, until `seen_ms`.
    pub held_ms: i64,
    /// When the plan was last looked at.
    pub seen_ms: i64,
    /// What the rules had before the plan started.
    pub before: Percentages,
    /// Steps that were left with their gates met, in order; the last is where a step back goes.
    #[serde(default)]
    pub good: Vec<usize>,
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// When steps were entered, the latest last.
    #[serde(default)]
    pub steps_ms: Vec<i64>,
    /// A person's last decision about this plan. Evidence from before it has been weighed by a person already.
    pub decided_ms: i64,
}

impl Progress {
    pub(super) fn begin(before: Percentages, now_ms: i64) -> Self {
        Self {
            step: 0,
            since_ms: now_ms,
            held_ms: 0,
            seen_ms: now_ms,
            before,
            good: Vec::new(),
            approvals: Vec::new(),
            steps_ms: vec![now_ms],
            decided_ms: now_ms,
        }
    }

    /// Enters a step. Its time begins now, however long ago it could have been entered.
    pub(super) fn enter(&mut self, step: usize, now_ms: i64) {
        if step < self.step {
            // Whoever approved the next step had not seen why it was left.
            self.approvals.retain(|approval| approval.step <= step);
        }
        self.good.retain(|good| *good < step);
        if self.steps_ms.len() >= STEPS_REMEMBERED {
            self.steps_ms.remove(0);
        }
        self.steps_ms.push(now_ms);
        (self.step, self.since_ms, self.held_ms, self.seen_ms) = (step, now_ms, 0, now_ms);
    }

    /// Time spent on the step under watch. A gap in the watch counts for at most five minutes, and a clock that
    /// went back for nothing: neither days of being down nor a wrong clock pass for time that was watched.
    pub fn held_ms(&self, now_ms: i64) -> i64 {
        let gap_ms = now_ms.saturating_sub(self.seen_ms).clamp(0, WATCH_GAP_MS_MAX);
        self.held_ms.saturating_add(gap_ms)
    }

    pub fn is_approved(&self, step: usize) -> bool {
        self.approvals.iter().any(|approval| approval.step == step)
    }

    pub(super) fn watched(&mut self, now_ms: i64) {
        self.held_ms = self.held_ms(now_ms);
        self.seen_ms = now_ms;
    }

    /// The time of a pause does not count.
    pub(super) fn skip_to(&mut self, now_ms: i64) {
        self.seen_ms = now_ms;
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    Person(Person),
    Guardrail(Breach),
}

/// Where a plan is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PlanState {
    Draft,
    Scheduled {
        at_ms: i64,
        by: Person,
    },
    Running {
        progress: Progress,
    },
    /// Until a person resumes it. The percentages stay, so the same people keep the feature.
    Paused {
        progress: Progress,
        at_ms: i64,
        why: PauseReason,
    },
    /// Running, but nothing may be concluded for now; goes on by itself.
    Holding {
        progress: Progress,
        since_ms: i64,
        reason: HoldReason,
    },
    Finished {
        progress: Progress,
        at_ms: i64,
    },
    Abandoned {
        step: Option<usize>,
        at_ms: i64,
        by: Person,
    },
    /// A guardrail took the feature back to step `to` (`None`: to what was before the plan). Only a person goes on.
    RolledBack {
        progress: Progress,
        from: usize,
        to: Option<usize>,
        at_ms: i64,
        why: Breach,
    },
}

impl PlanState {
    /// The word it is serialised as.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled { .. } => "scheduled",
            Self::Running { .. } => "running",
            Self::Paused { .. } => "paused",
            Self::Holding { .. } => "holding",
            Self::Finished { .. } => "finished",
            Self::Abandoned { .. } => "abandoned",
            Self::RolledBack { .. } => "rolled_back",
        }
    }

    /// How far it is; `None` before the start and when abandoned.
    pub const fn progress(&self) -> Option<&Progress> {
        match self {
            Self::Running { progress }
            | Self::Paused { progress, .. }
            | Self::Holding { progress, .. }
            | Self::Finished { progress, .. }
            | Self::RolledBack { progress, .. } => Some(progress),
            Self::Draft | Self::Scheduled { .. } | Self::Abandoned { .. } => None,
        }
    }

    /// The guard must look at it every few seconds.
    pub const fn is_active(&self) -> bool {
        match self {
            Self::Scheduled { .. } | Self::Running { .. } | Self::Holding { .. } | Self::Paused { .. } => {
                true
            }
            Self::Draft | Self::Finished { .. } | Self::Abandoned { .. } | Self::RolledBack { .. } => false,
        }
    }

    /// Whether somebody can approve a step ahead.
    pub const fn takes_approvals(&self) -> bool {
        match self {
            Self::Running { .. } | Self::Paused { .. } | Self::Holding { .. } | Self::RolledBack { .. } => {
                true
            }
            Self::Draft | Self::Scheduled { .. } | Self::Finished { .. } | Self::Abandoned { .. } => false,
        }
    }

    /// Forgets the approvals of steps that are other steps now.
    pub fn keep_approvals(&mut self, same: &dyn Fn(usize) -> bool) {
        match self {
            Self::Running { progress }
            | Self::Paused { progress, .. }
            | Self::Holding { progress, .. }
            | Self::Finished { progress, .. }
            | Self::RolledBack { progress, .. } => {
                progress.approvals.retain(|approval| same(approval.step));
            }
            Self::Draft | Self::Scheduled { .. } | Self::Abandoned { .. } => {}
        }
    }

    /// The same state, having been looked at. To be saved at least every five minutes while the plan runs, or the
    /// time since counts as not watched.
    #[must_use]
    pub fn watched(mut self, now_ms: i64) -> Self {
        match &mut self {
            // At percentages that somebody set by hand, nothing is learnt about the step.
            Self::Paused { progress, .. }
            | Self::Holding { progress, reason: HoldReason::PersonDecided, .. } => progress.skip_to(now_ms),
            Self::Running { progress } | Self::Holding { progress, .. } => progress.watched(now_ms),
            Self::Draft
            | Self::Scheduled { .. }
            | Self::Finished { .. }
            | Self::Abandoned { .. }
            | Self::RolledBack { .. } => {}
        }
        self
    }
}
