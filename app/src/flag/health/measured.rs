//! What was measured of one rule's audience: by metric, both arms over time and in all.

use std::collections::BTreeMap;

use engine::{
    Arm, MetricDefinition, MetricKey, MetricKind, RuleId,
    guardrail::{self, Guardrail, Limit, Metric, Quantile, Tally, definition::Counting},
};
use store::{Action, AuditEntry, Cell, CellSum, ObjectKind, ObjectRef};

use super::{
    difference::{self, Difference},
    unverified,
};
use crate::{
    chart::{Chart, Mark, Point, Series, Stroke, Unit, arms::Arms},
    error::AppError,
    flag::{FlagPage, Tab},
    page::Page,
};

const MARKS_MAX: usize = 12;
/// How many of the flag's last changes are looked through for them.
const CHANGES_MAX: usize = 60;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub struct Range {
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
}

/// All metrics that have outcomes in the range, and the changes in it.
pub struct Measured {
    pub(super) cards: Vec<MetricCard>,
    pub(super) marks: Vec<Mark>,
}

/// One metric of one rule's audience.
pub(super) struct MetricCard {
    pub(super) key: MetricKey,
    pub(super) name: String,
    pub(super) lower_is_better: bool,
    pub(super) treatment: Side,
    pub(super) control: Side,
    pub(super) differences: Vec<Difference>,
    pub(super) charts: Vec<Drawn>,
    pub(super) late: u64,
    /// Stored sums that cannot be read.
    pub(super) unreadable: u64,
}

/// One chart of a metric; of durations, of a quantile.
pub(super) struct Drawn {
    pub(super) quantile: Option<&'static str>,
    pub(super) chart: Chart,
}

/// One arm over the whole range.
#[derive(Default)]
pub(super) struct Side {
    pub(super) outcomes: u64,
    pub(super) people: u64,
    pub(super) values: Vec<(&'static str, String)>,
}

impl Measured {
    pub async fn load(
        page: &Page,
        shown: &FlagPage,
        (rule, guardrails): (Option<&RuleId>, &[Guardrail]),
        range: Range,
    ) -> Result<Self, AppError> {
        let Some(rule) = rule else { return Ok(Self { cards: Vec::new(), marks: Vec::new() }) };
        let (store, viewer) = (page.store(), page.viewer());
        let definitions = store.live().metrics();
        let keys: Vec<_> = definitions.iter().map(|it| it.key.clone()).collect();
        let times = (range.from_ms, range.until_ms);
        let cells =
            store.cells(&viewer, &page.environment.key, shown.key(), &keys, times, range.step_ms).await?;
        let unverified = unverified::load(page, shown, range).await?;
        let marks = marks(page, shown, range).await?;
        let mut cards = Vec::new();
        let mut by_kind: Vec<_> = definitions.iter().collect();
        by_kind.sort_by_key(|definition| MetricKind::ALL.iter().position(|kind| *kind == definition.kind));
        for definition in by_kind {
            let own: Vec<_> =
                cells.iter().filter(|it| it.metric == definition.key && it.rule == *rule).collect();
            let is_watched = guardrails
                .iter()
                .any(|it| store::stored_metric(&it.metric).as_ref() == Some(&definition.key));
            let line = unverified::line(&unverified, &definition.key, range);
            let is_told = !own.is_empty() && (is_watched || !is_never_told(definition, &own));
            if is_told || line.is_some() {
                let mut card = MetricCard::new(definition, &own, range, &marks, guardrails);
                card.draw(line);
                cards.push(card);
            }
        }
        Ok(Self { cards, marks })
    }
}

/// Whether nobody who is served the flag tells any outcome: then none of them is missing, unless a guardrail expects some.
fn is_never_told(definition: &MetricDefinition, cells: &[&CellSum]) -> bool {
    definition.kind == MetricKind::MissingOutcome
        && cells.iter().all(|sum| sum.cell.events == sum.cell.outcomes)
}

/// Every change of this rollout in the range, oldest first.
async fn marks(page: &Page, shown: &FlagPage, range: Range) -> Result<Vec<Mark>, AppError> {
    let moves = |action: Action| {
        matches!(
            action,
            Action::RolloutChanged
                | Action::RolloutStopped
                | Action::RolloutResumed
                | Action::RolloutReRandomised
                | Action::Reverted
                | Action::PlanMoved
                | Action::PlanAdvanced
                | Action::GuardSteppedBack
                | Action::GuardStopped
        )
    };
    let here = &shown.environment.key;
    let object = ObjectRef::new(ObjectKind::Flag, shown.key().as_str());
    let entries = page.store().history(&page.viewer(), &object, Some(here), None, CHANGES_MAX).await?;
    let history = Tab::History.path(shown.key());
    let mut marks: Vec<_> = entries
        .iter()
        .filter(|entry| entry.environment.as_ref() == Some(here) && moves(entry.action))
        .filter(|entry| (range.from_ms..=range.until_ms).contains(&entry.at_ms))
        .take(MARKS_MAX)
        .map(|entry| Mark {
            at_ms: entry.at_ms,
            name: mark_name(entry),
            sentence: format!("{} {}", entry.actor, entry.sentence),
            // The history begins with it, however long ago that was.
            href: Some(page.here().href(&format!("{history}?before={}#change-{}", entry.seq + 1, entry.seq))),
        })
        .collect();
    marks.reverse();
    Ok(marks)
}

/// `raised VIP agencies 20 → 50 %, Nora`: without what the page is about.
fn mark_name(entry: &AuditEntry) -> String {
    let changed = entry.changes.iter().find(|it| it.before.is_some() || it.after.is_some());
    let what = changed.filter(|_| entry.action == Action::RolloutChanged).map(|it| it.phrase.clone());
    let what = what.unwrap_or_else(|| {
        let place = entry.environment.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
        let bare = entry.sentence.strip_suffix(&place).unwrap_or(&entry.sentence);
        let bare = bare.strip_suffix(&format!(" on {}", entry.object_name)).unwrap_or(bare);
        bare.to_owned()
    });
    format!("{what}, {}", entry.actor)
}

impl MetricCard {
    /// Beside what the guard uses, in the one chart that a rate has.
    fn draw(&mut self, unverified: Option<Series>) {
        if let Some(drawn) = self.charts.first_mut() {
            drawn.chart.lines.extend(unverified);
        }
    }

    pub(super) fn has_unverified(&self) -> bool {
        let is_unverified = |line: &Series| line.stroke == Stroke::Unverified;
        self.charts.iter().flat_map(|it| &it.chart.lines).any(is_unverified)
    }

    fn new(
        definition: &MetricDefinition,
        cells: &[&CellSum],
        range: Range,
        marks: &[Mark],
        guardrails: &[guardrail::Guardrail],
    ) -> Self {
        let of = |arm: Arm| cells.iter().filter(move |it| it.arm == arm);
        let total = |arm: Arm| {
            of(arm).fold(Cell::default(), |mut sum, it| {
                sum.merge(&it.cell);
                sum
            })
        };
        let (treatment, control) = (total(Arm::Treatment), total(Arm::Control));
        let chart =
            |quantile: Option<&'static str>, name: &str, unit, value: &dyn Fn(&Cell) -> Option<f64>| {
                let points = |arm: Arm| -> Vec<Point> {
                    of(arm).filter_map(|it| Some(Point::new(it.from_ms, value(&it.cell)?))).collect()
                };
                let arms = Arms { treatment: points(Arm::Treatment), control: points(Arm::Control) };
                let id = format!("chart-{}{}", definition.key, quantile.unwrap_or_default());
                let chart = Chart {
                    limit: limit_of(definition, quantile, guardrails),
                    from_ms: range.from_ms,
                    until_ms: range.until_ms,
                    step_ms: range.step_ms,
                    marks: marks.to_vec(),
                    ..arms.chart(&id, name, unit)
                };
                Drawn { quantile, chart }
            };
        let name = definition.name.clone();
        let charts = match shape(definition.kind) {
            Shape::Rate => vec![chart(None, &name, Unit::Share, &Cell::rate)],
            Shape::Each => vec![chart(None, &name, Unit::Each, &each)],
            Shape::Duration => QUANTILES
                .into_iter()
                // Half of them say little, unless somebody watches them.
                .filter(|(word, _)| *word != "p50" || is_watched(definition, Some(word), guardrails))
                .map(|(word, q)| {
                    let name = format!("{word} {}", lower(&name));
                    chart(Some(word), &name, Unit::Milliseconds, &|cell| cell.quantile(q))
                })
                .collect(),
        };
        let differences = match shape(definition.kind) {
            Shape::Rate => Difference::of_rates(
                &pairs(cells, range.step_ms),
                treatment.rate().zip(control.rate()).map(|(with, without)| with - without),
            ),
            Shape::Duration => Difference::of_durations(&treatment, &control),
            Shape::Each => Difference::of_counts(treatment.tally, control.tally),
        };
        Self {
            key: definition.key.clone(),
            name,
            lower_is_better: definition.lower_is_better,
            late: treatment.late.saturating_add(control.late),
            unreadable: cells.iter().map(|it| it.unreadable).sum(),
            treatment: side(definition.kind, &treatment),
            control: side(definition.kind, &control),
            differences,
            charts,
        }
    }
}

/// How a kind of metric is shown.
#[derive(Clone, Copy)]
enum Shape {
    Rate,
    Each,
    Duration,
}

fn shape(kind: MetricKind) -> Shape {
    match kind {
        MetricKind::ErrorRate
        | MetricKind::Conversion
        | MetricKind::Crashes
        | MetricKind::MissingOutcome
        | MetricKind::Rate => Shape::Rate,
        MetricKind::Complaints | MetricKind::Count => Shape::Each,
        MetricKind::Latency | MetricKind::Duration => Shape::Duration,
    }
}

pub(super) fn lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of outcomes, shown with three digits")]
fn each(cell: &Cell) -> Option<f64> {
    (cell.tally.trials > 0).then(|| cell.tally.events as f64 / cell.tally.trials as f64)
}

fn side(kind: MetricKind, cell: &Cell) -> Side {
    let mut values = Vec::new();
    let mut add = |word, unit: Unit, value: Option<f64>| {
        values.extend(value.map(|value| (word, unit.phrase(value))));
    };
    match shape(kind) {
        Shape::Rate => add("", Unit::Share, cell.rate()),
        Shape::Each => add("per person", Unit::Each, each(cell)),
        Shape::Duration => {
            for (word, q) in QUANTILES {
                add(word, Unit::Milliseconds, cell.quantile(q));
            }
        }
    }
    Side { outcomes: cell.outcomes, people: cell.tally.trials, values }
}

/// The quantile that stands for a metric of durations.
pub(super) fn quantile_word(metric: &Metric) -> Option<&'static str> {
    match metric.counting() {
        Counting::Durations(Quantile::All) => Some(Quantile::P95.word()),
        Counting::Durations(quantile) => Some(quantile.word()),
        Counting::Tally(_) => None,
    }
}

fn is_shown(definition: &MetricDefinition, quantile: Option<&str>, guardrail: &Guardrail) -> bool {
    store::stored_metric(&guardrail.metric).as_ref() == Some(&definition.key)
        && quantile_word(&guardrail.metric) == quantile
}

fn is_watched(definition: &MetricDefinition, quantile: Option<&str>, guardrails: &[Guardrail]) -> bool {
    guardrails.iter().any(|it| is_shown(definition, quantile, it))
}

/// The absolute limit that a guardrail sets on what a chart shows.
fn limit_of(definition: &MetricDefinition, quantile: Option<&str>, guardrails: &[Guardrail]) -> Option<f64> {
    guardrails.iter().filter(|it| is_shown(definition, quantile, it)).find_map(|it| match it.limit {
        Limit::Ceiling { limit } => Some(limit),
        Limit::Comparison { .. } => None,
    })
}

/// Both arms of each step side by side, in time order, as the interval folds them.
fn pairs(cells: &[&CellSum], step_ms: i64) -> Vec<guardrail::Cell> {
    let mut by_time: BTreeMap<i64, (Tally, Tally)> = BTreeMap::new();
    for sum in cells {
        let both = by_time.entry(sum.from_ms).or_default();
        let side = match sum.arm {
            Arm::Treatment => &mut both.0,
            Arm::Control => &mut both.1,
        };
        *side = side.plus(sum.cell.tally);
    }
    by_time.into_iter().map(|(from_ms, both)| difference::step(from_ms, step_ms, both)).collect()
}
