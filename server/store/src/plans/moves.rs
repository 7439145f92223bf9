//! What people do with a plan: each move is a transition of the engine, with the percentages it sets, in one transaction.

use engine::{
    EnvironmentKey, FlagKey, Lifecycle,
    plan::{Moved, Person, Refused, RuleNames},
};

use super::{ReleasePlan, rule_names};
use crate::{
    Action, Approver, FlagEditor, Invalid, ObjectKind, ObjectRef, Principal, Store, StoreError,
    change::{Entry, Work},
    guard,
    rollouts::Target,
    text::reason,
};

/// What a person does with a plan. Steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanMove {
    Start,
    StartAt { at_ms: i64 },
    Pause,
    Resume,
    Jump { to: usize },
    StepBack,
    Finish,
    Abandon,
}

impl PlanMove {
    fn of(self, release: &ReleasePlan, target: &Target, by: &Person, now_ms: i64) -> Result<Moved, Refused> {
        let ReleasePlan { plan, state, .. } = release;
        match self {
            Self::Start => state.start(plan, &target.rollout.value.percentages(), now_ms),
            Self::StartAt { at_ms } => state.start_at(plan, at_ms, by, now_ms),
            Self::Pause => state.pause(by, now_ms),
            Self::Resume => state.resume(plan, now_ms),
            Self::Jump { to } => state.jump(plan, to, now_ms),
            Self::StepBack => state.step_back(plan, by, now_ms),
            Self::Finish => state.finish(plan, now_ms),
            Self::Abandon => state.abandon(by, now_ms),
        }
    }

    /// Whether more people can have the feature by it: whoever does that does not approve what follows.
    fn sets_going(self) -> bool {
        match self {
            Self::Start | Self::StartAt { .. } | Self::Resume | Self::Jump { .. } => true,
            Self::Pause | Self::StepBack | Self::Finish | Self::Abandon => false,
        }
    }

    /// `started the release plan of Fast payment in production at step 1 (…)`, with the step where it is about one; `plan` is
    /// what [`named`] says.
    fn sentence(self, plan: &str, release: &ReleasePlan, names: RuleNames<'_>) -> String {
        let at = release.state.progress().map(|progress| progress.step);
        let step = |preposition: &str| {
            at.and_then(|at| release.plan.steps.get(at).map(|step| (at + 1, step.phrase(names))))
                .map_or_else(String::new, |(number, phrase)| {
                    format!(" {preposition} step {number} ({phrase})")
                })
        };
        match self {
            Self::Start => format!("started {plan}{}", step("at")),
            Self::StartAt { at_ms } => {
                let when = engine::instant_phrase(at_ms);
                format!("set the start of {plan} to {when}")
            }
            Self::Pause => format!("paused {plan}{}", step("at")),
            Self::Resume => format!("resumed {plan}{}", step("at")),
            Self::Jump { .. } => format!("jumped in {plan}{}", step("to")),
            Self::StepBack => format!("stepped back in {plan}{}", step("to")),
            Self::Finish => format!("finished {plan}"),
            Self::Abandon => format!("abandoned {plan}"),
        }
    }
}

impl Store {
    /// Moves a plan. `expected` is the version the person has seen: a plan that moved by itself meanwhile is a
    /// conflict.
    pub async fn move_plan(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        what: PlanMove,
        comment: &str,
    ) -> Result<ReleasePlan, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let (target, mut release) = work.plan_target(environment, flag, expected).await?;
        let moved = what.of(&release, &target, &person(by), work.now_ms()).map_err(Invalid::Plan)?;
        if what.sets_going() && !release.moved_by.contains(&by.author()) {
            release.moved_by.push(by.author());
        }
        let names = rule_names(&*work.state().await?, environment, &target.rollout.value);
        release.state = moved.state.clone();
        let sentence = what.sentence(&named(&target), &release, &names);
        let entry = MoveEntry { action: Action::PlanMoved, sentence, reason, changes: Vec::new() };
        work.commit_move(target, release, &moved, entry).await
    }

    /// Lets a plan enter a step that asks for it. Never one's own plan.
    pub async fn approve_step(
        &self,
        by: &Approver,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        step: usize,
        comment: &str,
    ) -> Result<ReleasePlan, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let (target, mut release) = work.plan_target(environment, flag, expected).await?;
        if !release.may_be_approved_by(by.person()) {
            return Err(Invalid::OwnApproval.into());
        }
        let now_ms = work.now_ms();
        let moved = release.state.approve(&release.plan, step, &person(by), now_ms).map_err(Invalid::Plan)?;
        let names = rule_names(&*work.state().await?, environment, &target.rollout.value);
        let what = release.plan.steps.get(step).map_or_else(String::new, |step| step.phrase(&names));
        release.state = moved.state.clone();
        let sentence = format!("approved step {} of {} ({what})", step + 1, named(&target));
        let entry = MoveEntry { action: Action::PlanApproved, sentence, reason, changes: Vec::new() };
        work.commit_move(target, release, &moved, entry).await
    }
}

fn person(by: &Principal) -> Person {
    Person(by.name().to_owned())
}

/// `the release plan of Fast payment in production`.
pub(super) fn named(target: &Target) -> String {
    format!("the release plan of {} in {}", target.flag.value.name, target.environment)
}

/// What the audit log says of a move.
pub(super) struct MoveEntry {
    pub(super) action: Action,
    pub(super) sentence: String,
    pub(super) reason: String,
    /// Beside those of the rollout.
    pub(super) changes: Vec<engine::Change>,
}

impl Work<'_> {
    async fn plan_target(
        &mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
    ) -> Result<(Target, ReleasePlan), StoreError> {
        let target = self.rollout_target(environment, flag).await?;
        let release = self.require_plan(environment, flag).await?;
        release.require_version(expected)?;
        if target.flag.value.lifecycle == Lifecycle::Archived {
            return Err(Invalid::Archived.into());
        }
        Ok((target, release))
    }

    /// Writes the plan, the rollout it sets, and the one audit entry of both.
    pub(super) async fn commit_move(
        mut self,
        target: Target,
        release: ReleasePlan,
        moved: &Moved,
        entry: MoveEntry,
    ) -> Result<ReleasePlan, StoreError> {
        let MoveEntry { action, sentence, reason, mut changes } = entry;
        let (environment, flag) = (target.environment.clone(), target.flag.value.key.clone());
        let mut rollout = target.rollout.value.clone();
        if let Some(percentages) = &moved.percentages {
            rollout = rollout.with_percentages(percentages);
        }
        rollout.enabled = moved.enabled.unwrap_or(rollout.enabled);
        let release = self.put_plan(&environment, flag.as_str(), release).await?;
        if moved.new_guard {
            let now_ms = self.now_ms();
            guard::begin(&mut self.tx, (environment.as_str(), flag.as_str()), now_ms).await?;
        }
        let mut version = None;
        if rollout != target.rollout.value {
            self.check_rollout(&target, &rollout).await?;
            let written = self.apply_rollout(&target, &rollout).await?;
            version = Some(written.version);
            changes.splice(..0, written.changes);
        }
        let name = &target.flag.value.name;
        let object = ObjectRef::new(ObjectKind::Flag, flag.as_str());
        let entry = Entry {
            changes,
            reason,
            version,
            environment: Some(environment),
            ..Entry::new(action, object, name, sentence)
        };
        self.finish(entry).await?;
        Ok(release)
    }
}
