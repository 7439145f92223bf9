//! How often something happened over time, a line for each variant.

use super::{Chart, Point, Series, Stroke, Unit};

/// What was counted when: steps of `step_ms` from `from_ms` to before `until_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Counts<'a> {
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
    /// Begin of the step, variant, count; a step without a count is 0.
    pub counts: &'a [(i64, String, u64)],
    /// This variant comes last.
    pub off: &'a str,
}

impl Counts<'_> {
    /// `what` names what is counted.
    pub fn chart(self, id: &str, what: &str) -> Chart {
        let step_ms = self.step_ms.max(1);
        let from_ms = self.from_ms - self.from_ms.rem_euclid(step_ms);
        let steps: Vec<_> =
            (from_ms..self.until_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX)).collect();
        let mut names: Vec<_> = self.counts.iter().map(|(_, name, _)| name.clone()).collect();
        names.sort_by_key(|name| (name == self.off, name.clone()));
        names.dedup();
        let lines = names.into_iter().enumerate().map(|(at, name)| {
            let counts: Vec<_> =
                steps.iter().map(|step| (*step, self.count(&name, *step, step_ms))).collect();
            Series {
                legend: Unit::Count.phrase(counts.iter().map(|(_, count)| count).sum()),
                stroke: Stroke::of_variant(at, name == self.off),
                name,
                points: counts.into_iter().map(|(step, count)| Point::new(step, count)).collect(),
            }
        });
        let mut chart = Chart {
            id: id.to_owned(),
            name: what.to_owned(),
            caption: String::new(),
            finding: String::new(),
            unit: Unit::Count,
            from_ms,
            until_ms: self.until_ms,
            step_ms,
            lines: lines.collect(),
            marks: Vec::new(),
            limit: None,
            has_legend: true,
        };
        let finding = finding(&chart);
        chart.caption = format!("{finding}.");
        chart.finding = format!("{what}. {finding}");
        chart
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of exposures are far below 2^52")]
    fn count(&self, name: &str, step: i64, step_ms: i64) -> f64 {
        let own =
            self.counts.iter().filter(|(at, whose, _)| whose == name && (step..step + step_ms).contains(at));
        own.map(|(_, _, count)| *count as f64).sum()
    }
}

/// `on: 1,204 times, most at 3 Mar, 14:00 (310); off: 80 times, …`
fn finding(chart: &Chart) -> String {
    let told = chart.lines.iter().filter_map(|line| {
        let most = line.points.iter().max_by(|a, b| {
            a.value.partial_cmp(&b.value).unwrap_or(std::cmp::Ordering::Equal).then(b.at_ms.cmp(&a.at_ms))
        })?;
        let times = if line.legend == "1" { "time" } else { "times" };
        let (when, count) = (chart.moment(most.at_ms), Unit::Count.phrase(most.value?));
        Some(format!("{}: {} {times}, most at {when} ({count})", line.name, line.legend))
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { "Nothing was served in this time".to_owned() } else { told.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    fn chart(from_ms: i64, until_ms: i64, counts: &[(i64, String, u64)]) -> Chart {
        let counts = Counts { from_ms, until_ms, step_ms: HOUR_MS, counts, off: "off" };
        counts.chart("chart-served", "Served per hour")
    }

    fn two() -> Chart {
        let counts =
            [(0, "on".to_owned(), 3), (HOUR_MS, "off".to_owned(), 1), (2 * HOUR_MS, "on".to_owned(), 9)];
        chart(0, 3 * HOUR_MS, &counts)
    }

    #[test]
    fn steps_without_a_count_are_zero() {
        let values = |chart: &Chart| -> Vec<(String, Vec<Option<f64>>)> {
            let of = |line: &Series| (line.name.clone(), line.points.iter().map(|it| it.value).collect());
            chart.lines.iter().map(of).collect()
        };
        let (zero, some) = (Some(0.0), Some);
        assert_eq!(
            values(&two()),
            [
                ("on".to_owned(), vec![some(3.0), zero, some(9.0)]),
                ("off".to_owned(), vec![zero, some(1.0), zero])
            ]
        );
        let odd = chart(HOUR_MS / 2, HOUR_MS + 1, &[(HOUR_MS, "on".into(), 1)]);
        assert_eq!((odd.from_ms, values(&odd)), (0, vec![("on".to_owned(), vec![zero, some(1.0)])]));
    }

    #[test]
    fn the_feature_looks_the_same_in_every_chart() {
        let strokes: Vec<_> = two().lines.iter().map(|line| line.stroke).collect();
        assert_eq!(strokes, [Stroke::Feature, Stroke::Control]);
        let only_off = chart(0, HOUR_MS, &[(0, "off".into(), 1)]);
        assert_eq!(only_off.lines[0].stroke, Stroke::Control);
    }

    #[test]
    fn the_label_says_what_there_is_to_find() {
        assert_eq!(
            two().finding,
            "Served per hour. on: 12 times, most at 02:00 (9); off: 1 time, most at 01:00 (1)"
        );
        assert_eq!(chart(0, HOUR_MS, &[]).caption, "Nothing was served in this time.");
    }
}
