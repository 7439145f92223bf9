//! Instants as epoch milliseconds, read from the date texts that conditions and attributes use.

use jiff::{Timestamp, civil, tz::TimeZone};

mod moment;

pub use moment::{CLOCK_STEP_MS, Moment};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The text is neither an RFC 3339 instant nor a calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date is written like 2026-03-01 or 2026-03-01T14:10:00Z")]
pub struct DateError;

/// Epoch milliseconds of an RFC 3339 instant, or of midnight UTC for a calendar date.
pub fn parse_date_ms(text: &str) -> Result<i64, DateError> {
    // The parser would also read "20260301", and a time without an offset as midnight.
    if text.len() != "2026-03-01".len() || text.as_bytes().get(4) != Some(&b'-') {
        let instant = text.parse::<Timestamp>().map_err(|_| DateError)?;
        return Ok(instant.as_millisecond());
    }
    let date = text.parse::<civil::Date>().map_err(|_| DateError)?;
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| DateError)?;
    Ok(midnight.timestamp().as_millisecond())
}

/// A date of an attribute or of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    pub at_ms: i64,
    /// What the text leaves open.
    pub assumed: Option<Assumed>,
}

/// How a date that leaves something open is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumed {
    /// A time of day without an offset: in UTC.
    Utc,
    /// A number: milliseconds since 1970.
    Milliseconds,
}

/// Smaller numbers are more likely seconds, or digits such as 20260301, and those would be read as a day in 1970.
const EPOCH_MS_MIN: u64 = 100_000_000_000;

/// A date as programs send it: RFC 3339, a calendar date (midnight UTC), the same without an offset (in UTC), or whole
/// milliseconds since 1970, as JavaScript counts.
pub fn read_date(text: &str) -> Result<Dated, DateError> {
    let text = text.trim();
    let (assumed, at_ms) = if is_integer(text) {
        let ms = text.parse::<i64>().map_err(|_| DateError)?;
        let plausible = ms.unsigned_abs() >= EPOCH_MS_MIN && Timestamp::from_millisecond(ms).is_ok();
        (Some(Assumed::Milliseconds), plausible.then_some(ms).ok_or(DateError)?)
    } else if is_local(text) {
        let time = text.parse::<civil::DateTime>().map_err(|_| DateError)?;
        let time = time.to_zoned(TimeZone::UTC).map_err(|_| DateError)?;
        (Some(Assumed::Utc), time.timestamp().as_millisecond())
    } else {
        (None, parse_date_ms(text)?)
    };
    Ok(Dated { at_ms, assumed })
}

// What a text is, is seen before it is parsed: a parser that refuses makes an error of it, on the heap.

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `2026-03-01T14:10`, with seconds or without, and nothing behind them.
fn is_local(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= "2026-03-01T14:10".len()
        && matches!((bytes[4], bytes[10], bytes[13]), (b'-', b'T' | b't' | b' ', b':'))
        && bytes[14..].iter().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
}

/// The text is neither a day, nor a day with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a moment is written like 2026-03-01, 2026-03-01 14:10 (in UTC) or 2026-03-01T14:10:00+01:00")]
pub struct MomentError;

/// Which end of a day is meant where no time of day is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayEdge {
    /// Midnight before it.
    Start,
    /// Midnight after it: the day counts to its end.
    End,
}

/// Epoch milliseconds of a moment as people type it: a day, a day with a time of day in UTC, or an RFC 3339 instant.
pub fn parse_moment_ms(text: &str, edge: DayEdge) -> Result<i64, MomentError> {
    let text = text.trim();
    let midnight = |text: &str| parse_date_ms(text).map_err(|_| MomentError);
    let Some((day, time)) = text.split_once(['T', 't', ' ']) else {
        let start = midnight(text)?;
        return Ok(match edge {
            DayEdge::Start => start,
            DayEdge::End => start.saturating_add(DAY_MS),
        });
    };
    let time = time.trim();
    if let Ok(instant) = format!("{day}T{time}").parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    if day.len() != "2026-03-01".len() || time.len() < "00:00".len() || time.as_bytes().get(2) != Some(&b':')
    {
        return Err(MomentError);
    }
    let time: civil::Time = time.parse().map_err(|_| MomentError)?;
    let since_midnight = time.since(civil::Time::midnight()).map_err(|_| MomentError)?;
    let since_ms = since_midnight.total(jiff::Unit::Millisecond).map_err(|_| MomentError)?;
    #[expect(clippy::cast_possible_truncation, reason = "a time of day is below 86,400,000 ms")]
    let since_ms = since_ms as i64;
    Ok(midnight(day)?.saturating_add(since_ms))
}

/// `2026-03-01 14:10 UTC`.
pub fn instant_phrase(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |instant| instant.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_calendar_dates_are_read() {
        assert_eq!(parse_date_ms("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(parse_date_ms("1970-01-02"), Ok(86_400_000));
        assert_eq!(parse_date_ms("1970-01-01T01:00:00+01:00"), Ok(0));
        for text in ["soon", "", "20260301", "2026-03-01T14:10", "2026-02-30", "2026-3-1", "99999-01-01"] {
            assert_eq!(parse_date_ms(text), Err(DateError), "{text}");
        }
    }

    #[test]
    fn what_a_date_leaves_open_is_assumed_and_said() {
        let (utc, ms) = (Some(Assumed::Utc), Some(Assumed::Milliseconds));
        for (text, at_ms, assumed) in [
            ("1970-01-01T00:00:01Z", 1000, None),
            ("1970-01-02", DAY_MS, None),
            ("1970-01-01T00:00:01", 1000, utc),
            ("1970-01-01 00:01", 60_000, utc),
            (" 1970-01-01T00:00:01.250 ", 1250, utc),
            ("1772000000000", 1_772_000_000_000, ms),
            ("-1772000000000", -1_772_000_000_000, ms),
        ] {
            assert_eq!(read_date(text), Ok(Dated { at_ms, assumed }), "{text}");
        }
        let wrong = ["", "soon", "1772000000", "20260301", "9223372036854775807", "2026-02-30T10:00", "1e12"];
        for text in
            wrong.into_iter().chain(["2026-03-01T14", "2026-03-01T1410", "2026-03-01T14:10[Europe/Oslo]"])
        {
            assert_eq!(read_date(text), Err(DateError), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_day_or_a_time_of_day() {
        let start = |text: &str| parse_moment_ms(text, DayEdge::Start);
        assert_eq!(start("1970-01-02"), Ok(DAY_MS));
        assert_eq!(parse_moment_ms("1970-01-02", DayEdge::End), Ok(2 * DAY_MS));
        for text in ["1970-01-01 00:01", "1970-01-01T00:01", "1970-01-01T00:01:00", "1970-01-01T01:01+01:00"]
        {
            assert_eq!(start(text), Ok(60_000), "{text}");
        }
        assert_eq!(parse_moment_ms("1970-01-01 00:00:01", DayEdge::End), Ok(1000));
        for text in ["", "soon", "2026-02-30", "2026-03-01 25:00", "2026-03-01 1410", "14:10"] {
            assert_eq!(start(text), Err(MomentError), "{text}");
        }
    }
}
