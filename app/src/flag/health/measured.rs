//! What was measured of one rule's audience: by metric, both arms over time and in all.

use std::collections::BTreeMap;

use engine::{
    Arm, MetricDefinition, MetricKey, MetricKind, RuleId,
    guardrail::{self, Evidence, Guardrail, Limit, Metric, Tally, Verdict},
};
use store::{Action, Cell, CellSum};

use super::{
    difference::{self, Difference},
    unverified,
};
use crate::{
    chart::{Chart, Mark, Point, Series, Stroke, Unit, arms::Arms},
    error::AppError,
    flag::FlagPage,
    page::Page,
};

const MARKS_MAX: usize = 12;
/// However young the outcomes are.
const SHOWN_MS_MIN: i64 = 10 * 60_000;

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub struct Range {
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
}

/// All metrics that have outcomes in the range.
pub struct Measured(pub(super) Vec<MetricCard>);

/// One metric of one rule's audience.
pub(super) struct MetricCard {
    key: MetricKey,
    pub(super) name: String,
    pub(super) lower_is_better: bool,
    /// What the guard says that is broken.
    pub(super) broken: Vec<String>,
    pub(super) treatment: Side,
    pub(super) control: Side,
    pub(super) differences: Vec<Difference>,
    pub(super) charts: Vec<Chart>,
    pub(super) late: u64,
    /// Stored sums that cannot be read.
    pub(super) unreadable: u64,
}

/// One arm over the whole range.
#[derive(Default)]
pub(super) struct Side {
    pub(super) outcomes: u64,
    pub(super) people: u64,
    pub(super) values: Vec<(&'static str, String)>,
}

impl Range {
    /// From shortly before the first outcome on, when that came later: charts of a young rollout are no slivers.
    fn since_first(self, cells: &[CellSum]) -> Self {
        let first_ms = cells.iter().map(|cell| cell.from_ms).min().unwrap_or(self.from_ms);
        let young_ms = (first_ms - 2 * self.step_ms).min(self.until_ms - SHOWN_MS_MIN);
        Self { from_ms: self.from_ms.max(young_ms), ..self }
    }
}

impl Measured {
    pub async fn load(
        page: &Page,
        shown: &FlagPage,
        (rule, guardrails): (Option<&RuleId>, &[Guardrail]),
        (range, whole): (Range, bool),
    ) -> Result<Self, AppError> {
        let Some(rule) = rule else { return Ok(Self(Vec::new())) };
        let (store, viewer) = (page.store(), page.viewer());
        let definitions = store.live().metrics();
        let keys: Vec<_> = definitions.iter().map(|it| it.key.clone()).collect();
        let times = (range.from_ms, range.until_ms);
        let cells =
            store.cells(&viewer, &page.environment.key, shown.key(), &keys, times, range.step_ms).await?;
        let unverified = unverified::load(page, shown, range).await?;
        let range = if whole { range } else { range.since_first(&cells) };
        let marks = marks(shown, range);
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
        Ok(Self(cards))
    }
}

impl Measured {
    /// The number that broke a guardrail stands where its metric is drawn: what is drawn is of another time.
    pub fn with_breaches<'e>(mut self, evidence: impl Iterator<Item = &'e Evidence> + Clone) -> Self {
        for card in &mut self.0 {
            let own = evidence.clone().filter(|it| {
                it.verdict == Verdict::Regressed
                    && store::stored_metric(&it.metric).as_ref() == Some(&card.key)
            });
            card.broken = own.map(Evidence::sentence).collect();
        }
        self
    }
}

/// Whether nobody who is served the flag tells any outcome: then none of them is missing, unless a guardrail expects some.
fn is_never_told(definition: &MetricDefinition, cells: &[&CellSum]) -> bool {
    definition.kind == MetricKind::MissingOutcome
        && cells.iter().all(|sum| sum.cell.events == sum.cell.outcomes)
}

/// Every change of this rollout in the range, oldest first.
fn marks(shown: &FlagPage, range: Range) -> Vec<Mark> {
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
    let here = Some(&shown.environment.key);
    let mut marks: Vec<_> = shown
        .recent
        .iter()
        .filter(|entry| entry.environment.as_ref() == here && moves(entry.action))
        .filter(|entry| (range.from_ms..=range.until_ms).contains(&entry.at_ms))
        .take(MARKS_MAX)
        .map(|entry| Mark { at_ms: entry.at_ms, sentence: format!("{} {}", entry.actor, entry.sentence) })
        .collect();
    marks.reverse();
    marks
}

impl MetricCard {
    /// Beside what the guard uses, in the one chart that a rate has.
    fn draw(&mut self, unverified: Option<Series>) {
        if let Some(chart) = self.charts.first_mut() {
            chart.lines.extend(unverified);
        }
    }

    pub(super) fn has_unverified(&self) -> bool {
        let is_unverified = |line: &Series| line.stroke == Stroke::Unverified;
        self.charts.iter().flat_map(|chart| &chart.lines).any(is_unverified)
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
        let chart = |word: &str, name: &str, unit: Unit, value: &dyn Fn(&Cell) -> Option<f64>| {
            let points = |arm: Arm| -> Vec<Point> {
                of(arm).filter_map(|it| Some(Point::new(it.from_ms, value(&it.cell)?))).collect()
            };
            let arms = Arms { treatment: points(Arm::Treatment), control: points(Arm::Control) };
            Chart {
                limit: limit_of(name, definition, guardrails),
                from_ms: range.from_ms,
                until_ms: range.until_ms,
                step_ms: range.step_ms,
                marks: marks.to_vec(),
                ..arms.chart(&format!("chart-{}{word}", definition.key), name, unit)
            }
        };
        let name = definition.name.clone();
        let charts = match shape(definition.kind) {
            Shape::Rate => vec![chart("", &name, Unit::Share, &Cell::rate)],
            Shape::Each => vec![chart("", &name, Unit::Each, &each)],
            Shape::Duration => [("p95", 0.95), ("p99", 0.99)]
                .map(|(word, q)| {
                    let name = format!("{word} {}", lower(&name));
                    // Two charts in one card: each says which it is.
                    let caption = name.clone();
                    Chart { caption, ..chart(word, &name, Unit::Milliseconds, &|cell| cell.quantile(q)) }
                })
                .into(),
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
            broken: Vec::new(),
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

fn lower(name: &str) -> String {
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
            for (word, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                add(word, Unit::Milliseconds, cell.quantile(q));
            }
        }
    }
    Side { outcomes: cell.outcomes, people: cell.tally.trials, values }
}

/// The absolute limit that a guardrail sets on what a chart shows.
fn limit_of(name: &str, definition: &MetricDefinition, guardrails: &[guardrail::Guardrail]) -> Option<f64> {
    let is_shown = |metric: &Metric| match metric {
        Metric::Latency(quantile) => {
            definition.kind == MetricKind::Latency && name.starts_with(quantile.word())
        }
        other => store::stored_metric(other).as_ref() == Some(&definition.key),
    };
    guardrails.iter().filter(|it| is_shown(&it.metric)).find_map(|it| match it.limit {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_begin_shortly_before_the_first_outcome() {
        let minute_ms = 60_000;
        let range = Range { from_ms: 0, until_ms: 60 * minute_ms, step_ms: minute_ms };
        let from = |first_ms: i64| {
            let cell = CellSum {
                metric: MetricKey::parse("error_rate").expect("a key"),
                rule: RuleId::parse("everyone").expect("an id"),
                arm: Arm::Treatment,
                from_ms: first_ms,
                cell: Cell::default(),
                unreadable: 0,
            };
            range.since_first(&[cell]).from_ms / minute_ms
        };
        assert_eq!((from(0), from(30 * minute_ms), from(59 * minute_ms)), (0, 28, 50));
        assert_eq!(range.since_first(&[]).from_ms, 0, "nothing came: all of it is shown");
    }
}
