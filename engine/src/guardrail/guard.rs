//! The whole picture of one rollout: all its guardrails, the split, and what is missing, as one judgement.
//! Missing data is inconclusive, never healthy; a warning never hides a breach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accepts::Basis;
use super::block::{Cell, Closing};
use super::decision::{Facts, StepAction, decide};
use super::definition::{Guardrail, Metric};
use super::evidence::{Evidence, Missing};
use super::judgement::{Health, Judgement, Proof, Surroundings, Warning};
use super::srm::{KAPPA, is_mismatch, log_bayes_factor};
use super::tally::Tally;
use super::verdict::{Thresholds, Verdict};
use super::watch::{Watch, default_closing};
use crate::RuleId;

/// Cells by rule and basis. Arms are compared within one rule's audience only: VIP agencies never with everyone.
pub type Cells = BTreeMap<RuleId, BTreeMap<Basis, Vec<Cell>>>;

/// A guardrail at one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub rule: RuleId,
    pub watch: Watch,
}

/// The state of all guardrails of one rollout (a flag in one environment, at one version). It is the whole memory:
/// stored and read back it goes on; a new one given all cells comes to the same blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    posts: Vec<Post>,
    proof: Proof,
    frozen: bool,
}

impl Guard {
    /// Watches every guardrail at every rule. α is shared among those that may take the feature away.
    pub fn new(guardrails: &[Guardrail], rules: &[RuleId], proof: Proof, began_ms: i64) -> Self {
        Self::with_closing(guardrails, rules, proof, began_ms, default_closing)
    }

    /// One rule's part of a guard of `rules` rules, which share α: for whoever keeps each rule's state by itself,
    /// and puts their judgements [together](super::together()).
    pub fn at_rule(
        guardrails: &[Guardrail],
        rule: &RuleId,
        rules: usize,
        proof: Proof,
        began_ms: i64,
    ) -> Self {
        let reducing = guardrails.iter().filter(|guardrail| guardrail.action.reduces()).count();
        let post = |guardrail: &Guardrail| {
            let sharing = if guardrail.action.reduces() { reducing.saturating_mul(rules) } else { 1 };
            let closing = default_closing(&guardrail.metric);
            let watch = Watch::new(guardrail, Thresholds::shared(sharing), closing, began_ms);
            Post { rule: rule.clone(), watch }
        };
        Self { posts: guardrails.iter().map(post).collect(), proof, frozen: false }
    }

    /// The same where the settling times are known better, for example from the clients' timeouts.
    pub fn with_closing(
        guardrails: &[Guardrail],
        rules: &[RuleId],
        proof: Proof,
        began_ms: i64,
        closing: impl Fn(&Metric) -> Closing,
    ) -> Self {
        let reducing = guardrails.iter().filter(|guardrail| guardrail.action.reduces()).count();
        let post = |rule: &RuleId, guardrail: &Guardrail| {
            let sharing = if guardrail.action.reduces() { reducing * rules.len() } else { 1 };
            let thresholds = Thresholds::shared(sharing);
            let watch = Watch::new(guardrail, thresholds, closing(&guardrail.metric), began_ms);
            Post { rule: rule.clone(), watch }
        };
        let posts = rules.iter().flat_map(|rule| guardrails.iter().map(move |guardrail| (rule, guardrail)));
        let posts = posts.map(|(rule, guardrail)| post(rule, guardrail)).collect();
        Self { posts, proof, frozen: false }
    }

    pub fn posts(&self) -> &[Post] {
        &self.posts
    }

    /// After a rollback nothing is folded any more: what was judged is over.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Takes in cells, in any order and as often as one likes.
    pub fn observe<'c>(&mut self, cells: &'c Cells, steps_ms: &[i64], now_ms: i64) {
        if self.frozen {
            return;
        }
        for Post { rule, watch } in &mut self.posts {
            let basis = watch.guardrail().basis();
            let find = |own: &'c BTreeMap<Basis, Vec<Cell>>| {
                let metric = counted_as(&basis.metric);
                own.get(&basis).or_else(|| own.get(&Basis { metric, accepts: basis.accepts }))
            };
            let own = cells.get(rule).and_then(find);
            watch.observe(own.map_or(&[], Vec::as_slice), steps_ms, now_ms);
        }
    }

    /// What is known now.
    pub fn judge(&self, around: &Surroundings, now_ms: i64) -> Judgement {
        let exposed = |rule: &RuleId| around.exposed.get(rule).copied().unwrap_or_default();
        let report = |post: &Post| {
            let mut evidence = post.watch.evidence(&post.rule, exposed(&post.rule), now_ms);
            let expected = evidence.missing.is_some_and(Missing::is_expected);
            let silent =
                matches!(evidence.missing, Some(Missing::Silent | Missing::Treatment | Missing::Control));
            let nothing = evidence.treatment.is_empty() && evidence.control.is_none_or(Tally::is_empty);
            if around.unasked && silent && nothing {
                evidence.missing = Some(Missing::Unasked);
            }
            if !expected && is_unreadable(around, &post.rule, &evidence.metric) {
                evidence.missing = Some(Missing::Unreadable);
            }
            evidence
        };
        let evidence: Vec<Evidence> = self.posts.iter().map(report).collect();
        let facts = self.facts(around, &evidence);
        let step = decide(&facts);
        let broken = evidence.iter().filter(|e| e.verdict == Verdict::Regressed);
        let action = broken.clone().map(|evidence| evidence.action).max();
        Judgement {
            at_ms: now_ms,
            health: health(step),
            action,
            breach_since_ms: broken
                .filter(|evidence| Some(evidence.action) == action)
                .filter_map(|evidence| evidence.since_ms)
                .min(),
            step,
            warnings: warnings(&facts, &evidence, step),
            srm_log_bf: facts.srm_log_bf,
            evidence,
        }
    }

    fn facts(&self, around: &Surroundings, evidence: &[Evidence]) -> Facts {
        let expected = |one: &&Evidence| one.missing.is_some_and(Missing::is_expected);
        let watching = || evidence.iter().filter(move |one| !expected(one));
        let missing = watching().any(|one| one.missing.is_some());
        let comparisons = || watching().filter(|one| one.control.is_some());
        let fewest = |trials: fn(&Evidence) -> u64| comparisons().map(trials).min();
        Facts {
            regressed: evidence.iter().any(|one| one.verdict == Verdict::Regressed),
            srm_log_bf: log_bayes_factor(&around.segments, KAPPA),
            // Each guardrail has its own settling time, so its silence is among what is missing.
            seconds_since_last_block: 0,
            control_missing: missing,
            treatment_missing: missing,
            late_fraction: around.late_fraction,
            amber: watching().any(|one| one.verdict == Verdict::Amber),
            bake_s: around.held_ms / 1000,
            // The step's own gates hold it for its time.
            min_bake_s: 0,
            max_bake_s: self.proof.wait_max_s,
            // A guardrail that saw next to nothing proves nothing, whatever the others saw.
            treatment_trials: if watching().next().is_none()
                || watching().any(|one| one.treatment.trials < one.trials_needed())
            {
                0
            } else {
                fewest(|one| one.treatment.trials).unwrap_or(u64::MAX)
            },
            control_trials: fewest(|one| one.control.map_or(0, |tally| tally.trials)).unwrap_or(u64::MAX),
            min_n: self.proof.trials_min.max(1),
            require_safe: self.proof.require_safe,
            safe: comparisons().all(|one| one.verdict == Verdict::Safe),
            on_timeout: self.proof.on_timeout,
        }
    }
}

fn is_unreadable(around: &Surroundings, rule: &RuleId, metric: &Metric) -> bool {
    let own = around.unreadable.get(rule);
    own.is_some_and(|metrics| metrics.iter().any(|it| counted_as(it) == counted_as(metric)))
}

/// Durations are the same cells whichever quantile is watched.
fn counted_as(metric: &Metric) -> Metric {
    use super::definition::{CustomKind, Quantile};
    match metric {
        Metric::Latency(_) => Metric::Latency(Quantile::All),
        Metric::Custom { metric, kind: CustomKind::Duration(_), lower_is_worse } => Metric::Custom {
            metric: metric.clone(),
            kind: CustomKind::Duration(Quantile::All),
            lower_is_worse: *lower_is_worse,
        },
        Metric::ErrorRate
        | Metric::Conversion
        | Metric::Crashes
        | Metric::Complaints
        | Metric::MissingOutcome
        | Metric::Custom { kind: CustomKind::Rate | CustomKind::Count, .. } => metric.clone(),
    }
}

const fn health(step: StepAction) -> Health {
    match step {
        StepAction::Rollback => Health::Breach,
        StepAction::HoldMismatch | StepAction::HoldNoData | StepAction::HoldLate | StepAction::HoldPower => {
            Health::Inconclusive
        }
        StepAction::HoldAmber | StepAction::WaitBake | StepAction::WaitSamples | StepAction::WaitPower => {
            Health::Watching
        }
        StepAction::Promote => Health::Healthy,
    }
}

/// All that applies, also beside a breach.
fn warnings(facts: &Facts, evidence: &[Evidence], step: StepAction) -> Vec<Warning> {
    let missing = |missing: Missing| {
        !missing.is_expected() && !matches!(missing, Missing::Unreadable | Missing::Unasked)
    };
    let found = [
        (facts.srm_log_bf.is_nan() || is_mismatch(facts.srm_log_bf), Warning::Mismatch),
        (evidence.iter().any(|one| one.missing == Some(Missing::Unreadable)), Warning::Unreadable),
        (evidence.iter().any(|one| one.missing == Some(Missing::Unasked)), Warning::Unasked),
        (evidence.iter().any(|one| one.missing.is_some_and(missing)), Warning::MissingData),
        (
            facts.late_fraction.is_nan() || facts.late_fraction > super::decision::LATE_FRACTION_MAX,
            Warning::LateData,
        ),
        (facts.amber, Warning::Suspicion),
        (step == StepAction::HoldPower, Warning::NotShownSafe),
    ];
    found.into_iter().filter_map(|(applies, warning)| applies.then_some(warning)).collect()
}

/// Everything at once, from definitions and stored cells: what a guard that watched all along knows now.
pub fn judge(
    guardrails: &[Guardrail],
    proof: Proof,
    began_ms: i64,
    cells: &Cells,
    around: &Surroundings,
    now_ms: i64,
) -> Judgement {
    let rules: Vec<RuleId> = cells.keys().cloned().collect();
    let mut guard = Guard::new(guardrails, &rules, proof, began_ms);
    guard.observe(cells, &around.steps_ms, now_ms);
    guard.judge(around, now_ms)
}
