//! What a value is, and so how it is written and how far its axis goes.

use engine::{
    grouped,
    guardrail::{Metric, definition::Counting, tally::Kernel},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0.021 is 2.1 %.
    Share,
    Milliseconds,
    /// Events per trial.
    Each,
    /// So many times.
    Count,
    /// 1 to 5: means of the few answers of a day.
    Rating,
}

/// Where an axis that begins at 0 may end: numbers whose half is short, too.
const NICE: [f64; 10] = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 6.0, 8.0, 10.0];
/// Above the highest value.
const AIR: f64 = 1.02;

impl Unit {
    /// What a guardrail's metric is told in.
    pub fn of(metric: &Metric) -> Self {
        match metric.counting() {
            Counting::Tally(Kernel::Bernoulli) => Self::Share,
            Counting::Tally(Kernel::Poisson) => Self::Each,
            Counting::Durations(_) => Self::Milliseconds,
        }
    }

    pub fn phrase(self, value: f64) -> String {
        match self {
            Self::Share => format!("{} %", decimals(value * 100.0)),
            Self::Milliseconds => format!("{} ms", decimals(value)),
            // Few things happen to a person more than once.
            Self::Each if value.abs() < 0.1 => trimmed(&format!("{value:.4}")),
            Self::Each => decimals(value),
            Self::Count => whole(value),
            Self::Rating => format!("{value:.1}"),
        }
    }

    /// At a line of the grid.
    pub(super) fn tick(self, value: f64) -> String {
        if self == Self::Rating { whole(value) } else { self.phrase(value) }
    }

    /// How much one value is above another: `+1.7 points`. Counts of different people are not compared.
    pub fn difference(self, by: f64) -> Option<String> {
        let size = match self {
            Self::Share => format!("{} points", decimals(by.abs() * 100.0)),
            Self::Milliseconds | Self::Each | Self::Rating => self.phrase(by.abs()),
            Self::Count => return None,
        };
        let nothing = size.split(' ').next().is_some_and(|digits| digits.chars().all(|it| "0.".contains(it)));
        Some(match () {
            () if nothing => "none".to_owned(),
            () if by < 0.0 => format!("−{size}"),
            () => format!("+{size}"),
        })
    }

    /// The values at the lines of the grid, from the top one down, so that `highest` is among them.
    pub(super) fn ticks(self, highest: f64) -> Vec<f64> {
        if self == Self::Rating {
            return vec![5.0, 4.0, 3.0, 2.0, 1.0];
        }
        let top = match self {
            Self::Share if highest <= 1.0 => nice(highest * AIR, false).min(1.0),
            Self::Share | Self::Milliseconds | Self::Each | Self::Rating => nice(highest * AIR, false),
            Self::Count => nice(highest, true),
        };
        vec![top, top / 2.0, 0.0]
    }

    /// Whether values are so rare that each is a dot and silent steps are no gap.
    pub(super) fn is_sparse(self) -> bool {
        self == Self::Rating
    }
}

/// A short number that is not below `least`; with `even`, half of it is whole.
fn nice(least: f64, even: bool) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return if even { 2.0 } else { 1.0 };
    }
    let power = 10.0_f64.powf(least.log10().floor());
    let fits =
        |top: &f64| *top >= least * (1.0 - f64::EPSILON) && (!even || (top / 2.0).fract().abs() < 1e-9);
    NICE.iter().map(|it| it * power).find(fits).unwrap_or(10.0 * power)
}

/// Three digits that count: `0.42`, `2.1`, `184`, `12,400`.
fn decimals(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", whole(size));
    }
    let text = if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    trimmed(&text)
}

/// Without zeros that say nothing.
fn trimmed(text: &str) -> String {
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if trimmed == "-0" { "0".to_owned() } else { trimmed.to_owned() }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, and rounded sizes")]
fn whole(value: f64) -> String {
    grouped(value.round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_that_count() {
        assert_eq!(Unit::Share.phrase(0.0042), "0.42 %");
        assert_eq!(Unit::Share.phrase(0.5), "50 %");
        assert_eq!(Unit::Milliseconds.phrase(184.4), "184 ms");
        assert_eq!(Unit::Milliseconds.phrase(12_400.2), "12,400 ms");
        assert_eq!(Unit::Each.phrase(-0.00001), "0");
        assert_eq!(Unit::Each.phrase(0.003), "0.003");
        assert_eq!(Unit::Count.phrase(1204.0), "1,204");
        assert_eq!(Unit::Rating.phrase(4.0), "4.0");
    }

    #[test]
    fn a_difference_says_which_way_and_in_what() {
        assert_eq!(Unit::Share.difference(0.017).as_deref(), Some("+1.7 points"));
        assert_eq!(Unit::Milliseconds.difference(-12.0).as_deref(), Some("−12 ms"));
        assert_eq!(Unit::Rating.difference(0.04).as_deref(), Some("none"));
        assert_eq!(Unit::Count.difference(3.0), None);
    }

    #[test]
    fn an_axis_ends_at_a_short_number() {
        for (unit, highest, top) in [
            (Unit::Share, 0.021, 0.024),
            (Unit::Share, 0.993, 1.0),
            (Unit::Milliseconds, 184.0, 200.0),
            (Unit::Each, 0.0, 1.0),
            (Unit::Count, 0.0, 2.0),
            (Unit::Count, 1.0, 2.0),
            (Unit::Count, 11.0, 12.0),
            (Unit::Count, 10.0, 10.0),
            (Unit::Count, 24.0, 24.0),
        ] {
            let ticks = unit.ticks(highest);
            assert!((ticks[0] - top).abs() < 1e-9, "{unit:?} {highest}: {ticks:?}");
        }
    }
}
