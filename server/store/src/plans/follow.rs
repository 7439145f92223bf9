//! What a plan does by itself: a decision of the engine about the very state and rollout it was made on, or nothing.
//! Only `Advance`, which the engine makes when every gate is met, can raise a percentage.

use engine::{
    Change, EnvironmentKey, FlagKey, RuleId,
    guardrail::{GuardAction, Judgement},
    plan::{HoldReason, Moved, PlanDecision, PlanState, Reduction},
};

use super::{
    ReleasePlan,
    moves::{MoveEntry, named},
    rule_names,
};
use crate::{
    Action, Consequence, GuardLease, Store, StoreError, change::Actor, db::args, guard, signed, to_json,
};

/// A decision about a plan, and what it was made on.
#[derive(Debug)]
pub struct Decided<'a> {
    pub environment: &'a EnvironmentKey,
    pub flag: &'a FlagKey,
    /// Of the plan.
    pub version: u64,
    /// Of the rollout.
    pub rollout_version: u64,
    pub decision: PlanDecision,
    /// What the decision rests on, by rule.
    pub judgements: &'a [(RuleId, Judgement)],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// The plan moved. What was done about the evidence, if anything.
    Moved(Box<ReleasePlan>, Option<Consequence>),
    /// Nothing but time has passed: [`Store::keep_watched`] notes it.
    Watched(Box<PlanState>),
    /// The plan or the rollout is another than the one that was decided on, or another server guards: look again.
    Outdated,
}

impl Store {
    /// Carries out what the engine decided, once: the plan and the rollout must still be what it decided on.
    pub async fn follow_plan(&self, by: &GuardLease, decided: Decided<'_>) -> Result<Followed, StoreError> {
        let mut work = self.begin_as(Actor::guard()).await?;
        let target = work.rollout_target(decided.environment, decided.flag).await?;
        let release = work.plan(decided.environment, decided.flag).await?;
        let same = |release: &ReleasePlan| {
            release.version == decided.version && target.rollout.version == decided.rollout_version
        };
        let held = by.is_held(&mut work.tx).await?;
        let Some(mut release) = release.filter(|release| held && same(release)) else {
            work.cancel().await?;
            return Ok(Followed::Outdated);
        };
        let current = target.rollout.value.percentages();
        let advances = matches!(decided.decision, PlanDecision::Advance(_));
        let breach = match &decided.decision {
            PlanDecision::Breach(breach) => Some(breach.action()),
            PlanDecision::Wait { .. }
            | PlanDecision::Advance(_)
            | PlanDecision::Finish
            | PlanDecision::Hold { .. } => None,
        };
        let now_ms = work.now_ms();
        let Ok(mut moved) = release.state.follow(decided.decision.clone(), &current, now_ms) else {
            work.cancel().await?;
            return Ok(Followed::Outdated);
        };
        if !advances {
            only_down(&mut moved, &current);
        }
        let Some(told) = told(&release.state, &moved.state, breach) else {
            work.cancel().await?;
            return Ok(Followed::Watched(Box::new(moved.state)));
        };
        release.state = moved.state.clone();
        let key = (decided.environment.as_str(), decided.flag.as_str());
        if let Some(action) = breach {
            guard::acted(&mut work.tx, key, action, now_ms).await?;
        }
        let names = rule_names(&*work.state().await?, decided.environment, &target.rollout.value);
        let sentence = told.sentence(&named(&target), &release, &names);
        let reason = why(&decided);
        let seq = work.seq();
        if told.action().is_incident() {
            guard::incidents::open(&mut work.tx, key, seq, now_ms).await?;
        }
        if let Some(taken) = told.taken() {
            // What was done about a breach stands with the rules that are broken.
            let concerned = |judgement: &Judgement| breach.is_none() || judgement.action.is_some();
            for (rule, judgement) in decided.judgements.iter().filter(|(_, it)| concerned(it)) {
                guard::insert_verdict(
                    &mut work.tx,
                    (key.0, key.1, rule.as_str()),
                    judgement,
                    Some((taken, seq)),
                )
                .await?;
            }
        }
        let name = target.flag.value.name.clone();
        work.announce(told.event(), (decided.environment, decided.flag, &name), &sentence, &reason).await?;
        let changes: Vec<Change> =
            decided.judgements.iter().flat_map(|(_, judgement)| guard::evidence(judgement)).collect();
        let entry = MoveEntry { action: told.action(), sentence, reason, changes };
        let release = work.commit_move(target, release, &moved, entry).await?;
        Ok(Followed::Moved(Box::new(release), told.taken()))
    }
}

/// The guard lowers; what it would raise stays, and it never starts what was stopped.
fn only_down(moved: &mut Moved, current: &engine::plan::Percentages) {
    if let Some(percentages) = &moved.percentages {
        moved.percentages = Some(Reduction::towards(percentages, current).percentages().clone());
    }
    moved.enabled = moved.enabled.filter(|enabled| !enabled);
}

fn why(decided: &Decided<'_>) -> String {
    match &decided.decision {
        PlanDecision::Breach(breach) => breach.sentence().to_owned(),
        PlanDecision::Hold { reason } => reason.sentence().to_owned(),
        PlanDecision::Advance(_) | PlanDecision::Finish => "Every gate is met.".to_owned(),
        PlanDecision::Wait { .. } => String::new(),
    }
}

/// What of a move people are told.
#[derive(Debug, Clone, Copy)]
enum Told {
    Consequence(Consequence),
    Held,
    WentOn,
}

/// `None`: nothing but time has passed. A suspicion comes and goes; the health page shows it.
fn told(before: &PlanState, after: &PlanState, breach: Option<GuardAction>) -> Option<Told> {
    if let Some(action) = breach {
        return Some(Told::Consequence(match action {
            GuardAction::Notify => Consequence::Notified,
            GuardAction::PausePlan => Consequence::PlanPaused,
            GuardAction::StepBack => Consequence::SteppedBack,
            GuardAction::Stop => Consequence::Stopped,
        }));
    }
    let quiet = |reason: &HoldReason| *reason == HoldReason::Suspicion;
    let step = |state: &PlanState| state.progress().map(|progress| progress.step);
    match (before, after) {
        (PlanState::Holding { reason: was, .. }, PlanState::Holding { reason: is, .. }) => {
            (was != is && !quiet(is)).then_some(Told::Held)
        }
        (_, PlanState::Holding { reason, .. }) => (!quiet(reason)).then_some(Told::Held),
        (PlanState::Finished { .. }, PlanState::Finished { .. }) => None,
        (_, PlanState::Finished { .. }) => Some(Told::Consequence(Consequence::PlanFinished)),
        (before, PlanState::Running { .. }) if step(before) != step(after) => {
            Some(Told::Consequence(Consequence::PlanAdvanced))
        }
        (PlanState::Holding { reason, .. }, PlanState::Running { .. }) => {
            (!quiet(reason)).then_some(Told::WentOn)
        }
        (
            _,
            PlanState::Draft
            | PlanState::Scheduled { .. }
            | PlanState::Running { .. }
            | PlanState::Paused { .. }
            | PlanState::Abandoned { .. }
            | PlanState::RolledBack { .. },
        ) => None,
    }
}

impl Told {
    fn taken(self) -> Option<Consequence> {
        match self {
            Self::Consequence(taken) => Some(taken),
            Self::Held | Self::WentOn => None,
        }
    }

    fn action(self) -> Action {
        match self {
            Self::Consequence(taken) => taken.action(),
            Self::Held => Action::PlanHeld,
            Self::WentOn => Action::PlanWentOn,
        }
    }

    fn event(self) -> crate::webhooks::Event {
        match self {
            Self::Consequence(taken) => taken.event(),
            Self::Held => crate::webhooks::Event::PlanHeld,
            Self::WentOn => crate::webhooks::Event::PlanWentOn,
        }
    }

    /// `plan` is what [`named`] says.
    fn sentence(self, plan: &str, release: &ReleasePlan, names: engine::plan::RuleNames<'_>) -> String {
        let at = release.state.progress().map_or(0, |progress| progress.step);
        let step = release.plan.steps.get(at).map_or_else(String::new, |step| step.phrase(names));
        let before = match &release.state {
            PlanState::RolledBack { from, to, .. } => Some((*from, to.is_none())),
            PlanState::Draft
            | PlanState::Scheduled { .. }
            | PlanState::Running { .. }
            | PlanState::Paused { .. }
            | PlanState::Holding { .. }
            | PlanState::Finished { .. }
            | PlanState::Abandoned { .. } => None,
        };
        match (self, before) {
            (Self::Consequence(Consequence::Stopped), Some((from, _))) => {
                format!("stopped everything at step {} of {plan}", from + 1)
            }
            (Self::Consequence(_), Some((from, true))) => {
                format!("stepped back from step {} to what was before {plan}", from + 1)
            }
            (Self::Consequence(_), Some((from, false))) => {
                format!("stepped back in {plan} from step {} to step {} ({step})", from + 1, at + 1)
            }
            (Self::Consequence(Consequence::PlanAdvanced), None) => {
                format!("advanced {plan} to step {} ({step})", at + 1)
            }
            (Self::Consequence(Consequence::PlanFinished), None) => format!("finished {plan}"),
            (Self::Consequence(Consequence::PlanPaused), None) => {
                format!("paused {plan} at step {} ({step})", at + 1)
            }
            (
                Self::Consequence(Consequence::Notified | Consequence::SteppedBack | Consequence::Stopped),
                None,
            ) => {
                format!("warned about {plan} at step {} ({step})", at + 1)
            }
            (Self::Held, _) => format!("holds {plan} at step {} ({step})", at + 1),
            (Self::WentOn, _) => format!("goes on with {plan} at step {} ({step})", at + 1),
        }
    }
}

impl Store {
    /// Keeps how long a plan's step was watched, as long as the plan did not move. Without it for five minutes, the
    /// time since counts as not watched.
    pub async fn keep_watched(
        &self,
        by: &GuardLease,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        version: u64,
        state: &PlanState,
    ) -> Result<(), StoreError> {
        let document = to_json("plans", state)?;
        let mut tx = self.db().begin().await?;
        if by.is_held(&mut tx).await? {
            tx.execute(
                "UPDATE plans SET state = $1 WHERE environment = $2 AND flag = $3 AND version = $4",
                args![&document, environment.as_str(), flag.as_str(), signed(version)],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
