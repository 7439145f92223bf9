//! Instants and durations as people say them, in the zone of whoever reads ([`crate::zone`]).

use engine::counted;
use jiff::Timestamp;
use leptos::prelude::*;

use crate::zone::{Zone, zone};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

/// `<time>`: how long ago, with the full instant as its title.
pub fn ago(now_ms: i64, at_ms: i64) -> impl IntoView {
    at(at_ms, ago_phrase(now_ms, at_ms))
}

/// `<time>`: the instant itself.
pub fn instant(at_ms: i64) -> impl IntoView {
    at(at_ms, full(at_ms))
}

/// `<time>`: beside a number that is not of now, of when it is.
pub fn of(now_ms: i64, at_ms: i64) -> impl IntoView {
    at(at_ms, of_phrase(now_ms, at_ms))
}

/// `<time>`: the instant in other words.
pub fn at(at_ms: i64, text: String) -> impl IntoView {
    view! { <time datetime=iso(at_ms) title=hover(at_ms)>{text}</time> }
}

/// What is told on hover: the instant for its reader, and in UTC.
pub fn hover(at_ms: i64) -> String {
    if zone() == Zone::UTC { utc(at_ms) } else { format!("{} · {}", full(at_ms), utc(at_ms)) }
}

/// `of 14:03`; of another day with its date.
fn of_phrase(now_ms: i64, at_ms: i64) -> String {
    format!("of {}", if is_same_day(now_ms, at_ms) { hour(at_ms) } else { minute(at_ms) })
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

/// `22 Nov 2026, 20:19:05 UTC`, wherever it is read.
pub fn utc(at_ms: i64) -> String {
    Zone::UTC.format(at_ms, "%-d %b %Y, %H:%M:%S UTC")
}

/// `22 Nov 2026`, the day of UTC.
pub fn utc_date(at_ms: i64) -> String {
    Zone::UTC.format(at_ms, "%-d %b %Y")
}

/// `22 Nov 2026, 21:19:05 CET`.
pub fn full(at_ms: i64) -> String {
    with_letters(zone().format(at_ms, "%-d %b %Y, %H:%M:%S"), at_ms)
}

/// `22 Nov 2026`.
pub fn date(at_ms: i64) -> String {
    zone().format(at_ms, "%-d %b %Y")
}

/// A moment from which something counts: `22 Nov 2026`, with the time of day unless that is midnight.
pub fn first_moment(at_ms: i64) -> String {
    if zone().is_midnight(at_ms) { date(at_ms) } else { full(at_ms) }
}

/// A moment that ends something, exclusive: of midnight, the day before, which counts to its end.
pub fn last_moment(at_ms: i64) -> String {
    if zone().is_midnight(at_ms) { date(at_ms - 1) } else { full(at_ms) }
}

/// `22 Nov`.
pub fn day(at_ms: i64) -> String {
    zone().format(at_ms, "%-d %b")
}

/// `22 Nov 2026, 21:19 CET`.
pub fn minute(at_ms: i64) -> String {
    with_letters(zone().format(at_ms, "%-d %b %Y, %H:%M"), at_ms)
}

/// `21:19:05`.
pub fn clock(at_ms: i64) -> String {
    zone().format(at_ms, "%H:%M:%S")
}

/// `21:19`.
pub fn hour(at_ms: i64) -> String {
    zone().format(at_ms, "%H:%M")
}

/// What the reader's zone is called at a moment: `CET`, `UTC`, `UTC+0545`.
pub fn letters(at_ms: i64) -> String {
    zone().letters(at_ms)
}

/// `20:19:05 CET` of the day it is now, otherwise with the date.
pub fn today(now_ms: i64, at_ms: i64) -> String {
    if is_same_day(now_ms, at_ms) { with_letters(clock(at_ms), at_ms) } else { full(at_ms) }
}

/// Whether two moments are of one day of the reader's calendar.
pub fn is_same_day(one_ms: i64, other_ms: i64) -> bool {
    zone().day(one_ms) == zone().day(other_ms)
}

fn with_letters(text: String, at_ms: i64) -> String {
    format!("{text} {}", letters(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::read_in;

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
    fn an_instant_is_told_in_the_zone_of_its_reader_with_utc_on_hover() {
        let at_ms = 1_795_378_765_000;
        read_in("Europe/Berlin", || {
            assert_eq!(full(at_ms), "22 Nov 2026, 21:19:25 CET");
            assert_eq!(minute(at_ms + 4 * HOUR_S * 1000), "23 Nov 2026, 01:19 CET");
            let html = instant(at_ms).to_html();
            assert!(
                html.contains("title=\"22 Nov 2026, 21:19:25 CET · 22 Nov 2026, 20:19:25 UTC\""),
                "{html}"
            );
            assert!(html.contains("datetime=\"2026-11-22T20:19:25Z\""), "{html}");
        });
        read_in("Asia/Kathmandu", || assert_eq!(minute(at_ms), "23 Nov 2026, 02:04 UTC+0545"));
        read_in("America/New_York", || {
            assert_eq!(last_moment(1_795_410_000_000), "22 Nov 2026", "midnight there");
            assert_eq!(last_moment(1_795_392_000_000), "22 Nov 2026, 19:00:00 EST", "midnight elsewhere");
            assert_eq!(today(at_ms, at_ms), "15:19:25 EST");
        });
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        assert_eq!(wait_phrase(20), "20 seconds");
        assert_eq!(wait_phrase(121), "3 minutes");
    }
}
