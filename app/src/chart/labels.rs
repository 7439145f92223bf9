//! What a chart says in words and numbers: its times, its steps, its table.

use leptos::prelude::*;

use super::{Chart, Series, Stroke, Unit};
use crate::ui::time;

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MINUTE_MS: i64 = 60 * 1000;

impl Chart {
    pub(super) fn has_whole_days(&self) -> bool {
        self.step_ms % DAY_MS == 0
    }

    /// `13:40`, `13:40:10`, `3 Mar 2026, 13:40` or `3 Mar 2026`, as finely as the chart is; whole days are those of UTC.
    pub(super) fn moment(&self, at_ms: i64) -> String {
        if self.has_whole_days() {
            time::utc_date(at_ms)
        } else if self.until_ms - self.from_ms <= DAY_MS {
            self.clock(at_ms)
        } else {
            format!("{}, {}", time::day(at_ms), self.clock(at_ms))
        }
    }

    fn clock(&self, at_ms: i64) -> String {
        let clock = time::clock(at_ms);
        clock[..clock.len().min(if self.step_ms < MINUTE_MS { 8 } else { 5 })].to_owned()
    }

    /// `13:40–13:41 UTC`, `3 Mar, 12:00–18:00 UTC`, `3 Mar 2026`.
    fn step_name(&self, at_ms: i64) -> String {
        match self.step_ms {
            DAY_MS => self.moment(at_ms),
            _ if self.has_whole_days() => {
                format!("{} – {}", self.moment(at_ms), self.moment(at_ms + self.step_ms - 1))
            }
            _ => {
                let until_ms = at_ms + self.step_ms;
                format!("{}–{} {}", self.moment(at_ms), self.clock(until_ms), time::letters(until_ms))
            }
        }
    }

    fn step_of(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.step_ms.max(1)) * self.step_ms
    }

    /// Steps in which something was measured.
    fn measured(&self) -> Vec<i64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        sorted(points.map(|point| point.at_ms))
    }

    /// Steps of which there is something to tell: a value, or a change.
    pub(super) fn steps(&self) -> Vec<i64> {
        let changes = self.marks.iter().map(|mark| self.step_of(mark.at_ms));
        sorted(self.measured().into_iter().chain(changes))
    }

    fn value(&self, line: &Series, at_ms: i64) -> String {
        let point = line.points.iter().find(|point| point.at_ms == at_ms);
        let value = point.and_then(|it| it.value).map_or_else(|| "–".to_owned(), |it| self.unit.phrase(it));
        match point.and_then(|point| point.note.as_ref()) {
            Some(note) => format!("{value} ({note})"),
            None => value,
        }
    }

    /// A line for the time, one for each line of the chart, the difference between two, and one for each change.
    pub(super) fn told(&self, at_ms: i64) -> String {
        let mut told = vec![self.step_name(at_ms)];
        told.extend(self.lines.iter().map(|line| format!("{}: {}", line.name, self.value(line, at_ms))));
        told.extend(self.difference(at_ms).map(|by| format!("Difference: {by}")));
        let here = self.marks.iter().zip(1..).filter(|(mark, _)| self.step_of(mark.at_ms) == at_ms);
        told.extend(
            here.map(|(mark, number)| format!("{number} · {} {}", self.moment(mark.at_ms), mark.sentence)),
        );
        told.join("\n")
    }

    /// How much the feature is above what it is compared with.
    fn difference(&self, at_ms: i64) -> Option<String> {
        let of = |stroke: Stroke| {
            let line = self.lines.iter().find(|line| line.stroke == stroke)?;
            line.points.iter().find(|point| point.at_ms == at_ms)?.value
        };
        if self.lines.iter().filter(|line| line.stroke != Stroke::Unverified).count() != 2 {
            return None;
        }
        self.unit.difference(of(Stroke::Feature)? - of(Stroke::Control)?)
    }

    /// The numbers, folded.
    pub(super) fn table(&self) -> Option<impl IntoView + use<>> {
        self.numbers().map(|numbers| {
            view! { <details class="chart-numbers"><summary>"Numbers"</summary>{numbers}</details> }
        })
    }

    /// The numbers, the latest first. Of counts, steps in which something was counted.
    pub fn numbers(&self) -> Option<impl IntoView + use<>> {
        let counts = self.unit == Unit::Count;
        let is_told = |at_ms: &i64| {
            let points = self.lines.iter().flat_map(|line| &line.points);
            !counts || points.filter(|it| it.at_ms == *at_ms).any(|it| it.value.is_some_and(|it| it > 0.0))
        };
        let rows: Vec<_> =
            self.measured().into_iter().rev().filter(is_told).map(|at_ms| self.row(at_ms)).collect();
        if rows.is_empty() {
            return None;
        }
        let heads: Vec<_> = self
            .lines
            .iter()
            .map(|line| view! { <th scope="col" class="num">{line.name.clone()}</th> })
            .collect();
        let from = if self.has_whole_days() {
            "Day (UTC)".to_owned()
        } else {
            format!("From ({})", time::letters(self.until_ms))
        };
        Some(view! {
            <div class="table-wrap" tabindex="0" role="region" aria-label=format!("Numbers of {}", self.name)>
                <table class="table">
                    <thead><tr><th scope="col">{from}</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })
    }

    /// The numbers as lines of text, the oldest first.
    pub fn told_lines(&self) -> Vec<String> {
        let line = |at_ms: i64| {
            let values = self.lines.iter().map(|line| format!("{} {}", line.name, self.value(line, at_ms)));
            format!("{}: {}", self.step_name(at_ms), values.collect::<Vec<_>>().join(", "))
        };
        self.measured().into_iter().map(line).collect()
    }

    fn row(&self, at_ms: i64) -> impl IntoView + use<> {
        let cells: Vec<_> =
            self.lines.iter().map(|line| view! { <td class="num">{self.value(line, at_ms)}</td> }).collect();
        view! { <tr><th scope="row">{self.moment(at_ms)}</th>{cells}</tr> }
    }
}

fn sorted(times: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times.dedup();
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::plot::tests::{mark, two};

    #[test]
    fn a_step_tells_its_time_its_values_and_its_changes() {
        let marks = vec![mark(12_000, "Ada raised Everyone 5 → 20 %")];
        let chart = Chart { marks, ..two(&[0.004, 0.021], &[0.004, 0.004]) };
        assert_eq!(
            chart.told(10_000),
            "00:00:10–00:00:20 UTC\nWith the feature: 2.1 %\nControl: 0.4 %\nDifference: +1.7 points\n\
             1 · 00:00:12 Ada raised Everyone 5 → 20 %"
        );
        assert!(chart.told(0).ends_with("Difference: none"), "{}", chart.told(0));
    }

    #[test]
    fn a_change_in_a_silent_step_is_told_too() {
        let marks = vec![mark(55_000, "Ada stopped it")];
        let chart = Chart { marks, ..two(&[0.1], &[]) };
        assert_eq!(chart.steps(), [0, 50_000]);
        assert!(
            chart.told(50_000).contains("With the feature: –\nControl: –\n1 · "),
            "{}",
            chart.told(50_000)
        );
        assert!(!chart.table().expect("a table").to_html().contains("00:00:50"), "nothing was measured then");
    }

    #[test]
    fn times_are_as_fine_as_the_chart() {
        let hour_ms = 60 * MINUTE_MS;
        let times = |step_ms: i64, span_ms: i64| {
            let chart = Chart { step_ms, from_ms: DAY_MS, until_ms: DAY_MS + span_ms, ..two(&[], &[]) };
            (chart.moment(DAY_MS), chart.step_name(DAY_MS))
        };
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(times(MINUTE_MS, hour_ms), pair("00:00", "00:00–00:01 UTC"));
        assert_eq!(times(6 * hour_ms, 7 * DAY_MS), pair("2 Jan, 00:00", "2 Jan, 00:00–06:00 UTC"));
        assert_eq!(times(DAY_MS, 30 * DAY_MS), pair("2 Jan 1970", "2 Jan 1970"));
        assert_eq!(times(2 * DAY_MS, 300 * DAY_MS), pair("2 Jan 1970", "2 Jan 1970 – 3 Jan 1970"));
    }
}
