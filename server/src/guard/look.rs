//! One look at everything: each flag by itself, so that one that cannot be judged never keeps the others from it.

use std::{collections::HashMap, collections::HashSet, panic::AssertUnwindSafe};

use engine::{
    Percentage, RuleId,
    guardrail::{GuardAction, Judgement, together},
    plan::{Percentages, PlanDecision, PlanState, Seen, advance},
};
use futures::FutureExt as _;
use store::{
    Acted, Decided, Followed, GuardAct, GuardLease, GuardStanding, ReleasePlan, Store, StoreError, Watched,
};

use super::{
    memory::{GuardedRule, Memory},
    picture::consider,
};

/// Flags with cells that are younger than this have something new.
const MEASURED_MS: i64 = 60_000;
/// Flags without anything new are looked at every so many looks: silence is news too.
const LOOKS_BETWEEN: u64 = 15;
/// How often the time that a plan was watched is written down.
const WATCHED_EVERY_MS: i64 = 60_000;
/// The lease is renewed when a look takes longer than this.
const RENEW_MS: i64 = 2_000;
/// Exposures older than this say nothing about now.
const EXPOSURES_MS: i64 = 90 * 24 * 3_600_000;

/// What is remembered while this server guards.
pub(super) struct Looking {
    memory: Memory,
    watched: Vec<Watched>,
    standings: HashMap<(String, String), GuardStanding>,
    /// The last audit entry that `watched` includes.
    seq: Option<u64>,
    looks: u64,
    /// Of which database it was read.
    pub(super) era: u64,
    logged: HashSet<String>,
    /// Acts whose seconds cannot be kept.
    unreadable: HashSet<i64>,
}

impl Looking {
    /// Goes on from what is stored.
    pub(super) async fn begin(store: &Store, lease: &GuardLease, era: u64) -> Result<Self, StoreError> {
        Ok(Self {
            memory: Memory::from_stored(store.list_guard_states(lease).await?),
            watched: Vec::new(),
            standings: HashMap::new(),
            seq: None,
            looks: 0,
            era,
            logged: HashSet::new(),
            unreadable: HashSet::new(),
        })
    }

    pub(super) async fn look(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        holder: &str,
    ) -> Result<(), StoreError> {
        self.reload(store, lease).await?;
        let began_ms = store.clock().now_ms();
        let measured = store.list_measured(lease, began_ms.saturating_sub(MEASURED_MS)).await?;
        let all = self.looks.is_multiple_of(LOOKS_BETWEEN);
        self.looks += 1;
        let mut renewed_ms = began_ms;
        for at in 0..self.watched.len() {
            let watched = &self.watched[at];
            let key = (watched.environment.to_string(), watched.flag.to_string());
            let moves = watched.plan.as_ref().is_some_and(|release| release.state.is_active());
            let is_due = moves || measured.contains(&key) || (all && self.is_known(watched));
            if !is_due {
                continue;
            }
            self.look_at(store, lease, at).await;
            let now_ms = store.clock().now_ms();
            if now_ms.saturating_sub(renewed_ms) > RENEW_MS {
                renewed_ms = now_ms;
                if store.take_guard_lease(holder).await?.is_none() {
                    return Ok(());
                }
            }
        }
        let now_ms = store.clock().now_ms();
        let states = self.memory.to_keep(now_ms);
        store.save_guard_states(lease, &states).await?;
        self.memory.kept(&states, now_ms);
        store.keep_incidents(lease, &mut self.unreadable).await
    }

    /// Reads the definitions again when something was changed.
    async fn reload(&mut self, store: &Store, lease: &GuardLease) -> Result<(), StoreError> {
        let seq = store.live().seq();
        if self.seq == Some(seq) {
            return Ok(());
        }
        self.watched.clear();
        for found in store.list_watched(lease).await? {
            match found {
                Ok(watched) => self.watched.push(watched),
                Err((id, error)) => self.log_once(&id, &error.to_string()),
            }
        }
        self.standings.clear();
        self.seq = Some(seq);
        Ok(())
    }

    fn is_known(&self, watched: &Watched) -> bool {
        watched.broken
            || watched.rollout.rules.iter().any(|rule| self.memory.knows(&place(watched, &rule.id)))
    }

    /// Looks at one flag; whatever goes wrong stays with it.
    async fn look_at(&mut self, store: &Store, lease: &GuardLease, at: usize) {
        let id = format!("{}/{}", self.watched[at].environment, self.watched[at].flag);
        let problem = if self.watched[at].broken {
            Some("its guardrails or its plan cannot be read".to_owned())
        } else {
            match AssertUnwindSafe(self.judge(store, lease, at)).catch_unwind().await {
                Ok(Ok(())) => None,
                Ok(Err(
                    error @ (StoreError::Unavailable(_)
                    | StoreError::Database(_)
                    | StoreError::Migration(_)
                    | StoreError::Restored),
                )) => {
                    // The database, not the definition: the next look tries again.
                    self.log_once(&id, &error.to_string());
                    return;
                }
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("judging it failed".to_owned()),
            }
        };
        match problem {
            Some(problem) => {
                self.log_once(&id, &problem);
                let now_ms = store.clock().now_ms();
                let watched = &self.watched[at];
                for rule in watched.rollout.rules.iter().filter(|rule| rule.percentage > Percentage::NONE) {
                    self.memory.inconclusive(place(watched, &rule.id), now_ms);
                }
            }
            None => drop(self.logged.remove(&id)),
        }
    }

    fn log_once(&mut self, id: &str, problem: &str) {
        if self.logged.insert(id.to_owned()) {
            tracing::error!(id, problem, "this rollout cannot be guarded; the others are");
        }
    }

    async fn judge(&mut self, store: &Store, lease: &GuardLease, at: usize) -> Result<(), StoreError> {
        let watched = self.watched[at].clone();
        let standing = self.standing(store, lease, &watched).await?;
        let stopped = standing.acted.is_some_and(|(action, _)| action == GuardAction::Stop);
        let judged = if !watched.rollout.enabled || stopped {
            Vec::new()
        } else {
            self.judge_rules(store, lease, &watched, standing).await?
        };
        self.raise_alarms(store, lease, &watched, &judged).await?;
        match &watched.plan {
            Some(release) if follows(&release.state) => {
                self.follow(store, lease, at, (&watched, release), &judged).await
            }
            Some(_) | None => {
                for rule in act(store, lease, &watched, standing, &judged).await? {
                    self.memory.was_told(&place(&watched, &rule));
                }
                Ok(())
            }
        }
    }

    /// Tells once that evidence cannot be read; the judging goes on without it.
    async fn raise_alarms(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        watched: &Watched,
        judged: &[(RuleId, Judgement)],
    ) -> Result<(), StoreError> {
        let due = self.memory.alarms(judged, |rule| place(watched, rule));
        let told: Vec<_> = judged.iter().filter(|(rule, _)| due.contains(rule)).cloned().collect();
        if !told.is_empty() && store.guard_alarm(lease, &watched.environment, &watched.flag, &told).await? {
            for (rule, _) in &told {
                self.memory.alarmed(&place(watched, rule));
            }
            // The entry of the alarm is no change of any definition.
            self.seq = None;
        }
        Ok(())
    }

    async fn standing(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        watched: &Watched,
    ) -> Result<GuardStanding, StoreError> {
        let key = (watched.environment.to_string(), watched.flag.to_string());
        if let Some(standing) = self.standings.get(&key) {
            return Ok(*standing);
        }
        let standing = store.guard_standing(lease, watched).await?;
        self.standings.insert(key, standing);
        Ok(standing)
    }

    /// Every rule that somebody is served by, judged.
    async fn judge_rules(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        watched: &Watched,
        standing: GuardStanding,
    ) -> Result<Vec<(RuleId, Judgement)>, StoreError> {
        let now_ms = store.clock().now_ms();
        let since_ms = now_ms.saturating_sub(EXPOSURES_MS);
        let exposures = store.first_exposures(lease, &watched.environment, &watched.flag, since_ms).await?;
        let progress = watched.plan.as_ref().and_then(|release| release.state.progress());
        let steps_ms = progress.map_or(&[][..], |progress| &progress.steps_ms);
        let held_ms = progress.map_or(0, |progress| progress.held_ms(now_ms));
        let mut judged = Vec::new();
        for rule in watched.rollout.rules.iter().filter(|rule| rule.percentage > Percentage::NONE) {
            let place = place(watched, &rule.id);
            let known = self.memory.of(&place, watched, rule, standing, now_ms);
            let times = (steps_ms, held_ms, standing.began_ms);
            consider(store, lease, &place, rule, known, &exposures, times).await?;
            judged.extend(known.judgement.clone().map(|judgement| (rule.id.clone(), judgement)));
        }
        Ok(judged)
    }

    /// Lets the engine decide about the plan, and carries that out.
    async fn follow(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        at: usize,
        (watched, release): (&Watched, &ReleasePlan),
        judged: &[(RuleId, Judgement)],
    ) -> Result<(), StoreError> {
        let now_ms = store.clock().now_ms();
        let judged: Vec<_> = judged.iter().filter(|(rule, _)| release.names(rule)).cloned().collect();
        let judgement = together(judged.iter().map(|(_, judgement)| judgement), now_ms);
        let current = watched.rollout.percentages();
        let since_ms = now_ms.saturating_sub(EXPOSURES_MS);
        let exposures = store.first_exposures(lease, &watched.environment, &watched.flag, since_ms).await?;
        let seen = Seen {
            judgement: &judgement,
            subjects: release.subjects(&watched.rollout, &exposures),
            current: &current,
            changed_by_person_ms: release.changed_by_hand_ms(&watched.rollout, watched.person_ms, now_ms),
        };
        let decision = advance(&release.plan, &release.state, &seen, now_ms);
        if only_time(&release.state, &decision, &current, now_ms) {
            if let Some(progress) = release.state.progress()
                && now_ms.saturating_sub(progress.seen_ms) >= WATCHED_EVERY_MS
            {
                let state = release.state.clone().watched(now_ms);
                self.keep_watched(store, lease, at, state).await?;
            }
            return Ok(());
        }
        let decided = Decided {
            environment: &watched.environment,
            flag: &watched.flag,
            version: release.version,
            rollout_version: watched.version,
            decision,
            judgements: &judged,
        };
        match store.follow_plan(lease, decided).await? {
            Followed::Moved(_, Some(_)) => {
                for (rule, _) in &judged {
                    self.memory.was_told(&place(watched, rule));
                }
                self.seq = None;
            }
            Followed::Moved(_, None) | Followed::Outdated => self.seq = None,
            Followed::Watched(state) => self.keep_watched(store, lease, at, *state).await?,
        }
        Ok(())
    }

    async fn keep_watched(
        &mut self,
        store: &Store,
        lease: &GuardLease,
        at: usize,
        state: PlanState,
    ) -> Result<(), StoreError> {
        let Some(watched) = self.watched.get_mut(at) else { return Ok(()) };
        if let Some(release) = &mut watched.plan {
            store.keep_watched(lease, &watched.environment, &watched.flag, release.version, &state).await?;
            release.state = state;
        }
        Ok(())
    }
}

fn place(watched: &Watched, rule: &RuleId) -> GuardedRule {
    (watched.environment.clone(), watched.flag.clone(), rule.clone())
}

/// Whether the plan decides about the rollout; before its start and after its end, the guard does by itself.
fn follows(state: &PlanState) -> bool {
    match state {
        PlanState::Scheduled { .. }
        | PlanState::Running { .. }
        | PlanState::Holding { .. }
        | PlanState::Paused { .. }
        | PlanState::Finished { .. } => true,
        PlanState::Draft | PlanState::Abandoned { .. } | PlanState::RolledBack { .. } => false,
    }
}

/// Acts on a breach that nothing was done about yet, unless a person has decided with it before their eyes.
/// Returns the rules whose verdicts were told with it.
async fn act(
    store: &Store,
    lease: &GuardLease,
    watched: &Watched,
    standing: GuardStanding,
    judged: &[(RuleId, Judgement)],
) -> Result<Vec<RuleId>, StoreError> {
    let Some(action) = judged.iter().filter_map(|(_, judgement)| judgement.action).max() else {
        return Ok(Vec::new());
    };
    if standing.acted.is_some_and(|(done, _)| done >= action) {
        return Ok(Vec::new());
    }
    let decided_ms = watched.person_ms.unwrap_or(i64::MIN);
    let is_news = |judgement: &Judgement| {
        judgement.action == Some(action) && judgement.breach_since_ms.is_some_and(|ms| ms > decided_ms)
    };
    let broken: Vec<_> = judged.iter().filter(|(_, judgement)| is_news(judgement)).cloned().collect();
    if broken.is_empty() {
        return Ok(Vec::new());
    }
    let act = GuardAct {
        environment: &watched.environment,
        flag: &watched.flag,
        seen_version: watched.version,
        action,
        broken: &broken,
    };
    match store.guard_rollout(lease, &act).await? {
        Acted::Done(_) => Ok(broken.into_iter().map(|(rule, _)| rule).collect()),
        Acted::Outdated => Ok(Vec::new()),
    }
}

/// Whether a decision changes nothing but the time: no transaction is needed then.
fn only_time(state: &PlanState, decision: &PlanDecision, current: &Percentages, now_ms: i64) -> bool {
    match decision {
        PlanDecision::Wait { .. } | PlanDecision::Hold { .. } => {
            let Ok(moved) = state.follow(decision.clone(), current, now_ms) else { return true };
            moved.percentages.is_none()
                && moved.state.clone().watched(now_ms) == state.clone().watched(now_ms)
        }
        PlanDecision::Advance(_) | PlanDecision::Finish | PlanDecision::Breach(_) => false,
    }
}
