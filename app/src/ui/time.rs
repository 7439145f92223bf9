//! Instants and durations as people say them.

use engine::counted;
use jiff::{Timestamp, tz::TimeZone};
use leptos::prelude::*;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

/// `<time>`: how long ago, with the full instant as its title.
pub fn ago(now_ms: i64, at_ms: i64) -> impl IntoView {
    view! { <time datetime=iso(at_ms) title=full(at_ms)>{ago_phrase(now_ms, at_ms)}</time> }
}

/// `<time>`: the instant itself.
pub fn instant(at_ms: i64) -> impl IntoView {
    view! { <time datetime=iso(at_ms)>{full(at_ms)}</time> }
}

/// `<time>`: beside a number that is not of now, of when it is.
pub fn of(now_ms: i64, at_ms: i64) -> impl IntoView {
    view! { <time datetime=iso(at_ms) title=full(at_ms)>{of_phrase(now_ms, at_ms)}</time> }
}

/// `of 14:03`; of another day with its date.
fn of_phrase(now_ms: i64, at_ms: i64) -> String {
    let is_today = date(now_ms) == date(at_ms);
    format!("of {}", if is_today { format_utc(at_ms, "%H:%M") } else { minute(at_ms) })
}

/// `just now`, `5 min ago`, `3 h ago`, `yesterday`, `12 days ago`, `3 Mar 2026`; `in 3 h` for what is to come.
pub fn ago_phrase(now_ms: i64, at_ms: i64) -> String {
    let seconds = (now_ms - at_ms) / 1000;
    if seconds < 0 {
        return match -seconds {
            s if s < MINUTE_S => "in a moment".to_owned(),
            s if s < HOUR_S => format!("in {} min", s / MINUTE_S),
            s if s < DAY_S => format!("in {} h", s / HOUR_S),
            s => format!("in {}", counted(s / DAY_S, "day")),
        };
    }
    match seconds {
        s if s < 45 => "just now".to_owned(),
        s if s < HOUR_S => format!("{} min ago", (s / MINUTE_S).max(1)),
        s if s < DAY_S => format!("{} h ago", s / HOUR_S),
        s if s < 2 * DAY_S => "yesterday".to_owned(),
        s if s < 30 * DAY_S => format!("{} ago", counted(s / DAY_S, "day")),
        _ => date(at_ms),
    }
}

/// `20 seconds`, `2 minutes`: rounded up, so that nobody comes back too early.
pub fn wait_phrase(seconds: u64) -> String {
    match seconds {
        ..=90 => counted(seconds.max(1), "second"),
        91..=5400 => counted(seconds.div_ceil(60), "minute"),
        _ => counted(seconds.div_ceil(3600), "hour"),
    }
}

/// RFC 3339 in UTC.
pub fn iso(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map(|at| at.to_string()).unwrap_or_default()
}

/// `22 Nov 2026, 20:19:05 UTC`.
pub fn full(at_ms: i64) -> String {
    format_utc(at_ms, "%-d %b %Y, %H:%M:%S UTC")
}

/// `22 Nov 2026`.
pub fn date(at_ms: i64) -> String {
    format_utc(at_ms, "%-d %b %Y")
}

/// A moment from which something counts: `22 Nov 2026`, with the time of day unless that is midnight.
pub fn first_moment(at_ms: i64) -> String {
    if at_ms % (DAY_S * 1000) == 0 { date(at_ms) } else { full(at_ms) }
}

/// A moment that ends something, exclusive: of midnight, the day before, which counts to its end.
pub fn last_moment(at_ms: i64) -> String {
    if at_ms % (DAY_S * 1000) == 0 { date(at_ms - 1) } else { full(at_ms) }
}

/// `22 Nov`.
pub fn day(at_ms: i64) -> String {
    format_utc(at_ms, "%-d %b")
}

/// `22 Nov 2026, 20:19 UTC`.
pub fn minute(at_ms: i64) -> String {
    format_utc(at_ms, "%-d %b %Y, %H:%M UTC")
}

/// `2026-11-22T20:19`: the value of a field for date and time.
pub fn field(at_ms: i64) -> String {
    format_utc(at_ms, "%Y-%m-%dT%H:%M")
}

/// What such a field sent, read in UTC; also RFC 3339.
pub fn parse_field(text: &str) -> Option<i64> {
    let instant = text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse::<Timestamp>());
    instant.ok().map(Timestamp::as_millisecond)
}

/// `20:19:05`.
pub fn clock(at_ms: i64) -> String {
    format_utc(at_ms, "%H:%M:%S")
}

fn format_utc(at_ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(at_ms)
        .map(|at| at.to_zoned(TimeZone::UTC).strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_before_says_of_when_it_is() {
        let now_ms = 1_795_378_765_000;
        assert_eq!(of_phrase(now_ms, now_ms - 16 * 60_000), "of 20:03");
        assert_eq!(of_phrase(now_ms, now_ms - DAY_S * 1000), "of 21 Nov 2026, 20:19 UTC");
        let html = of(now_ms, now_ms - 16 * 60_000).to_html();
        assert!(html.starts_with("<time datetime=\"2026-11-22T20:03:25Z\""), "{html}");
        assert!(html.contains("title=\"22 Nov 2026, 20:03:25 UTC\"") && html.contains(">of 20:03"), "{html}");
    }

    #[test]
    fn an_instant_is_told_relative_to_now() {
        let now = 1_795_378_765_000;
        let cases = [
            (0, "just now"),
            (5 * MINUTE_S, "5 min ago"),
            (3 * HOUR_S, "3 h ago"),
            (30 * HOUR_S, "yesterday"),
            (12 * DAY_S, "12 days ago"),
            (-2 * HOUR_S, "in 2 h"),
        ];
        for (seconds, phrase) in cases {
            assert_eq!(ago_phrase(now, now - seconds * 1000), phrase);
        }
        assert_eq!(full(0), "1 Jan 1970, 00:00:00 UTC");
    }

    #[test]
    fn a_field_for_date_and_time_is_read_in_utc() {
        assert_eq!(parse_field("1970-01-01T00:01"), Some(60_000));
        assert_eq!(parse_field("1970-01-01T00:01:05"), Some(65_000));
        assert_eq!(parse_field("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_field(&field(86_400_000)), Some(86_400_000));
        for wrong in ["", "yesterday", "2026-13-01T00:00"] {
            assert_eq!(parse_field(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        assert_eq!(wait_phrase(20), "20 seconds");
        assert_eq!(wait_phrase(121), "3 minutes");
    }
}
