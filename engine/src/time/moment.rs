//! Moments that move with the clock: `now`, `30 days ago`, `in 12 hours`.

use super::{DateError, read_date};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A hundred years either way.
const AMOUNT_MAX: i64 = 36_525;

/// How often what depends on the clock is looked at again without anybody changing anything: bulk answers that clients
/// keep, streams, counts of people. A single decision is made of its own moment.
pub const CLOCK_STEP_MS: i64 = 5 * MINUTE_MS;

/// What a date is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    At(i64),
    /// So many milliseconds after the present time; before it when negative.
    FromNow(i64),
}

impl Moment {
    /// A date, or a moment that moves with the clock. Days have 24 hours, weeks seven days.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        match from_now(text.trim()) {
            Some(ms) => Ok(Self::FromNow(ms)),
            None => read_date(text).map(|dated| Self::At(dated.at_ms)),
        }
    }

    #[inline]
    pub(crate) fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::At(ms) => ms,
            Self::FromNow(ms) => now_ms.saturating_add(ms),
        }
    }
}

fn from_now(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("now") {
        return Some(0);
    }
    let mut words = text.split_ascii_whitespace();
    let (sign, amount, unit) = match (words.next()?, words.next()?, words.next()?, words.next()) {
        ("in" | "In", amount, unit, None) => (1, amount, unit),
        (amount, unit, "ago", None) => (-1, amount, unit),
        _ => return None,
    };
    let amount = amount.bytes().all(|b| b.is_ascii_digit()).then(|| amount.parse::<i64>().ok()).flatten()?;
    let unit_ms = match unit {
        "minute" | "minutes" => MINUTE_MS,
        "hour" | "hours" => HOUR_MS,
        "day" | "days" => DAY_MS,
        "week" | "weeks" => 7 * DAY_MS,
        _ => return None,
    };
    (amount <= AMOUNT_MAX).then_some(sign * amount * unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (text, ms) in [
            ("now", 0),
            (" Now ", 0),
            ("30 days ago", -30 * DAY_MS),
            ("1 day ago", -DAY_MS),
            ("90  minutes ago", -90 * MINUTE_MS),
            ("in 12 hours", 12 * HOUR_MS),
            ("in 2 weeks", 14 * DAY_MS),
        ] {
            assert_eq!(Moment::parse(text), Ok(Moment::FromNow(ms)), "{text}");
        }
        assert_eq!(Moment::parse("1970-01-02"), Ok(Moment::At(DAY_MS)));
        for text in
            ["", "ago", "30 days", "days ago", "-3 days ago", "99999 days ago", "in 3 months", "in 1 day ago"]
        {
            assert_eq!(Moment::parse(text), Err(DateError), "{text}");
        }
    }
}
