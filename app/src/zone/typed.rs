//! Times as they are typed, in the reader's zone: in fields for date and time, for a day, and in the filters of a page.

use engine::DayEdge;
use jiff::{
    Timestamp, Zoned,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, Offset},
};

use super::{Zone, zone};
use crate::page::Visit;

/// Why a typed time is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedTimeError {
    #[error("write a date and a time like 2026-01-31T14:10")]
    Unreadable,
    #[error("{time} does not exist on {day} in {zone}: the clocks go forward over it")]
    Skipped { time: String, day: String, zone: String },
    #[error(
        "{time} comes twice on {day} in {zone}: write {time}{first} for the first time, {time}{second} for the second"
    )]
    Twice { time: String, day: String, zone: String, first: Offset, second: Offset },
}

/// `2026-11-22T21:19`, what a field for date and time shows; with its distance to UTC where that would not be clear.
pub fn field(at_ms: i64) -> String {
    let zone = zone();
    let text = zone.format(at_ms, "%Y-%m-%dT%H:%M");
    let is_clear = text.parse().is_ok_and(|typed| !is_ambiguous(&zone, typed));
    if is_clear { text } else { zone.format(at_ms, "%Y-%m-%dT%H:%M%:z") }
}

/// The field to type it in: the browser's own, which takes no distance to UTC, or one for text where that has to be written.
pub fn field_kind(value: &str) -> &'static str {
    let is_clear = |typed| !is_ambiguous(&zone(), typed);
    if value.is_empty() || value.parse().is_ok_and(is_clear) { "datetime-local" } else { "text" }
}

/// The same for the time of a day that stands in a field of its own.
pub fn time_kind(day: &str, time: &str) -> &'static str {
    let is_clear = time.is_empty()
        || time.parse::<Time>().is_ok()
            && day.parse::<Date>().is_ok_and(|day| {
                !is_ambiguous(&zone(), day.to_datetime(time.parse().unwrap_or_else(|_| Time::midnight())))
            });
    if is_clear || day.is_empty() { "time" } else { "text" }
}

/// What a field for date and time sent. With a zone of its own it means that one.
pub fn read(text: &str) -> Result<i64, TypedTimeError> {
    read_in(&zone(), text)
}

/// The same, of what names no zone of its own: it means something else to a reader elsewhere.
pub fn read_here(text: &str) -> Option<i64> {
    if text.trim().parse::<Timestamp>().is_ok() { None } else { read(text).ok() }
}

/// A day, perhaps with a time of day.
pub fn read_moment(text: &str, edge: DayEdge) -> Result<i64, TypedTimeError> {
    match text.trim().parse::<Date>() {
        Ok(day) if !text.contains(['T', 't', ':']) => {
            day_edge_ms(&zone(), day, edge).ok_or(TypedTimeError::Unreadable)
        }
        _ => read(text),
    }
}

fn day_edge_ms(zone: &Zone, day: Date, edge: DayEdge) -> Option<i64> {
    match edge {
        DayEdge::Start => zone.day_start_ms(day),
        DayEdge::End => zone.day_start_ms(day.tomorrow().ok()?),
    }
}

fn read_in(zone: &Zone, text: &str) -> Result<i64, TypedTimeError> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let (day, rest) = text.split_once(['T', 't', ' ']).ok_or(TypedTimeError::Unreadable)?;
    // A day alone is no time, nor is a zone's name behind it.
    let is_plain = rest.contains(':') && rest.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.');
    let typed = format!("{day}T{rest}").parse::<DateTime>().ok().filter(|_| is_plain);
    let typed = typed.ok_or(TypedTimeError::Unreadable)?;
    let told = || {
        (typed.strftime("%H:%M").to_string(), typed.strftime("%-d %b %Y").to_string(), zone.name().to_owned())
    };
    let ambiguous = zone.0.to_ambiguous_zoned(typed);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => ambiguous
            .unambiguous()
            .map(|at: Zoned| at.timestamp().as_millisecond())
            .map_err(|_| TypedTimeError::Unreadable),
        AmbiguousOffset::Gap { .. } => {
            let (time, day, zone) = told();
            Err(TypedTimeError::Skipped { time, day, zone })
        }
        AmbiguousOffset::Fold { before, after } => {
            let (time, day, zone) = told();
            Err(TypedTimeError::Twice { time, day, zone, first: before, second: after })
        }
    }
}

fn is_ambiguous(zone: &Zone, typed: DateTime) -> bool {
    matches!(zone.0.to_ambiguous_zoned(typed).offset(), AmbiguousOffset::Fold { .. })
}

/// Days that a page is narrowed to, as they stand in its address: with the zone whose days they are, so that a link means the
/// same to everybody. Without one they are days of UTC, as in links of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    pub zone: Zone,
    /// A calendar date, included.
    pub from: Option<String>,
    /// A calendar date, included.
    pub until: Option<String>,
}

impl Default for Days {
    fn default() -> Self {
        Self { zone: Zone::UTC, from: None, until: None }
    }
}

impl Days {
    /// What cannot be read narrows nothing.
    pub fn read(visit: &Visit) -> Self {
        let date = |name| visit.query(name).filter(|text| text.parse::<Date>().is_ok());
        let (from, until) = (date("from"), date("until"));
        let said = visit.query("zone").and_then(|name| Zone::parse(&name));
        let zone = match said {
            Some(said) => said,
            None if from.is_none() && until.is_none() => zone(),
            None => Zone::UTC,
        };
        Self { zone, from, until }
    }

    pub fn is_filtered(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    fn edge_ms(&self, day: Option<&String>, edge: DayEdge) -> Option<i64> {
        day_edge_ms(&self.zone, day?.parse().ok()?, edge)
    }

    /// Epoch ms, included.
    pub fn from_ms(&self) -> Option<i64> {
        self.edge_ms(self.from.as_ref(), DayEdge::Start)
    }

    /// Epoch ms, excluded: the end of the last day.
    pub fn until_ms(&self) -> Option<i64> {
        self.edge_ms(self.until.as_ref(), DayEdge::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::read_in as reading_in;

    #[test]
    fn a_typed_time_is_the_readers() {
        assert_eq!(read("1970-01-01T00:01"), Ok(60_000), "UTC where nobody says otherwise");
        reading_in("Europe/Berlin", || {
            assert_eq!(read("1970-01-01T01:01"), Ok(60_000));
            assert_eq!(read("1970-01-01 01:01:05"), Ok(65_000));
            assert_eq!(read("1970-01-01T00:01:00Z"), Ok(60_000), "what names a zone means that one");
            assert_eq!(read(&field(86_400_000)), Ok(86_400_000));
            for wrong in ["", "yesterday", "2026-13-01T00:00", "2026-03-01", "2026-03-01T14"] {
                assert_eq!(read(wrong), Err(TypedTimeError::Unreadable), "{wrong}");
            }
        });
    }

    #[test]
    fn what_clocks_skip_or_repeat_is_told() {
        reading_in("Europe/Berlin", || {
            let skipped = read("2026-03-29T02:30").expect_err("no such time").to_string();
            assert_eq!(
                skipped,
                "02:30 does not exist on 29 Mar 2026 in Europe/Berlin: the clocks go forward over it"
            );
            let twice = read("2026-10-25T02:30").expect_err("two such times").to_string();
            assert!(twice.ends_with("write 02:30+02 for the first time, 02:30+01 for the second"), "{twice}");
            let first = read("2026-10-25T02:30+02:00").expect("a time");
            let second = read("2026-10-25T02:30+01").expect("a time");
            assert_eq!(second - first, 3_600_000);
            assert_eq!(field(first), "2026-10-25T02:30+02:00", "shown so that it is read as the same");
            assert_eq!(read(&field(second)), Ok(second));
            assert_eq!(field_kind(&field(second)), "text");
            assert_eq!(field_kind("2026-10-25T02:30"), "text", "where the answer can be typed");
            assert_eq!(field_kind("2026-10-25T03:30"), "datetime-local");
            assert_eq!(time_kind("2026-10-25", "02:30"), "text");
            assert_eq!((time_kind("2026-10-25", "04:30"), time_kind("", "")), ("time", "time"));
        });
    }

    #[test]
    fn a_day_begins_and_ends_at_the_readers_midnights() {
        reading_in("America/Sao_Paulo", || {
            let hour_ms = 3_600_000;
            assert_eq!(read_moment("1970-01-01", DayEdge::Start), Ok(3 * hour_ms));
            assert_eq!(read_moment("1970-01-01", DayEdge::End), Ok(27 * hour_ms));
            assert_eq!(read_moment("1970-01-01 14:10", DayEdge::End), Ok(17 * hour_ms + 600_000));
        });
        let days = Days {
            zone: Zone::parse("Europe/Berlin").expect("a zone"),
            from: Some("2026-03-29".to_owned()),
            until: Some("2026-03-29".to_owned()),
        };
        let hours = days.until_ms().zip(days.from_ms()).map(|(until, from)| (until - from) / 3_600_000);
        assert_eq!(hours, Some(23));
    }
}
