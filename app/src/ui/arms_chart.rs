//! One metric over time: those who have the feature against their control, with every change of the rollout as a
//! numbered mark. Told apart by dashes and words as well as by colour; the numbers stand in a table below.

use leptos::prelude::*;

use super::time;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
const TOP: f64 = 4.0;
const BOTTOM: f64 = 4.0;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// In per cent of the width.
const NUMBERS_APART: f64 = 6.0;

/// What a value is, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0.021 is 2.1 %.
    Share,
    Milliseconds,
    /// Events per trial.
    Each,
}

impl Unit {
    pub fn phrase(self, value: f64) -> String {
        match self {
            Self::Share => format!("{} %", decimals(value * 100.0)),
            Self::Milliseconds => format!("{} ms", decimals(value)),
            Self::Each => decimals(value),
        }
    }
}

/// Three digits that count: `0.42`, `2.1`, `184`.
fn decimals(value: f64) -> String {
    let size = value.abs();
    let text = if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if trimmed == "-0" { "0".to_owned() } else { trimmed.to_owned() }
}

/// A change of the rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at_ms: i64,
    pub sentence: String,
}

/// A value of one arm in the step that begins then.
pub type Point = (i64, f64);

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmsChart {
    pub name: String,
    pub unit: Unit,
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
    pub treatment: Vec<Point>,
    pub control: Vec<Point>,
    pub marks: Vec<Mark>,
    /// A guardrail's absolute limit.
    pub limit: Option<f64>,
}

impl ArmsChart {
    fn top(&self) -> f64 {
        let values = self.treatment.iter().chain(&self.control).map(|(_, value)| *value);
        let highest = values.fold(0.0, f64::max);
        // A limit far above everything would press the lines to the ground.
        let limit = self.limit.filter(|limit| *limit <= 4.0 * highest || highest == 0.0).unwrap_or(0.0);
        let top = highest.max(limit) * 1.08;
        if top > 0.0 { top } else { 1.0 }
    }

    fn x(&self, at_ms: i64) -> f64 {
        let (span, at) = (self.until_ms - self.from_ms, at_ms - self.from_ms);
        WIDTH * (float(at) / float(span.max(1))).clamp(0.0, 1.0)
    }

    fn y(value: f64, top: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value / top).clamp(0.0, 1.0))
    }

    /// Path data; a step without outcomes leaves a gap. A lone point is a short dash.
    pub fn line(&self, points: &[Point]) -> String {
        use std::fmt::Write as _;
        let top = self.top();
        let mut path = String::new();
        for (at, (begins_ms, value)) in points.iter().enumerate() {
            let (x, y) = (self.x(begins_ms + self.step_ms / 2), Self::y(*value, top));
            let near = |other: Option<&Point>| {
                other.is_some_and(|(ms, _)| (ms - begins_ms).abs() <= self.step_ms + self.step_ms / 2)
            };
            let before = at.checked_sub(1).and_then(|at| points.get(at));
            let command = if near(before) { 'L' } else { 'M' };
            let _ = write!(path, "{command}{x:.1} {y:.1}");
            if !near(before) && !near(points.get(at + 1)) {
                let _ = write!(path, "h2");
            }
        }
        path
    }

    /// `Errors: 2.1 % with the feature, 0.4 % in control at the end`.
    pub fn finding(&self) -> String {
        let last = |points: &[Point]| points.last().map(|(_, value)| self.unit.phrase(*value));
        match (last(&self.treatment), last(&self.control)) {
            (Some(with), Some(without)) => {
                format!("{}: {with} with the feature, {without} in control at the end", self.name)
            }
            (Some(with), None) => {
                format!("{}: {with} with the feature at the end, no control", self.name)
            }
            (None, Some(without)) => format!("{}: {without} in control at the end", self.name),
            (None, None) => format!("{}: no outcomes in this time", self.name),
        }
    }

    fn moment(&self, at_ms: i64) -> String {
        let clock = time::clock(at_ms);
        if self.until_ms - self.from_ms <= DAY_MS {
            clock[..clock.len().min(if self.step_ms < 60_000 { 8 } else { 5 })].to_owned()
        } else {
            format!("{}, {}", time::date(at_ms), &clock[..clock.len().min(5)])
        }
    }

    /// Times of all steps with a value.
    fn steps(&self) -> Vec<i64> {
        let mut steps: Vec<_> = self.treatment.iter().chain(&self.control).map(|(ms, _)| *ms).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }
}

#[expect(clippy::cast_precision_loss, reason = "drawn on a few hundred pixels")]
fn float(number: i64) -> f64 {
    number as f64
}

/// The drawing, its legend, the marks in words and the numbers.
pub fn arms_chart(chart: &ArmsChart) -> impl IntoView + use<> {
    let top = chart.top();
    let limit = chart.limit.filter(|limit| *limit <= top).map(|limit| {
        let y = format!("{:.1}", ArmsChart::y(limit, top));
        view! { <path class="arms-limit" d=format!("M0 {y}H640") /> }
    });
    let marks: Vec<_> = chart.marks.iter().map(|mark| mark_line(chart, mark)).collect();
    let numbers: Vec<_> = mark_numbers(chart)
        .into_iter()
        .map(|(share, text)| view! { <text x=format!("{share:.2}%") y="11">{text}</text> })
        .collect();
    let points: Vec<_> = chart.steps().into_iter().map(|at_ms| hover(chart, at_ms)).collect();
    view! {
        <figure class="arms">
            <div class="arms-box">
                <span class="arms-top" aria-hidden="true">{chart.unit.phrase(top)}</span>
                <svg class="arms-mark-numbers" aria-hidden="true">{numbers}</svg>
                <svg viewBox="0 0 640 150" preserveAspectRatio="none" role="img" aria-label=chart.finding()>
                    {limit}
                    {marks}
                    <path class="arms-line" data-arm="control" d=chart.line(&chart.control) />
                    <path class="arms-line" data-arm="treatment" d=chart.line(&chart.treatment) />
                    {points}
                </svg>
                <span aria-hidden="true">{chart.moment(chart.from_ms)}</span>
                <span aria-hidden="true">{chart.moment(chart.until_ms)}</span>
            </div>
            {table(chart)}
        </figure>
    }
}

fn mark_line(chart: &ArmsChart, mark: &Mark) -> impl IntoView + use<> {
    let x = chart.x(mark.at_ms);
    view! {
        <path class="arms-mark" d=format!("M{x:.1} 0V150")>
            <title>{format!("{}: {}", chart.moment(mark.at_ms), mark.sentence)}</title>
        </path>
    }
}

/// Where the marks' numbers stand, in per cent of the width, in a drawing of their own that is not stretched. Marks
/// that are too close for a number each share one text.
fn mark_numbers(chart: &ArmsChart) -> Vec<(f64, String)> {
    let mut groups: Vec<(f64, usize, usize)> = Vec::new();
    for (at, mark) in chart.marks.iter().enumerate() {
        let share = chart.x(mark.at_ms) / WIDTH * 100.0;
        match groups.last_mut() {
            Some((before, _, last)) if share - *before < NUMBERS_APART => *last = at,
            Some(_) | None => groups.push((share, at, at)),
        }
    }
    let text = |first: usize, last: usize| {
        if first == last { (first + 1).to_string() } else { format!("{}–{}", first + 1, last + 1) }
    };
    groups.into_iter().map(|(share, first, last)| (share, text(first, last))).collect()
}

/// An invisible column that tells its numbers when pointed at.
fn hover(chart: &ArmsChart, at_ms: i64) -> impl IntoView + use<> {
    let (from, until) = (chart.x(at_ms), chart.x(at_ms + chart.step_ms));
    let value = |points: &[Point]| {
        points
            .iter()
            .find(|(ms, _)| *ms == at_ms)
            .map_or_else(|| "–".to_owned(), |(_, value)| chart.unit.phrase(*value))
    };
    let told = format!(
        "{}: {} with the feature, {} in control",
        chart.moment(at_ms),
        value(&chart.treatment),
        value(&chart.control)
    );
    view! {
        <rect class="arms-hover" x=format!("{from:.1}") y="0" width=format!("{:.1}", (until - from).max(1.0)) height="150">
            <title>{told}</title>
        </rect>
    }
}

fn mark_list(chart: &ArmsChart) -> Option<impl IntoView + use<>> {
    let marks: Vec<_> = chart
        .marks
        .iter()
        .map(|mark| view! { <li><b>{chart.moment(mark.at_ms)}</b>" "{mark.sentence.clone()}</li> })
        .collect();
    (!marks.is_empty()).then(|| view! { <ol class="arms-marks">{marks}</ol> })
}

fn table(chart: &ArmsChart) -> impl IntoView + use<> {
    let value = |points: &[Point], at_ms: i64| {
        points
            .iter()
            .find(|(ms, _)| *ms == at_ms)
            .map_or_else(|| "–".to_owned(), |(_, value)| chart.unit.phrase(*value))
    };
    let rows: Vec<_> = chart
        .steps()
        .into_iter()
        .rev()
        .map(|at_ms| {
            view! {
                <tr>
                    <th scope="row">{chart.moment(at_ms)}</th>
                    <td class="num">{value(&chart.treatment, at_ms)}</td>
                    <td class="num">{value(&chart.control, at_ms)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <details class="arms-numbers">
            <summary>{if chart.marks.is_empty() { "Numbers" } else { "Numbers and changes" }}</summary>
            {mark_list(chart)}
            <div class="table-wrap" tabindex="0" role="region" aria-label=format!("Numbers of {}", chart.name)>
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"From"</th>
                            <th scope="col" class="num">"With the feature"</th>
                            <th scope="col" class="num">"Control"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(treatment: &[Point], control: &[Point]) -> ArmsChart {
        ArmsChart {
            name: "Errors".to_owned(),
            unit: Unit::Share,
            from_ms: 0,
            until_ms: 100_000,
            step_ms: 10_000,
            treatment: treatment.to_vec(),
            control: control.to_vec(),
            marks: Vec::new(),
            limit: None,
        }
    }

    #[test]
    fn the_label_states_the_finding() {
        let both = chart(&[(0, 0.004), (10_000, 0.021)], &[(0, 0.004)]);
        assert_eq!(both.finding(), "Errors: 2.1 % with the feature, 0.4 % in control at the end");
        assert_eq!(chart(&[], &[]).finding(), "Errors: no outcomes in this time");
        assert!(chart(&[(0, 0.1)], &[]).finding().ends_with("no control"));
    }

    #[test]
    fn a_silent_step_is_a_gap_and_a_lone_point_is_seen() {
        let points = [(0, 0.1), (10_000, 0.1), (60_000, 0.1)];
        let line = chart(&points, &[]).line(&points);
        assert_eq!(line.matches('M').count(), 2, "{line}");
        assert_eq!(line.matches('L').count(), 1, "{line}");
        assert!(line.ends_with("h2"), "{line}");
    }

    #[test]
    fn a_far_limit_does_not_press_the_lines_down() {
        let near = ArmsChart { limit: Some(0.05), ..chart(&[(0, 0.04)], &[]) };
        let far = ArmsChart { limit: Some(0.5), ..chart(&[(0, 0.04)], &[]) };
        assert!(near.top() > 0.05 && far.top() < 0.05, "{} {}", near.top(), far.top());
    }

    #[test]
    fn marks_that_are_close_share_one_text() {
        let mark = |at_ms: i64| Mark { at_ms, sentence: String::new() };
        let chart = ArmsChart {
            marks: vec![mark(10_000), mark(50_000), mark(51_000), mark(53_000), mark(90_000)],
            ..chart(&[], &[])
        };
        let numbers: Vec<_> = mark_numbers(&chart).into_iter().map(|(_, text)| text).collect();
        assert_eq!(numbers, ["1", "2–4", "5"]);
    }

    #[test]
    fn values_have_three_digits_that_count() {
        assert_eq!(Unit::Share.phrase(0.0042), "0.42 %");
        assert_eq!(Unit::Share.phrase(0.5), "50 %");
        assert_eq!(Unit::Milliseconds.phrase(184.4), "184 ms");
        assert_eq!(Unit::Each.phrase(-0.0001), "0");
    }

    #[test]
    fn drawing_nothing_is_a_drawing_too() {
        let html = arms_chart(&chart(&[], &[])).to_html();
        assert!(html.contains("role=\"img\"") && html.contains("no outcomes"), "{html}");
    }
}
