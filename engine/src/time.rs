//! Instants as epoch milliseconds, read from the date texts that conditions and attributes use.

use jiff::{Timestamp, civil, tz::TimeZone};

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
}
