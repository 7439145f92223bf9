//! What was measured: one card per metric with numbers, an always-valid interval and a chart.

use std::collections::BTreeMap;

use engine::{
    MetricDefinition, MetricKind, RuleId,
    guardrail::{self, Interval, Limit, Metric, Sample, Tally, difference_over},
};
use leptos::prelude::*;
use store::{Action, ArmWord, Cell, CellSum};

use super::super::FlagPage;
use crate::{
    error::AppError,
    page::Page,
    ui::{
        chart::{Chart, Mark, Point, Stroke, Unit, arms::Arms, legend},
        empty::Empty,
        here,
    },
};

/// The interval holds with this certainty, however often one looks.
const ALPHA: f64 = 0.05;
const MARKS_MAX: usize = 12;

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub struct Range {
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
}

/// All metrics that have outcomes in the range.
pub struct Measured(Vec<MetricCard>);

/// One metric of one rule's audience.
struct MetricCard {
    name: String,
    lower_is_better: bool,
    treatment: Side,
    control: Side,
    /// Treatment's rate minus control's.
    difference: Option<Interval>,
    charts: Vec<Chart>,
    late: u64,
}

/// One arm over the whole range.
#[derive(Default)]
struct Side {
    outcomes: u64,
    people: u64,
    values: Vec<(&'static str, String)>,
}

impl Measured {
    pub async fn load(
        page: &Page,
        shown: &FlagPage,
        rule: Option<&RuleId>,
        range: Range,
    ) -> Result<Self, AppError> {
        let Some(rule) = rule else { return Ok(Self(Vec::new())) };
        let (store, viewer) = (page.store(), page.viewer());
        let definitions = store.live().metrics();
        let keys: Vec<_> = definitions.iter().map(|it| it.key.clone()).collect();
        let times = (range.from_ms, range.until_ms);
        let cells =
            store.cells(&viewer, &page.environment.key, shown.key(), &keys, times, range.step_ms).await?;
        let guardrails =
            store.find_guardrails(&viewer, &page.environment.key, shown.key()).await?.set.guardrails;
        let marks = marks(shown, range);
        let mut cards = Vec::new();
        for definition in definitions.iter() {
            let own: Vec<_> =
                cells.iter().filter(|it| it.metric == definition.key && it.rule == *rule).collect();
            if !own.is_empty() {
                cards.push(MetricCard::new(definition, &own, range, &marks, &guardrails));
            }
        }
        Ok(Self(cards))
    }
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
    fn new(
        definition: &MetricDefinition,
        cells: &[&CellSum],
        range: Range,
        marks: &[Mark],
        guardrails: &[guardrail::Guardrail],
    ) -> Self {
        let of = |arm: ArmWord| cells.iter().filter(move |it| it.arm == arm);
        let total = |arm: ArmWord| {
            of(arm).fold(Cell::default(), |mut sum, it| {
                sum.merge(&it.cell);
                sum
            })
        };
        let (treatment, control) = (total(ArmWord::Treatment), total(ArmWord::Control));
        let chart = |word: &str, name: &str, unit: Unit, value: &dyn Fn(&Cell) -> Option<f64>| {
            let points = |arm: ArmWord| -> Vec<Point> {
                of(arm).filter_map(|it| Some(Point::new(it.from_ms, value(&it.cell)?))).collect()
            };
            let arms = Arms { treatment: points(ArmWord::Treatment), control: points(ArmWord::Control) };
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
        let difference = matches!(shape(definition.kind), Shape::Rate)
            .then(|| difference_over(&pairs(cells, range.step_ms), ALPHA))
            .flatten();
        Self {
            name,
            lower_is_better: definition.lower_is_better,
            late: treatment.late + control.late,
            treatment: side(definition.kind, &treatment),
            control: side(definition.kind, &control),
            difference,
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
        MetricKind::ErrorRate | MetricKind::Conversion | MetricKind::Crashes | MetricKind::Rate => {
            Shape::Rate
        }
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
            ArmWord::Treatment => &mut both.0,
            ArmWord::Control => &mut both.1,
        };
        *side = side.plus(sum.cell.tally);
    }
    let sample = |tally: Tally| Sample { tally, ..Sample::default() };
    by_time
        .into_iter()
        .map(|(from_ms, (treatment, control))| guardrail::Cell {
            from_ms,
            until_ms: from_ms + step_ms,
            allocation: 0,
            treatment: sample(treatment),
            control: sample(control),
        })
        .collect()
}

pub fn view(measured: &Measured) -> impl IntoView + use<> {
    if measured.0.is_empty() {
        return empty().into_any();
    }
    let cards: Vec<_> = measured.0.iter().map(card).collect();
    let line = |stroke, name: &str, more: &str| (stroke, name.to_owned(), more.to_owned());
    let lines = vec![
        line(Stroke::Feature, "With the feature", ""),
        line(Stroke::Control, "Control", "the same audience, outside the percentage"),
    ];
    view! {
        {legend(lines)}
        <div class="health-grid">{cards}</div>
    }
    .into_any()
}

fn empty() -> impl IntoView {
    let url = here().href("/settings/tokens");
    view! {
        <Empty
            title="No outcomes in this time"
            text="Send what happened after somebody was served this flag: whether the request worked, how long it took, whether they got what they came for. Charts, guardrails and release plans live on it."
        >
            <pre tabindex="0"><code>
                r#"curl -X POST …/api/v1/events -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
    -d '{"events": [{"type": "outcome", "id": "o-1", "subject": "ada.moreau", "metric": "error_rate", "ok": true}]}'"#
            </code></pre>
            <a class="button" href=url>"Make a token"</a>
        </Empty>
    }
}

fn card(card: &MetricCard) -> impl IntoView + use<> {
    let charts: Vec<_> = card.charts.iter().map(Chart::view).collect();
    let late = (card.late > 0).then(|| {
        view! { <p class="note">{format!("{} came late: they are in the chart, not in the guard's evidence.", number(card.late))}</p> }
    });
    view! {
        <section class="card stack" aria-label=card.name.clone()>
            <div class="card-head">
                <h2>{card.name.clone()}</h2>
                <p class="note">{if card.lower_is_better { "lower is better" } else { "higher is better" }}</p>
            </div>
            <dl class="health-numbers">
                {side_view("With the feature", &card.treatment)}
                {side_view("Control", &card.control)}
                {card.difference.map(|it| difference(it, card.lower_is_better))}
            </dl>
            {charts}
            {late}
        </section>
    }
}

fn side_view(label: &'static str, side: &Side) -> impl IntoView + use<> {
    let values: Vec<_> = side
        .values
        .iter()
        .map(|(word, value)| view! { <span class="health-value"><b>{value.clone()}</b>" "<small>{*word}</small></span> })
        .collect();
    let nothing = values.is_empty().then_some("nothing");
    let sample = format!("{} outcomes, {} trials", number(side.outcomes), number(side.people));
    view! {
        <div>
            <dt>{label}</dt>
            <dd>{values}{nothing}<small class="note">{sample}</small></dd>
        </div>
    }
}

/// `+1.7 points, between +0.9 and +2.6`, and what that means.
fn difference(interval: Interval, lower_is_better: bool) -> impl IntoView {
    let points = |value: f64| {
        Unit::Share.difference(value).filter(|it| it != "none").unwrap_or_else(|| "0 points".to_owned())
    };
    let worse = if lower_is_better { interval.low > 0.0 } else { interval.high < 0.0 };
    let better = if lower_is_better { interval.high < 0.0 } else { interval.low > 0.0 };
    let meaning = match (worse, better) {
        (true, _) => "worse",
        (_, true) => "better",
        (false, false) => "no difference is certain",
    };
    let bare = |value: f64| points(value).replace(" points", "");
    let between = format!("between {} and {} points", bare(interval.low), bare(interval.high));
    view! {
        <div>
            <dt>"Difference"</dt>
            <dd>
                <span class="health-value"><b>{points(interval.estimate)}</b>" "<small>{meaning}</small></span>
                <small class="note" title="With 95 % certainty, however often one looks">{between}</small>
            </dd>
        </div>
    }
}

fn number(count: u64) -> String {
    engine::grouped(usize::try_from(count).unwrap_or(usize::MAX))
}
