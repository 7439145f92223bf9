//! Where things are drawn, on a surface of 640 by 150 that stretches to its box.

use std::fmt::Write as _;

use super::{Chart, Mark, Series};

const WIDTH: f64 = 640.0;
pub(super) const HEIGHT: f64 = 150.0;
/// Above and below the lines, so that none is cut in half.
const MARGIN: f64 = 4.0;
/// In per cent of the width.
const NUMBERS_APART: f64 = 6.0;
/// A limit this many times above all values would press the lines to the ground.
const LIMIT_FAR: f64 = 12.0;

impl Chart {
    fn highest(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| &line.points).filter_map(|point| point.value);
        values.fold(0.0, f64::max)
    }

    /// The limit, unless it is far above everything.
    pub(super) fn shown_limit(&self) -> Option<f64> {
        let highest = self.highest();
        self.limit.filter(|limit| *limit <= LIMIT_FAR * highest || highest == 0.0)
    }

    /// The values at the lines of the grid, from the top one down.
    pub(super) fn ticks(&self) -> Vec<f64> {
        self.unit.ticks(self.highest().max(self.shown_limit().unwrap_or(0.0)))
    }

    pub(super) fn x(&self, at_ms: i64) -> f64 {
        let (span, at) = (self.until_ms - self.from_ms, at_ms - self.from_ms);
        WIDTH * (float(at) / float(span.max(1))).clamp(0.0, 1.0)
    }

    /// In per cent of the width.
    pub(super) fn share(&self, at_ms: i64) -> f64 {
        self.x(at_ms) / WIDTH * 100.0
    }

    /// Where a step ends: one that still goes on ends now.
    pub(super) fn end_ms(&self, at_ms: i64) -> i64 {
        (at_ms + self.step_ms).min(self.until_ms.max(at_ms))
    }

    /// The middle of a step.
    fn middle(&self, at_ms: i64) -> f64 {
        self.x(i64::midpoint(at_ms, self.end_ms(at_ms)))
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let ticks = self.ticks();
        let (top, bottom) = (ticks.first().copied().unwrap_or(1.0), ticks.last().copied().unwrap_or(0.0));
        let share = ((value - bottom) / (top - bottom)).clamp(0.0, 1.0);
        MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - share)
    }

    /// Path data. A step without a value leaves a gap, unless values are rare; a lone value is as long as its step.
    pub(super) fn path(&self, line: &Series) -> String {
        let points: Vec<_> =
            line.points.iter().filter_map(|point| Some((point.at_ms, point.value?))).collect();
        let joined = |one: Option<&(i64, f64)>, at_ms: i64| {
            one.is_some_and(|(ms, _)| {
                self.unit.is_sparse() || (ms - at_ms).abs() <= self.step_ms + self.step_ms / 2
            })
        };
        let mut path = String::new();
        for (at, (begins_ms, value)) in points.iter().enumerate() {
            let y = self.y(*value);
            let after = joined(points.get(at + 1), *begins_ms);
            let _ = if joined(at.checked_sub(1).and_then(|at| points.get(at)), *begins_ms) {
                write!(path, "L{:.1} {y:.1}", self.middle(*begins_ms))
            } else if after || self.unit.is_sparse() {
                write!(path, "M{:.1} {y:.1}", self.middle(*begins_ms))
            } else {
                write!(path, "M{:.1} {y:.1}H{:.1}", self.x(*begins_ms), self.x(self.end_ms(*begins_ms)))
            };
        }
        path
    }

    /// Path data of a dot per value where values are rare: without length and with round ends a line stays a dot
    /// however the chart is stretched.
    pub(super) fn dots(&self, line: &Series) -> String {
        let mut path = String::new();
        for (at_ms, value) in line.points.iter().filter_map(|point| Some((point.at_ms, point.value?))) {
            if self.unit.is_sparse() {
                let _ = write!(path, "M{:.1} {:.1}h0.01", self.middle(at_ms), self.y(value));
            }
        }
        path
    }

    /// What is drawn above the marks. Marks that are too close for a number each share one text.
    pub(super) fn mark_numbers(&self) -> Vec<MarkNumber<'_>> {
        let mut groups: Vec<(f64, usize, usize)> = Vec::new();
        for (at, mark) in self.marks.iter().enumerate() {
            let share = self.share(mark.at_ms);
            match groups.last_mut() {
                Some((before, _, last)) if share - *before < NUMBERS_APART => *last = at,
                Some(_) | None => groups.push((share, at, at)),
            }
        }
        let text = |first: usize, last: usize| {
            if first == last { (first + 1).to_string() } else { format!("{}–{}", first + 1, last + 1) }
        };
        let number = |(share, first, last)| MarkNumber {
            share,
            text: text(first, last),
            marks: self.marks.get(first..=last).unwrap_or_default(),
        };
        groups.into_iter().map(number).collect()
    }
}

/// The number of one mark, or of several that are close.
pub(super) struct MarkNumber<'a> {
    /// In per cent of the width.
    pub(super) share: f64,
    pub(super) text: String,
    pub(super) marks: &'a [Mark],
}

#[expect(clippy::cast_precision_loss, reason = "drawn on a few hundred pixels")]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::chart::{Mark, Point, Stroke, Unit, arms::Arms};

    /// Errors of both arms, a value per step of ten seconds.
    pub fn two(treatment: &[f64], control: &[f64]) -> Chart {
        let points =
            |values: &[f64]| values.iter().zip(0..).map(|(it, at)| Point::new(at * 10_000, *it)).collect();
        let arms = Arms { treatment: points(treatment), control: points(control) };
        Chart {
            from_ms: 0,
            until_ms: 100_000,
            step_ms: 10_000,
            ..arms.chart("chart-errors", "Errors", Unit::Share)
        }
    }

    pub fn mark(at_ms: i64, sentence: &str) -> Mark {
        Mark { at_ms, name: sentence.to_owned(), sentence: sentence.to_owned(), href: None }
    }

    fn line(points: Vec<Point>) -> Series {
        Series { name: String::new(), stroke: Stroke::Feature, legend: String::new(), points }
    }

    #[test]
    fn a_silent_step_is_a_gap_and_a_lone_value_is_seen() {
        let points = line([0, 10_000, 60_000].map(|at_ms| Point::new(at_ms, 1.0)).into());
        let chart = Chart { lines: vec![points.clone()], ..two(&[], &[]) };
        assert_eq!(chart.path(&points), "M32.0 4.0L96.0 4.0M384.0 4.0H448.0");
        let rare = Chart { unit: Unit::Rating, ..chart };
        assert_eq!(rare.path(&points), "M32.0 146.0L96.0 146.0L416.0 146.0", "rare values have no gaps");
        assert_eq!(rare.dots(&points).matches("h0.01").count(), 3);
    }

    #[test]
    fn a_step_that_still_goes_on_ends_now() {
        let now_ms = 93_000;
        let chart = Chart { until_ms: now_ms, ..two(&[], &[]) };
        assert_eq!((chart.end_ms(80_000), chart.end_ms(90_000)), (90_000, now_ms));
        let last = line(vec![Point::new(90_000, 1.0)]);
        assert!(chart.path(&last).ends_with("H640.0"), "{}", chart.path(&last));
        assert!(chart.middle(90_000) < chart.x(now_ms));
    }

    #[test]
    fn a_line_runs_from_the_first_day_to_the_last() {
        let day_ms = 86_400_000;
        let days = Chart { unit: Unit::Rating, until_ms: 4 * day_ms, step_ms: day_ms, ..two(&[], &[]) };
        let points = line(vec![Point::new(0, 1.0), Point::new(3 * day_ms, 9.0)]);
        assert_eq!(
            days.path(&points),
            "M80.0 146.0L560.0 4.0",
            "what is beyond the scale stays on the chart"
        );
        assert_eq!(days.path(&line(Vec::new())), "");
    }

    #[test]
    fn a_far_limit_does_not_press_the_lines_down() {
        let near = Chart { limit: Some(0.05), ..two(&[0.04], &[]) };
        let far = Chart { limit: Some(0.5), ..two(&[0.04], &[]) };
        assert!(near.ticks()[0] >= 0.05 && far.ticks()[0] < 0.1, "{:?} {:?}", near.ticks(), far.ticks());
        assert_eq!((near.shown_limit(), far.shown_limit()), (Some(0.05), None));
    }

    #[test]
    fn marks_that_are_close_share_one_text() {
        let marks = [10_000, 50_000, 51_000, 53_000, 90_000];
        let marks = marks.map(|at_ms| mark(at_ms, ""));
        let chart = Chart { marks: marks.into(), ..two(&[], &[]) };
        let numbers: Vec<_> = chart.mark_numbers().into_iter().map(|it| it.text).collect();
        assert_eq!(numbers, ["1", "2–4", "5"]);
    }
}
