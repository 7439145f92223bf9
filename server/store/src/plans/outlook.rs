//! What a plan waits for: the engine's own decision about its state and the latest judgements.

use engine::{
    EnvironmentKey, FlagKey, Rollout, RuleId, allocation,
    guardrail::{Judgement, together},
    plan::{Pace, Percentages, PlanDecision, Progress, Seen, advance},
};

use super::ReleasePlan;
use crate::{
    ActorKind, FirstExposures, RuleHealth, Store, StoreError, Versioned, Viewer, clock::DAY_MS, db::args,
    signed,
};

/// Exposures that ended before say nothing about a step.
const EXPOSURES_MS: i64 = 90 * DAY_MS;

/// A plan at one moment, for whoever looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanOutlook {
    pub release: ReleasePlan,
    /// What it would do now; the open gates of a step are in it.
    pub decision: PlanDecision,
    /// All rules of the plan together, as last judged.
    pub judgement: Judgement,
    /// Subjects who had the feature at the present percentages.
    pub subjects: u64,
    pub pace: Option<Pace>,
    pub at_ms: i64,
}

impl ReleasePlan {
    /// Whether the plan sets this rule in any step.
    pub fn names(&self, rule: &RuleId) -> bool {
        self.plan.steps.iter().any(|step| step.percentages.contains_key(rule))
    }

    /// When a person set the percentages to something else than the plan's step; `person_ms` is when a person last
    /// changed the rollout. A stopped flag is a person's decision for as long as it is stopped.
    pub fn changed_by_hand_ms(&self, rollout: &Rollout, person_ms: Option<i64>, now_ms: i64) -> Option<i64> {
        let Progress { step, before, .. } = self.state.progress()?;
        if !rollout.enabled {
            return Some(now_ms);
        }
        let target = self.plan.percentages_at(Some(*step), before);
        let current: Percentages = rollout.percentages();
        let differs = current.iter().any(|(rule, now)| target.get(rule).is_some_and(|to| to != now));
        person_ms.filter(|_| differs)
    }

    /// Subjects who had the feature through one of the plan's rules while the percentages were what they are.
    pub fn subjects(&self, rollout: &Rollout, exposures: &[FirstExposures]) -> u64 {
        let now = |rule: &RuleId| allocation(rollout, rule).map(|allocation| allocation.id);
        let own = exposures.iter().filter(|it| self.names(&it.rule) && Some(it.allocation) == now(&it.rule));
        own.map(|it| it.entered).fold(0, u64::saturating_add)
    }

    /// How those subjects come: since when, and when the last of them came.
    fn pace(&self, rollout: &Rollout, exposures: &[FirstExposures]) -> Option<Pace> {
        let progress = self.state.progress()?;
        let now = |rule: &RuleId| allocation(rollout, rule).map(|allocation| allocation.id);
        let own = exposures.iter().filter(|it| self.names(&it.rule) && Some(it.allocation) == now(&it.rule));
        let last_ms = own.map(|it| it.entered_last_ms).filter(|ms| *ms > 0).max();
        Some(Pace { since_ms: progress.since_ms, last_ms })
    }
}

impl Store {
    /// The plan of a flag with what it waits for; `None` without a plan.
    pub async fn find_plan_outlook(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<PlanOutlook>, StoreError> {
        let Some(release) = self.find_plan(by, environment, flag).await? else { return Ok(None) };
        let Some(rollout) = self.find_rollout(by, environment, flag).await? else { return Ok(None) };
        let rules = self.list_rule_health(by, environment, flag).await?;
        self.plan_outlook(by, (environment, flag), (release, &rollout), &rules).await.map(Some)
    }

    /// The same for whoever has read the plan, its rollout and the judgements already.
    pub async fn plan_outlook(
        &self,
        by: &Viewer,
        (environment, flag): (&EnvironmentKey, &FlagKey),
        (release, rollout): (ReleasePlan, &Versioned<Rollout>),
        rules: &[RuleHealth],
    ) -> Result<PlanOutlook, StoreError> {
        by.require_in(environment)?;
        let kind: Option<(String,)> = self
            .db()
            .optional("SELECT actor_kind FROM audit WHERE seq = $1", args![signed(rollout.seq)])
            .await?;
        let by_person = kind.is_none_or(|(kind,)| kind != ActorKind::System.as_str());
        let (person_ms, rollout) = (by_person.then_some(rollout.changed_ms), &rollout.value);
        let now_ms = self.clock().now_ms();
        let judged = rules.iter().filter(|it| release.names(&it.rule)).map(|it| &it.judgement);
        let judgement = together(judged, now_ms);
        let since_ms = now_ms.saturating_sub(EXPOSURES_MS);
        let exposures = self.first_exposures(by, environment, flag, since_ms).await?;
        let (current, subjects) = (rollout.percentages(), release.subjects(rollout, &exposures));
        let pace = release.pace(rollout, &exposures);
        let seen = Seen {
            judgement: &judgement,
            subjects,
            current: &current,
            changed_by_person_ms: release.changed_by_hand_ms(rollout, person_ms, now_ms),
        };
        let decision = advance(&release.plan, &release.state, &seen, now_ms);
        Ok(PlanOutlook { release, decision, judgement, subjects, pace, at_ms: now_ms })
    }
}
