//! Stored cells as the engine folds them, and what can be told from them: what guardrails would have done, and how
//! long a step needs.

use std::collections::{BTreeMap, HashSet};

use engine::{
    EnvironmentKey, FlagKey, GuardrailId, MetricKey, Rollout, RuleId,
    guardrail::{
        Accepts, Basis, Cell, Guardrail, Metric, Sample, Tally, Thresholds, replay::would_have_fired,
    },
    plan::{
        Plan,
        power::{Question, time_to_notice_ms, trials_to_notice},
    },
};

use super::GuardrailSet;
use crate::{
    ArmCells, CellReader, GuardLease, Store, StoreError, Viewer,
    clock::{DAY_MS, HOUR_MS},
    db::args,
};

/// Less time than this says little about an hour.
const TRAFFIC_MS_MIN: i64 = 10 * 60_000;
/// How often as many errors a step should notice.
const DOUBLED: f64 = 2.0;

/// How often a guardrail would have fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub guardrail: GuardrailId,
    /// When, oldest first, over all rules.
    pub fired_ms: Vec<i64>,
}

/// How long one step of a plan needs, at today's traffic, to notice that errors doubled.
#[derive(Debug, Clone, PartialEq)]
pub struct StepForecast {
    /// The rule whose arms notice it first; `None` when no rule of the step leaves a control.
    pub rule: Option<RuleId>,
    /// `None`: never, at this traffic; or there is no control, or no error to double.
    pub notice_ms: Option<i64>,
    /// Trials of those who have the feature.
    pub trials: Option<f64>,
    /// Of both arms together, in the last 24 hours.
    pub trials_per_hour: f64,
    /// Share of failures in the last 24 hours.
    pub base_rate: Option<f64>,
}

impl StepForecast {
    const NONE: Self =
        Self { rule: None, notice_ms: None, trials: None, trials_per_hour: 0.0, base_rate: None };
}

impl From<ArmCells> for Cell {
    fn from(cells: ArmCells) -> Self {
        let sample = |cell: crate::Cell| Sample {
            tally: cell.tally,
            groups: cell.groups.to_groups(),
            latency_groups: cell.durations.to_histograms(),
            latency: cell.latency,
        };
        Self {
            from_ms: cells.from_ms,
            until_ms: cells.until_ms,
            allocation: crate::number(cells.allocation),
            treatment: sample(cells.treatment),
            control: sample(cells.control),
        }
    }
}

/// The stored metric that a guardrail's is counted from.
pub fn stored_metric(metric: &Metric) -> Option<MetricKey> {
    let word = match metric {
        Metric::ErrorRate => "error_rate",
        Metric::Latency(_) => "latency",
        Metric::Conversion => "conversion",
        Metric::Crashes => "crashes",
        Metric::Complaints => "complaints",
        Metric::MissingOutcome => "missing_outcome",
        Metric::Custom { metric, .. } => return Some(metric.clone()),
    };
    MetricKey::parse(word).ok()
}

impl Store {
    /// Flags with cells that begin at `since_ms` or later, as `(environment, flag)`.
    pub async fn list_measured(
        &self,
        _by: &GuardLease,
        since_ms: i64,
    ) -> Result<HashSet<(String, String)>, StoreError> {
        let rows: Vec<(String, String)> = self
            .db()
            .all(
                "SELECT DISTINCT environment, flag FROM cells WHERE step_ms = $1 AND from_ms >= $2",
                args![crate::CELL_MS, since_ms],
            )
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// The cells of each basis from its time on and before `until_ms`.
    pub async fn guarded_cells(
        &self,
        by: impl Into<CellReader>,
        (environment, flag, rule): (&EnvironmentKey, &FlagKey, &RuleId),
        wanted: &[(Basis, i64)],
        until_ms: i64,
    ) -> Result<BTreeMap<Basis, Vec<ArmCells>>, StoreError> {
        let by = by.into();
        let mut found = BTreeMap::new();
        for (basis, from_ms) in wanted {
            let Some(key) = stored_metric(&basis.metric) else { continue };
            let of = (rule, &key, basis.accepts);
            let cells = self.guard_cells(&by, environment, flag, of, (*from_ms, until_ms)).await?;
            found.insert(basis.clone(), cells);
        }
        Ok(found)
    }

    /// What each guardrail would have done since `since_ms`, by running it over the stored cells of every rule; in the
    /// order of `set`. Cells are read once for all guardrails that take the same ones.
    pub async fn replay_guardrails(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        set: &GuardrailSet,
        since_ms: i64,
    ) -> Result<Vec<Replayed>, StoreError> {
        by.require_in(environment)?;
        let rules = self.rules_of(environment, flag);
        let (reducing, until_ms) = (reducing(&set.guardrails), self.clock().now_ms());
        let mut by_basis: BTreeMap<(MetricKey, Accepts), Vec<usize>> = BTreeMap::new();
        for (at, guardrail) in set.guardrails.iter().enumerate() {
            // What is not stored never fires.
            if let Some(key) = stored_metric(&guardrail.metric) {
                by_basis.entry((key, guardrail.accepts)).or_default().push(at);
            }
        }
        let mut fired: Vec<Vec<i64>> = vec![Vec::new(); set.guardrails.len()];
        for ((key, accepts), guardrails) in &by_basis {
            for rule in &rules {
                let range = (since_ms, until_ms);
                let of = (rule, key, *accepts);
                let cells = self.guard_cells(by, environment, flag, of, range);
                let cells: Vec<Cell> = cells.await?.into_iter().map(Cell::from).collect();
                for at in guardrails {
                    let guardrail = &set.guardrails[*at];
                    let sharing = if guardrail.action.reduces() { reducing * rules.len() } else { 1 };
                    fired[*at].extend(would_have_fired(guardrail, sharing.max(1), &cells));
                }
            }
        }
        let replayed = set.guardrails.iter().zip(fired).map(|(guardrail, mut fired_ms)| {
            fired_ms.sort_unstable();
            Replayed { guardrail: guardrail.id.clone(), fired_ms }
        });
        Ok(replayed.collect())
    }

    /// How long each step of a plan needs at the traffic of the last 24 hours until a doubling of errors is noticed.
    pub async fn forecast_plan(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        plan: &Plan,
    ) -> Result<Vec<StepForecast>, StoreError> {
        by.require_in(environment)?;
        let set = self.find_guardrails(by, environment, flag).await?.set;
        let rules = self.rules_of(environment, flag);
        let sharing = reducing(&set.guardrails).max(1) * rules.len().max(1);
        let mut traffic = BTreeMap::new();
        for rule in plan.steps.iter().flat_map(|step| step.percentages.keys()) {
            if !traffic.contains_key(rule) {
                traffic.insert(rule.clone(), self.errors_of_a_day(by, environment, flag, rule).await?);
            }
        }
        let rollout = self.rollout_in_force(environment, flag);
        let held = |rule: &RuleId| {
            let rule = rollout.as_ref().and_then(|rollout| rollout.rule(rule.as_str()));
            rule.map_or(0, |rule| rule.holdback.thousandths())
        };
        let forecast = |step: usize| {
            let percentages = plan.percentages_at(Some(step), &engine::plan::Percentages::new());
            let each = percentages.into_iter().filter_map(|(rule, percentage)| {
                let tally = *traffic.get(&rule)?;
                let inside = f64::from(percentage.thousandths()) / 100_000.0;
                let share = inside * (1.0 - f64::from(held(&rule)) / 100_000.0);
                (share > 0.0 && share < 1.0).then(|| of_rule(rule, tally, share, sharing))
            });
            let sooner = |a: &StepForecast, b: &StepForecast| {
                let ms = |one: &StepForecast| one.notice_ms.unwrap_or(i64::MAX);
                ms(a).cmp(&ms(b))
            };
            each.min_by(sooner).unwrap_or(StepForecast::NONE)
        };
        Ok((0..plan.steps.len()).map(forecast).collect())
    }

    async fn errors_of_a_day(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        rule: &RuleId,
    ) -> Result<Traffic, StoreError> {
        let now_ms = self.clock().now_ms();
        let basis = Basis { metric: Metric::ErrorRate, accepts: Accepts::ServersAndBrowsers };
        let wanted = [(basis, now_ms - DAY_MS)];
        let cells = self.guarded_cells(by, (environment, flag, rule), &wanted, now_ms).await?;
        let both = |cells: &ArmCells| cells.treatment.tally.plus(cells.control.tally);
        let cells = || cells.values().flatten();
        let since_ms = cells().map(|cells| cells.from_ms).min().unwrap_or(now_ms);
        let tally = cells().fold(Tally::default(), |sum, cells| sum.plus(both(cells)));
        Ok(Traffic { tally, over_ms: (now_ms - since_ms).clamp(TRAFFIC_MS_MIN, DAY_MS) })
    }

    fn rollout_in_force(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Option<std::sync::Arc<Rollout>> {
        let snapshot = self.live().snapshot(environment.as_str())?;
        snapshot.flag(flag.as_str()).map(|flag| std::sync::Arc::clone(flag.rollout()))
    }

    fn rules_of(&self, environment: &EnvironmentKey, flag: &FlagKey) -> Vec<RuleId> {
        let rollout = self.rollout_in_force(environment, flag);
        rollout.map_or_else(Vec::new, |it| it.rules.iter().map(|rule| rule.id.clone()).collect())
    }
}

fn reducing(guardrails: &[Guardrail]) -> usize {
    guardrails.iter().filter(|guardrail| guardrail.action.reduces()).count()
}

fn of_rule(rule: RuleId, traffic: Traffic, share: f64, sharing: usize) -> StepForecast {
    let trials_per_hour = traffic.per_hour();
    let base_rate = traffic.tally.rate().filter(|rate| *rate > 0.0);
    let question = base_rate.map(|base_rate| Question {
        base_rate,
        ratio: DOUBLED,
        share,
        thresholds: Thresholds::shared(sharing),
    });
    StepForecast {
        rule: Some(rule),
        notice_ms: question.and_then(|question| time_to_notice_ms(&question, trials_per_hour)),
        trials: question.and_then(|question| trials_to_notice(&question)),
        trials_per_hour,
        base_rate,
    }
}

/// Requests of both arms in the last day, or since there were any.
#[derive(Clone, Copy)]
struct Traffic {
    tally: Tally,
    over_ms: i64,
}

impl Traffic {
    #[expect(clippy::cast_precision_loss, reason = "trials of a day stay below 2^53")]
    fn per_hour(self) -> f64 {
        self.tally.trials as f64 * HOUR_MS as f64 / self.over_ms as f64
    }
}
