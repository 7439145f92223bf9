//! How much treatment and control differ over the time that is looked at, with intervals that hold however often one looks.

use engine::guardrail::{
    self, Interval, Sample, Tally, difference_over,
    sequence::{count_interval, difference, quantile_interval},
};
use leptos::prelude::*;
use store::Cell;

use super::said::Said;
use crate::chart::Unit;

/// The intervals hold with this certainty.
const ALPHA: f64 = 0.05;
/// Wider than this, an interval of shares says nothing.
const SHARE_WIDTH_MAX: f64 = 1.0;
/// Half a point is no surprise.
const SURPRISE_MIN: f64 = 0.005;
const QUANTILES: [(&str, f64); 2] = [("p95", 0.95), ("p99", 0.99)];

const WHY_NOT_SUBTRACTED: &str = "Not what the two rates differ by: those are of all outcomes. This counts everybody once a \
    minute and compares both arms within each step, because rates and percentages change over time.";

/// Treatment minus control.
pub struct Difference {
    /// `p95`; empty where there is only one.
    word: &'static str,
    unit: Unit,
    interval: Interval,
    /// What the numbers of both arms differ by when all outcomes are put together.
    plain: Option<f64>,
}

impl Difference {
    /// Of an event's rates, compared within each step: rates may move.
    /// `plain` is the difference of the rates that stand beside it.
    pub fn of_rates(steps: &[guardrail::Cell], plain: Option<f64>) -> Vec<Self> {
        let interval = difference_over(steps, ALPHA);
        interval.into_iter().map(|interval| Self { word: "", unit: Unit::Share, interval, plain }).collect()
    }

    /// Of quantiles of durations; those that too few requests tell of are left out.
    pub fn of_durations(treatment: &Cell, control: &Cell) -> Vec<Self> {
        let one = |(word, q)| {
            let with = quantile_interval(&treatment.latency, q, ALPHA / 2.0)?;
            let without = quantile_interval(&control.latency, q, ALPHA / 2.0)?;
            let interval = difference(with, without);
            Some(Self { word, unit: Unit::Milliseconds, interval, plain: None })
        };
        QUANTILES.into_iter().filter_map(one).collect()
    }

    /// Of how often something happens to a person.
    pub fn of_counts(treatment: Tally, control: Tally) -> Vec<Self> {
        let each = |tally| count_interval(tally, ALPHA / 2.0);
        let both = each(treatment).zip(each(control));
        let one = |(with, without)| Self {
            word: "",
            unit: Unit::Each,
            interval: difference(with, without),
            plain: None,
        };
        both.map(one).into_iter().collect()
    }

    /// What it means for people.
    fn meaning(&self, lower_is_better: bool) -> &'static str {
        let Interval { low, high, .. } = self.interval;
        let (worse, better) = if lower_is_better { (low > 0.0, high < 0.0) } else { (high < 0.0, low > 0.0) };
        match (worse, better) {
            (true, _) => "worse",
            (_, true) => "better",
            (false, false) => "no difference is certain",
        }
    }

    /// Whether anybody who subtracts the two rates comes to something else.
    fn is_surprising(&self) -> bool {
        let estimate = self.interval.estimate;
        self.plain.is_some_and(|plain| {
            let apart = (plain - estimate).abs();
            apart > SURPRISE_MIN && (plain.signum() != estimate.signum() || apart > plain.abs() / 4.0)
        })
    }

    /// `+1.7 points worse`, `between +0.9 and +2.6 points`.
    fn view(&self, lower_is_better: bool, said: &Said) -> impl IntoView + use<> {
        let by = |value: f64| self.unit.difference(value).unwrap_or_default();
        // The unit stands once, behind the second.
        let bare = |value: f64| by(value).split(' ').next().unwrap_or_default().replace("none", "0");
        let says_nothing =
            self.unit == Unit::Share && self.interval.high - self.interval.low > SHARE_WIDTH_MAX;
        let between = if says_nothing {
            "too few to say by how much".to_owned()
        } else {
            let high = by(self.interval.high).replace("none", "0");
            let how = if self.unit == Unit::Share { ", compared step by step" } else { "" };
            format!("between {} and {high}{how}", bare(self.interval.low))
        };
        let title = match self.unit {
            Unit::Share => "With 95 % certainty, however often one looks",
            Unit::Milliseconds | Unit::Each | Unit::Count | Unit::Rating => {
                "With 95 % certainty, however often one looks, when requests are independent and alike over this time"
            }
        };
        let why = if self.is_surprising() { said.once(WHY_NOT_SUBTRACTED) } else { None };
        let why = why.map(|it| view! { <small class="note">{it}</small> });
        let word = (!self.word.is_empty()).then(|| view! { <small>{self.word}</small>" " });
        view! {
            <span class="health-value">{word}<b>{by(self.interval.estimate).replace("none", "±0")}</b>" "<small>{self.meaning(lower_is_better)}</small></span>
            <small class="note" title=title>{between}</small>
            {why}
        }
    }
}

/// All differences of one metric; nothing when there are none.
pub fn view(differences: &[Difference], lower_is_better: bool, said: &Said) -> Option<impl IntoView + use<>> {
    let each: Vec<_> = differences.iter().map(|it| it.view(lower_is_better, said)).collect();
    (!each.is_empty()).then(|| view! { <div><dt>"Difference"</dt><dd>{each}</dd></div> })
}

/// Both arms of one step, as rates are compared.
pub fn step(from_ms: i64, step_ms: i64, (treatment, control): (Tally, Tally)) -> guardrail::Cell {
    let sample = |tally: Tally| Sample { tally, ..Sample::default() };
    guardrail::Cell {
        from_ms,
        until_ms: from_ms + step_ms,
        allocation: 0,
        treatment: sample(treatment),
        control: sample(control),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_it_means() {
        let steps: Vec<_> =
            (0..200).map(|at| step(at * 10_000, 10_000, (Tally::new(50, 4), Tally::new(50, 1)))).collect();
        let rates = Difference::of_rates(&steps, Some(0.06));
        assert_eq!(rates[0].meaning(true), "worse");
        assert_eq!(rates[0].meaning(false), "better");
        let html = view(&rates, true, &Said::default()).expect("a difference").to_html();
        assert!(html.contains("+6 points") && html.contains("between +"), "{html}");
        assert!(!html.contains("Not what the two rates differ by"), "{html}");
        let surprising = Difference::of_rates(&steps, Some(-0.032));
        let html = view(&surprising, true, &Said::default()).expect("a difference").to_html();
        assert!(html.contains("Not what the two rates differ by"), "{html}");
        assert!(Difference::of_rates(&[], None).is_empty() && view(&[], true, &Said::default()).is_none());
    }

    #[test]
    fn durations_and_counts_have_one_too() {
        let cell = |slower: f64| {
            let mut cell = Cell::default();
            for n in 0..4000 {
                cell.add_trial_duration(slower * f64::from(50 + n % 100), None);
            }
            cell
        };
        let durations = Difference::of_durations(&cell(2.0), &cell(1.0));
        assert_eq!(
            durations.iter().map(|it| (it.word, it.meaning(true))).collect::<Vec<_>>(),
            [("p95", "worse"), ("p99", "worse")]
        );
        assert!(Difference::of_durations(&Cell::default(), &cell(1.0)).is_empty());
        let counts = Difference::of_counts(Tally::new(5000, 20), Tally::new(5000, 19));
        assert_eq!(counts[0].meaning(true), "no difference is certain");
    }
}
