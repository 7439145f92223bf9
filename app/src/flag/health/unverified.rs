//! What browsers told without a receipt, as a line of its own in the charts of rates: nobody knows whether it happened.

use std::collections::BTreeMap;

use engine::MetricKey;
use store::{UNVERIFIED_SLOT_MS, UnverifiedOutcomes};

use super::measured::Range;
use crate::{
    chart::{Point, Series, Stroke},
    error::AppError,
    flag::FlagPage,
    page::Page,
};

/// Of the whole flag: without a receipt, nobody knows which audience it was.
pub async fn load(page: &Page, shown: &FlagPage, range: Range) -> Result<Vec<UnverifiedOutcomes>, AppError> {
    let times = (range.from_ms - UNVERIFIED_SLOT_MS, range.until_ms);
    let viewer = page.viewer();
    Ok(page.store().unverified_outcomes(&viewer, &page.environment.key, shown.key(), times).await?)
}

/// `None` where nothing of the metric came without a receipt.
pub fn line(told: &[UnverifiedOutcomes], metric: &MetricKey, range: Range) -> Option<Series> {
    let mut steps: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for slot in told.iter().filter(|slot| slot.metric == *metric) {
        for at_ms in steps_of(slot.at_ms, range) {
            let (outcomes, events) = steps.entry(at_ms).or_default();
            *outcomes = outcomes.saturating_add(slot.outcomes);
            *events = events.saturating_add(slot.events);
        }
    }
    let points: Vec<_> = steps.into_iter().filter_map(|(at_ms, sums)| point(at_ms, sums)).collect();
    (!points.is_empty()).then(|| Series {
        name: "Unverified".to_owned(),
        stroke: Stroke::Unverified,
        legend: "not used by the guard".to_owned(),
        points,
    })
}

/// The steps of a chart that a slot belongs to: one, or all that are shorter and begin in it.
fn steps_of(slot_ms: i64, Range { from_ms, until_ms, step_ms }: Range) -> impl Iterator<Item = i64> {
    let step_ms = step_ms.max(1);
    let first_ms = slot_ms.div_euclid(step_ms) * step_ms;
    let last_ms = (slot_ms + UNVERIFIED_SLOT_MS - 1).div_euclid(step_ms) * step_ms;
    let last_ms = if step_ms < UNVERIFIED_SLOT_MS { last_ms } else { first_ms };
    let steps = (0..=(last_ms - first_ms) / step_ms).map(move |n| first_ms + n * step_ms);
    steps.filter(move |at_ms| *at_ms + step_ms > from_ms && *at_ms < until_ms)
}

#[expect(clippy::cast_precision_loss, reason = "a share, shown with three digits")]
fn point(at_ms: i64, (outcomes, events): (u64, u64)) -> Option<Point> {
    let note = format!("{events} of {outcomes}, not used by the guard");
    let value = (outcomes > 0).then(|| events as f64 / outcomes as f64)?;
    Some(Point { note: Some(note), ..Point::new(at_ms, value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn slot(at_ms: i64, outcomes: u64, events: u64) -> UnverifiedOutcomes {
        let flag = engine::FlagKey::parse("pay").expect("a key");
        UnverifiedOutcomes { flag, metric: errors(), at_ms, outcomes, events }
    }

    fn errors() -> MetricKey {
        MetricKey::parse("error_rate").expect("a key")
    }

    fn drawn(step_ms: i64) -> Option<Vec<(i64, Option<f64>)>> {
        let told = [slot(0, 10, 5), slot(UNVERIFIED_SLOT_MS, 30, 0)];
        let range = Range { from_ms: 5 * MINUTE_MS, until_ms: 12 * MINUTE_MS, step_ms };
        let line = line(&told, &errors(), range)?;
        Some(line.points.into_iter().map(|point| (point.at_ms / MINUTE_MS, point.value)).collect())
    }

    #[test]
    fn a_slot_is_as_long_as_it_is_in_every_chart() {
        let (half, none) = (Some(0.5), Some(0.0));
        let minutes = drawn(MINUTE_MS).expect("a line");
        let expected = [(5, half), (6, half), (7, half), (8, half), (9, half), (10, none), (11, none)];
        assert_eq!(minutes, expected);
        assert_eq!(drawn(60 * MINUTE_MS).expect("a line"), [(0, Some(0.125))]);
    }

    #[test]
    fn a_metric_without_any_has_no_line() {
        let other = MetricKey::parse("crashes").expect("a key");
        let range = Range { from_ms: 0, until_ms: 60 * MINUTE_MS, step_ms: MINUTE_MS };
        assert_eq!(line(&[slot(0, 1, 1)], &other, range), None);
    }
}
