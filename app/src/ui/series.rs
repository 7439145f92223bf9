//! Counts over time as lines, one per series. Told apart by their dashes and their order as well as by colour; the
//! label says what there is to find, the numbers stand in a table below.

use engine::grouped;
use leptos::prelude::*;

use super::time;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 4.0;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Kinds of lines that the style sheet knows; further series use them again.
const STROKES: usize = 4;

/// One line: a value per step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub name: String,
    pub values: Vec<u64>,
}

/// Lines over the same steps, each `step_ms` long, the first beginning at `from_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub from_ms: i64,
    pub step_ms: i64,
    pub series: Vec<Series>,
}

impl Chart {
    /// Fills the steps between `from_ms` and `until_ms` with counts of (begin, name, count); without a count it is 0.
    pub fn of_counts(from_ms: i64, until_ms: i64, step_ms: i64, counts: &[(i64, String, u64)]) -> Self {
        let step_ms = step_ms.max(1);
        let from_ms = from_ms - from_ms.rem_euclid(step_ms);
        let steps = usize::try_from((until_ms - from_ms).max(0).div_euclid(step_ms)).unwrap_or(0)
            + usize::from((until_ms - from_ms).rem_euclid(step_ms) > 0);
        let mut series: Vec<Series> = Vec::new();
        for (at_ms, name, count) in counts {
            let known = series.iter().position(|it| it.name == *name);
            let place = known.unwrap_or_else(|| {
                series.push(Series { name: name.clone(), values: vec![0; steps] });
                series.len() - 1
            });
            let step = usize::try_from((at_ms - from_ms).div_euclid(step_ms)).unwrap_or(usize::MAX);
            if let Some(value) = series[place].values.get_mut(step) {
                *value += count;
            }
        }
        series.sort_by(|a, b| a.name.cmp(&b.name));
        Self { from_ms, step_ms, series }
    }

    fn top(&self) -> u64 {
        self.series.iter().flat_map(|it| &it.values).copied().max().unwrap_or(0)
    }

    fn step_name(&self, step: usize) -> String {
        let at_ms = self.from_ms + self.step_ms * i64::try_from(step).unwrap_or(0);
        if self.step_ms % DAY_MS == 0 {
            time::date(at_ms)
        } else {
            let clock = time::clock(at_ms);
            format!("{}, {}", time::date(at_ms), &clock[..clock.len().min(5)])
        }
    }

    /// `on: 1,204 times, most at 3 Mar 2026, 14:00 (310); off: 80 times, …`
    pub fn finding(&self) -> String {
        let told = self.series.iter().filter_map(|series| {
            let total: u64 = series.values.iter().sum();
            let (step, most) =
                series.values.iter().enumerate().max_by_key(|(step, value)| (**value, usize::MAX - step))?;
            Some(format!(
                "{}: {} {}, most at {} ({})",
                series.name,
                number(total),
                if total == 1 { "time" } else { "times" },
                self.step_name(step),
                number(*most)
            ))
        });
        let told: Vec<_> = told.collect();
        if told.is_empty() { "Nothing was served in this time".to_owned() } else { told.join("; ") }
    }
}

fn number(count: u64) -> String {
    grouped(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Path data from left to right; 0 is the bottom, `top` the top. One value is a line across.
pub fn line(values: &[u64], top: u64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    #[expect(clippy::cast_precision_loss, reason = "drawn on a few hundred pixels")]
    let y = |value: u64| MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - value as f64 / top.max(1) as f64);
    if let [only] = values {
        let _ = write!(path, "M{MARGIN:.1} {0:.1}L{1:.1} {0:.1}", y(*only), WIDTH - MARGIN);
        return path;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand steps")]
    let step = (WIDTH - 2.0 * MARGIN) / (values.len().max(2) - 1) as f64;
    let mut x = MARGIN;
    for (at, value) in values.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {:.1}", y(*value));
        x += step;
    }
    path
}

/// The drawing, its legend and the numbers. `what` names what is counted.
pub fn chart(chart: &Chart, what: &str) -> impl IntoView + use<> {
    let top = chart.top();
    let lines: Vec<_> = chart
        .series
        .iter()
        .enumerate()
        .map(|(at, it)| view! { <path class="series-line" data-stroke=(at % STROKES).to_string() d=line(&it.values, top) /> })
        .collect();
    let legend: Vec<_> = chart.series.iter().enumerate().map(|(at, it)| legend(at, it)).collect();
    let last = chart.series.first().map_or(0, |it| it.values.len().saturating_sub(1));
    let label = format!("{what}. {}", chart.finding());
    view! {
        <figure class="series">
            <figcaption>{chart.finding()}"."</figcaption>
            <div class="series-box">
                <span class="series-top" aria-hidden="true">{number(top)}</span>
                <svg viewBox="0 0 640 160" preserveAspectRatio="none" role="img" aria-label=label>{lines}</svg>
                <span class="series-from" aria-hidden="true">{chart.step_name(0)}</span>
                <span class="series-until" aria-hidden="true">{chart.step_name(last)}</span>
            </div>
            <ul class="series-legend">{legend}</ul>
            {table(chart)}
        </figure>
    }
}

fn legend(at: usize, series: &Series) -> impl IntoView + use<> {
    let total: u64 = series.values.iter().sum();
    view! {
        <li>
            <svg viewBox="0 0 28 8" width="28" height="8" aria-hidden="true">
                <path class="series-line" data-stroke=(at % STROKES).to_string() d="M0 4h28" />
            </svg>
            <b>{series.name.clone()}</b>
            " "
            {number(total)}
        </li>
    }
}

/// Steps in which something was counted.
fn table(chart: &Chart) -> impl IntoView + use<> {
    let heads: Vec<_> =
        chart.series.iter().map(|it| view! { <th scope="col" class="num">{it.name.clone()}</th> }).collect();
    let steps = chart.series.first().map_or(0, |it| it.values.len());
    let rows: Vec<_> = (0..steps)
        .filter(|step| chart.series.iter().any(|it| it.values[*step] > 0))
        .map(|step| {
            let cells: Vec<_> = chart
                .series
                .iter()
                .map(|it| view! { <td class="num">{number(it.values[step])}</td> })
                .collect();
            view! { <tr><th scope="row">{chart.step_name(step)}</th>{cells}</tr> }
        })
        .collect();
    view! {
        <details class="series-numbers">
            <summary>"The numbers"</summary>
            <div class="table-wrap">
                <table class="table">
                    <thead><tr><th scope="col">"From (UTC)"</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    fn two() -> Chart {
        let counts =
            [(0, "on".to_owned(), 3), (HOUR_MS, "off".to_owned(), 1), (2 * HOUR_MS, "on".to_owned(), 9)];
        Chart::of_counts(0, 3 * HOUR_MS, HOUR_MS, &counts)
    }

    #[test]
    fn steps_without_a_count_are_zero() {
        let values: Vec<_> = two().series.into_iter().map(|it| (it.name, it.values)).collect();
        assert_eq!(values, [("off".to_owned(), vec![0, 1, 0]), ("on".to_owned(), vec![3, 0, 9])]);
        let odd = Chart::of_counts(HOUR_MS / 2, HOUR_MS + 1, HOUR_MS, &[(HOUR_MS, "on".into(), 1)]);
        assert_eq!((odd.from_ms, odd.series[0].values.clone()), (0, vec![0, 1]), "steps begin at the hour");
    }

    #[test]
    fn the_label_says_what_there_is_to_find() {
        assert_eq!(
            two().finding(),
            "off: 1 time, most at 1 Jan 1970, 01:00 (1); on: 12 times, most at 1 Jan 1970, 02:00 (9)"
        );
        let empty = Chart::of_counts(0, HOUR_MS, HOUR_MS, &[]);
        assert_eq!(empty.finding(), "Nothing was served in this time");
    }

    #[test]
    fn a_line_spans_the_box() {
        assert_eq!(line(&[0, 10], 10), "M4.0 156.0L636.0 4.0");
        assert_eq!(line(&[10], 10), "M4.0 4.0L636.0 4.0");
        assert_eq!(line(&[], 0), "");
        assert_eq!(line(&[0, 0], 0), "M4.0 156.0L636.0 156.0");
    }

    #[test]
    fn a_chart_reads_without_colour_and_without_sight() {
        let html = chart(&two(), "Served per hour").to_html();
        assert!(
            html.contains("role=\"img\"") && html.contains("aria-label=\"Served per hour. off: 1 time"),
            "{html}"
        );
        assert!(html.contains("data-stroke=\"0\"") && html.contains("data-stroke=\"1\""), "{html}");
        assert!(html.contains("<details") && html.contains("<td class=\"num\">9"), "{html}");
    }
}
