//! What the guard knows of each rule between two looks, and what of it is to be kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::{
    EnvironmentKey, FlagKey, Rollout, Rule, RuleId,
    guardrail::{Basis, Guard, GuardAction, Judgement, Metric, Warning, guard::Cells, watch::SILENCE_MS_MAX},
};
use sha2::{Digest, Sha256};
use store::{ArmCells, GuardStanding, GuardState, GuardrailSet, Watched};

/// So far back a guard is rebuilt from stored cells when its state is lost.
const REBUILD_MS_MAX: i64 = 24 * 3_600_000;
/// A judgement that says the same as before is kept again after this long, so that its time shows that somebody looks.
const KEEP_EVERY_MS: i64 = 30_000;

pub(super) type GuardedRule = (EnvironmentKey, FlagKey, RuleId);

/// One rule's guard.
#[derive(Debug, Clone)]
pub(super) struct RuleGuard {
    pub(super) fingerprint: String,
    pub(super) guard: Guard,
    pub(super) judgement: Option<Judgement>,
    /// Share of the outcomes that came late, and when it was counted.
    pub(super) late: (f64, i64),
    kept_ms: i64,
    changed: bool,
    told: bool,
    /// Metrics with stored cells that cannot be read, and until when that is missing evidence.
    unreadable: BTreeMap<Metric, i64>,
    /// The alarm about it was raised.
    pub(super) alarmed: bool,
}

/// All of them, by place.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<GuardedRule, RuleGuard>);

impl Memory {
    pub(super) fn from_stored(states: Vec<GuardState>) -> Self {
        let known = states.into_iter().map(|state| {
            let kept_ms = state.judgement.at_ms;
            let alarmed = state.judgement.warnings.contains(&Warning::Unreadable);
            let known = RuleGuard {
                fingerprint: state.fingerprint,
                guard: state.guard,
                judgement: Some(state.judgement),
                late: (0.0, 0),
                kept_ms,
                changed: false,
                told: false,
                unreadable: BTreeMap::new(),
                alarmed,
            };
            ((state.environment, state.flag, state.rule), known)
        });
        Self(known.collect())
    }

    /// Rules of a rollout whose evidence cannot be read, which nobody was told of yet.
    pub(super) fn alarms(
        &mut self,
        judged: &[(RuleId, Judgement)],
        at: impl Fn(&RuleId) -> GuardedRule,
    ) -> Vec<RuleId> {
        let mut due = Vec::new();
        for (rule, judgement) in judged {
            let Some(known) = self.0.get_mut(&at(rule)) else { continue };
            let unreadable = judgement.warnings.contains(&Warning::Unreadable);
            if unreadable && !known.alarmed {
                due.push(rule.clone());
            }
            known.alarmed &= unreadable;
        }
        due
    }

    pub(super) fn alarmed(&mut self, place: &GuardedRule) {
        if let Some(known) = self.0.get_mut(place) {
            known.alarmed = true;
        }
    }

    pub(super) fn knows(&self, place: &GuardedRule) -> bool {
        self.0.contains_key(place)
    }

    /// The guard of a rule: the known one, or a new one when guardrails, audience or decisions are others than those
    /// it was for.
    pub(super) fn of(
        &mut self,
        place: &GuardedRule,
        watched: &Watched,
        rule: &Rule,
        standing: GuardStanding,
        now_ms: i64,
    ) -> &mut RuleGuard {
        let fingerprint = fingerprint(&watched.rollout, rule, &watched.set, standing);
        let begin = |began_ms| RuleGuard {
            guard: Guard::at_rule(
                &watched.set.guardrails,
                &rule.id,
                watched.rollout.rules.len().max(1),
                watched.set.proof,
                began_ms,
            ),
            fingerprint: fingerprint.clone(),
            judgement: None,
            late: (0.0, 0),
            kept_ms: 0,
            changed: true,
            told: false,
            unreadable: BTreeMap::new(),
            alarmed: false,
        };
        let rebuilt_ms = standing.began_ms.max(now_ms.saturating_sub(REBUILD_MS_MAX));
        let known = self.0.entry(place.clone()).or_insert_with(|| begin(rebuilt_ms));
        if known.fingerprint != fingerprint {
            // A limit that was set just now judges what comes from now on.
            let same_standing = began(&known.fingerprint) == began(&fingerprint);
            *known = begin(if same_standing { now_ms } else { rebuilt_ms });
        }
        known
    }

    /// Notes that nothing can be said about a rule whose definitions cannot be used.
    pub(super) fn inconclusive(&mut self, place: GuardedRule, now_ms: i64) {
        let judgement = Judgement::unreadable(now_ms);
        let known = self.0.entry(place).or_insert_with(|| RuleGuard {
            fingerprint: String::new(),
            guard: Guard::new(&[], &[], engine::guardrail::Proof::default(), now_ms),
            judgement: None,
            late: (0.0, 0),
            kept_ms: 0,
            changed: true,
            told: false,
            unreadable: BTreeMap::new(),
            alarmed: false,
        });
        known.judged(judgement);
    }

    /// The judgement was told with what was done about it.
    pub(super) fn was_told(&mut self, place: &GuardedRule) {
        if let Some(known) = self.0.get_mut(place) {
            (known.told, known.changed) = (false, true);
        }
    }

    /// What is to be kept now, each with whether its judgement is news. What cannot be kept is offered again.
    pub(super) fn to_keep(&self, now_ms: i64) -> Vec<(GuardState, bool)> {
        let due = |known: &&RuleGuard| {
            known.told || known.changed || now_ms.saturating_sub(known.kept_ms) >= KEEP_EVERY_MS
        };
        let state = |((environment, flag, rule), known): (&GuardedRule, &RuleGuard)| {
            let state = GuardState {
                environment: environment.clone(),
                flag: flag.clone(),
                rule: rule.clone(),
                fingerprint: known.fingerprint.clone(),
                guard: known.guard.clone(),
                judgement: known.judgement.clone()?,
            };
            Some((state, known.told))
        };
        self.0.iter().filter(|(_, known)| due(known)).filter_map(state).collect()
    }

    pub(super) fn kept(&mut self, states: &[(GuardState, bool)], now_ms: i64) {
        for (state, _) in states {
            let place = (state.environment.clone(), state.flag.clone(), state.rule.clone());
            if let Some(known) = self.0.get_mut(&place) {
                (known.kept_ms, known.changed, known.told) = (now_ms, false, false);
            }
        }
    }
}

impl RuleGuard {
    /// Takes in cells and says whether something was folded.
    pub(super) fn observe(&mut self, cells: &Cells, steps_ms: &[i64], now_ms: i64) {
        let before = self.guard.clone();
        self.guard.observe(cells, steps_ms, now_ms);
        self.changed |= self.guard != before;
    }

    /// What cannot be read is missing evidence for as long as silence would be.
    pub(super) fn note_unreadable(
        &mut self,
        place: &GuardedRule,
        cells: &BTreeMap<Basis, Vec<ArmCells>>,
        now_ms: i64,
    ) {
        for (Basis { metric, .. }, cells) in cells {
            if cells.iter().any(|cell| cell.unreadable) {
                let until_ms = now_ms.saturating_add(SILENCE_MS_MAX);
                if self.unreadable.insert(metric.clone(), until_ms).is_none() {
                    let (environment, flag, rule) = place;
                    tracing::error!(%environment, %flag, %rule, metric = metric.noun(), "stored evidence cannot be read");
                }
            }
        }
    }

    pub(super) fn unreadable(&mut self, now_ms: i64) -> BTreeSet<Metric> {
        self.unreadable.retain(|_, until_ms| now_ms < *until_ms);
        self.unreadable.keys().cloned().collect()
    }

    pub(super) fn judged(&mut self, judgement: Judgement) {
        self.told |= self.judgement.as_ref().is_none_or(|before| says(before) != says(&judgement));
        self.judgement = Some(judgement);
    }
}

/// What a judgement says to people; while it stays the same, it is not told again.
fn says(judgement: &Judgement) -> (engine::guardrail::Health, Option<GuardAction>, &[Warning]) {
    (judgement.health, judgement.action, &judgement.warnings)
}

/// What a guard's evidence is about: who is compared, by what, since when.
fn fingerprint(rollout: &Rollout, rule: &Rule, set: &GuardrailSet, standing: GuardStanding) -> String {
    let of = (&rollout.seed, rollout.rules.len(), &rule.audience, &rule.bucket_by, &rule.split, set);
    let text = serde_json::to_string(&of).unwrap_or_default();
    let hash = Sha256::digest(text);
    format!("{}@{}", store::hex(&hash[..8]), standing.began_ms)
}

fn began(fingerprint: &str) -> Option<&str> {
    fingerprint.split_once('@').map(|(_, began)| began)
}
