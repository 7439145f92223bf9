//! Carries out what the engine decides about a breach of a rollout that no plan moves.

use engine::{
    Change, EnvironmentKey, Percentage, Rollout, RuleId,
    guardrail::{Act, GuardAction, Judgement, act, had_less},
    plan::Percentages,
};

use super::{incidents, states::acted, verdicts::insert_verdict};
use crate::{
    Action, GuardLease, ObjectKind, ObjectRef, Store, StoreError,
    change::{Actor, Entry, Work},
    db::args,
    rollouts::Target,
    versioned::parse,
    webhooks::Event,
};

/// How far back a lower percentage is looked for.
const VERSIONS_BACK_MAX: i64 = 100;

engine::words! {
    /// What was done about a verdict.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Consequence {
        Notified = "notified",
        PlanPaused = "plan_paused",
        SteppedBack = "stepped_back",
        Stopped = "stopped",
        PlanAdvanced = "plan_advanced",
        PlanFinished = "plan_finished",
    }
}

impl Consequence {
    /// Whether it is told on a page of its own: going on is no incident.
    pub const fn is_incident(self) -> bool {
        self.action().is_incident()
    }

    pub(crate) const fn action(self) -> Action {
        match self {
            Self::Notified => Action::GuardNotified,
            Self::PlanPaused => Action::PlanPausedByGuard,
            Self::SteppedBack => Action::GuardSteppedBack,
            Self::Stopped => Action::GuardStopped,
            Self::PlanAdvanced => Action::PlanAdvanced,
            Self::PlanFinished => Action::PlanFinished,
        }
    }

    pub(crate) const fn event(self) -> Event {
        match self {
            Self::Notified => Event::GuardNotified,
            Self::PlanPaused => Event::PlanPaused,
            Self::SteppedBack => Event::GuardSteppedBack,
            Self::Stopped => Event::GuardStopped,
            Self::PlanAdvanced => Event::PlanAdvanced,
            Self::PlanFinished => Event::PlanFinished,
        }
    }
}

/// A breach to be acted on, as it was seen.
#[derive(Debug)]
pub struct GuardAct<'a> {
    pub environment: &'a EnvironmentKey,
    pub flag: &'a engine::FlagKey,
    /// The rollout's version that the breach was judged on.
    pub seen_version: u64,
    pub action: GuardAction,
    /// The rules whose guardrails are broken, each with its evidence.
    pub broken: &'a [(RuleId, Judgement)],
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted {
    Done(Consequence),
    /// The rollout is another than the one that was judged, or another server guards: look again.
    Outdated,
}

impl Store {
    /// Acts on a breach of a rollout that no plan moves: notifies, goes back to the last lower percentages, or stops.
    /// Nothing happens when somebody changed the rollout since it was judged.
    pub async fn guard_rollout(&self, by: &GuardLease, act: &GuardAct<'_>) -> Result<Acted, StoreError> {
        let mut work = self.begin_as(Actor::guard()).await?;
        let target = work.rollout_target(act.environment, act.flag).await?;
        if !by.is_held(&mut work.tx).await? || target.rollout.version != act.seen_version {
            work.cancel().await?;
            return Ok(Acted::Outdated);
        }
        let (rollout, taken) = work.reduced(&target, act).await?;
        let key = (act.environment.as_str(), act.flag.as_str());
        let now_ms = work.now_ms();
        let seq = work.seq();
        acted(&mut work.tx, key, act.action, now_ms).await?;
        incidents::open(&mut work.tx, key, seq, now_ms).await?;
        for (rule, judgement) in act.broken {
            insert_verdict(&mut work.tx, (key.0, key.1, rule.as_str()), judgement, Some((taken, seq)))
                .await?;
        }
        let written = match rollout {
            Some(rollout) => Some(work.apply_rollout(&target, &rollout).await?),
            None => None,
        };
        let (version, mut changes) = written.map_or((None, Vec::new()), |it| (Some(it.version), it.changes));
        let name = &target.flag.value.name;
        let why = act.broken.first().map_or_else(String::new, |(_, judgement)| judgement.sentence());
        let sentence = told(taken, &changes, name, act.environment);
        changes.extend(act.broken.iter().flat_map(|(_, judgement)| evidence(judgement)));
        work.announce(taken.event(), (act.environment, act.flag, name), &sentence, &why).await?;
        let object = ObjectRef::new(ObjectKind::Flag, act.flag.as_str());
        let entry = Entry {
            changes,
            reason: why,
            version,
            environment: Some(act.environment.clone()),
            ..Entry::new(taken.action(), object, name, sentence)
        };
        work.finish(entry).await?;
        Ok(Acted::Done(taken))
    }
}

impl Store {
    /// Tells everybody that a rollout's evidence cannot be read: an audit entry, webhooks, and a verdict for each rule.
    /// Nothing is changed. False when another server guards.
    pub async fn guard_alarm(
        &self,
        by: &GuardLease,
        environment: &EnvironmentKey,
        flag: &engine::FlagKey,
        rules: &[(RuleId, Judgement)],
    ) -> Result<bool, StoreError> {
        let mut work = self.begin_as(Actor::guard()).await?;
        let target = work.rollout_target(environment, flag).await?;
        if !by.is_held(&mut work.tx).await? {
            work.cancel().await?;
            return Ok(false);
        }
        let (seq, now_ms) = (work.seq(), work.now_ms());
        incidents::open(&mut work.tx, (environment.as_str(), flag.as_str()), seq, now_ms).await?;
        for (rule, judgement) in rules {
            let key = (environment.as_str(), flag.as_str(), rule.as_str());
            insert_verdict(&mut work.tx, key, judgement, Some((Consequence::Notified, seq))).await?;
        }
        let name = &target.flag.value.name;
        let sentence = told(Consequence::Notified, &[], name, environment);
        let why = engine::guardrail::Warning::Unreadable.sentence().to_owned();
        work.announce(Event::GuardNotified, (environment, flag, name), &sentence, &why).await?;
        let entry = Entry {
            reason: why,
            changes: rules.iter().flat_map(|(_, judgement)| evidence(judgement)).collect(),
            environment: Some(environment.clone()),
            ..Entry::new(
                Consequence::Notified.action(),
                ObjectRef::new(ObjectKind::Flag, flag.as_str()),
                name,
                sentence,
            )
        };
        work.finish(entry).await?;
        Ok(true)
    }
}

impl Work<'_> {
    /// The rollout that the action leads to, if it is another, and what it is called.
    async fn reduced(
        &mut self,
        target: &Target,
        by: &GuardAct<'_>,
    ) -> Result<(Option<Rollout>, Consequence), StoreError> {
        let mut lower = Percentages::new();
        if by.action == GuardAction::StepBack {
            for (rule, _) in by.broken {
                lower.insert(rule.clone(), self.last_lower(target, rule).await?);
            }
        }
        Ok(match act(by.action, &target.rollout.value, &lower) {
            Act::Notify => (None, Consequence::Notified),
            Act::Stop(rollout) => (Some(rollout), Consequence::Stopped),
            Act::StepBack(rollout) => (Some(rollout), Consequence::SteppedBack),
        })
    }

    /// What the rule had before it was raised to where it is; nobody when it never had less.
    async fn last_lower(&mut self, target: &Target, rule: &RuleId) -> Result<Percentage, StoreError> {
        let flag = target.flag.value.key.as_str();
        let rows: Vec<(String,)> = self
            .tx
            .all(
                "SELECT document FROM versions \
                 WHERE object_kind = 'rollout' AND object_key = $1 AND environment = $2 AND version < $3 \
                 ORDER BY version DESC LIMIT $4",
                args![
                    flag,
                    target.environment.as_str(),
                    crate::signed(target.rollout.version),
                    VERSIONS_BACK_MAX
                ],
            )
            .await?;
        for (document,) in rows {
            let before: Rollout = parse("versions", flag, &document)?;
            if let Some(had) = had_less(&before, &target.rollout.value, rule) {
                return Ok(had);
            }
        }
        Ok(Percentage::NONE)
    }
}

fn told(taken: Consequence, changes: &[Change], name: &str, environment: &EnvironmentKey) -> String {
    let by_hand = || format!("warned about {name} in {environment}");
    match taken {
        Consequence::Stopped => format!("stopped {name} in {environment}"),
        Consequence::SteppedBack => changes.first().map_or_else(by_hand, |change| {
            format!("stepped back: {} on {name} in {environment}", change.phrase)
        }),
        Consequence::Notified
        | Consequence::PlanPaused
        | Consequence::PlanAdvanced
        | Consequence::PlanFinished => by_hand(),
    }
}

/// The evidence in sentences, for the audit entry; the numbers stand in the verdict.
pub(crate) fn evidence(judgement: &Judgement) -> Vec<Change> {
    let sentence = |phrase: String| Change { phrase, before: None, after: None };
    judgement.evidence.iter().map(|evidence| sentence(evidence.sentence())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for taken in Consequence::ALL {
            assert_eq!(Consequence::parse(taken.as_str()), Ok(taken));
        }
    }
}
