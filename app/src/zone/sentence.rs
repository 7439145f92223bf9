//! Moments in sentences. The engine, the audit log and everything else that was written once speaks UTC, as
//! `engine::instant_phrase` has it; whoever reads it in a page reads their own zone, with UTC on hover.

use jiff::civil::DateTime;

use super::{Zone, zone};
use crate::ui::time;

/// `2026-03-01 14:10 UTC` without its last word.
const MOMENT_BYTES: usize = "2026-03-01 14:10".len();
const UTC: &str = " UTC";

/// Where text stands decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Elements may.
    Elements,
    /// Text alone may.
    Text,
}

/// A text of a page, as HTML, with its moments in the reader's zone.
pub(crate) fn told(html: &str, place: Place, out: &mut String) {
    let mut rest = html;
    let mut from = 0;
    while let Some(found) = rest[from..].find(UTC) {
        let end = from + found;
        let Some((start, at_ms)) = moment_before(rest, end) else {
            from = end + UTC.len();
            continue;
        };
        out.push_str(&rest[..start]);
        let text = shown(&zone(), at_ms);
        match place {
            Place::Text => out.push_str(&text),
            Place::Elements => {
                let (iso, utc) = (time::iso(at_ms), time::utc(at_ms));
                out.extend(["<time datetime=\"", &iso, "\" title=\"", &utc, "\">", &text, "</time>"]);
            }
        }
        rest = &rest[end + UTC.len()..];
        from = 0;
    }
    out.push_str(rest);
}

/// As elsewhere on a page, to the minute.
fn shown(zone: &Zone, at_ms: i64) -> String {
    format!("{} {}", zone.format(at_ms, "%-d %b %Y, %H:%M"), zone.letters(at_ms))
}

/// The moment that ends at `end`, and where it begins.
fn moment_before(text: &str, end: usize) -> Option<(usize, i64)> {
    let start = end.checked_sub(MOMENT_BYTES)?;
    let moment = text.get(start..end)?;
    let is_whole = !text[..start].ends_with(|c: char| c.is_ascii_digit() || c == '-');
    let at = moment.parse::<DateTime>().ok().filter(|_| is_whole && moment.as_bytes()[10] == b' ')?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((start, at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::read_in;

    fn said(text: &str, place: Place) -> String {
        let mut out = String::new();
        told(text, place, &mut out);
        out
    }

    #[test]
    fn a_moment_in_a_sentence_is_told_in_the_readers_zone() {
        let sentence = format!("Starts {}, scheduled by Ada.", engine::instant_phrase(1_772_374_200_000));
        read_in("Europe/Berlin", || {
            assert_eq!(said(&sentence, Place::Text), "Starts 1 Mar 2026, 15:10 CET, scheduled by Ada.");
            assert_eq!(
                said(&sentence, Place::Elements),
                "Starts <time datetime=\"2026-03-01T14:10:00Z\" title=\"1 Mar 2026, 14:10:00 UTC\">\
                 1 Mar 2026, 15:10 CET</time>, scheduled by Ada."
            );
        });
        assert_eq!(said(&sentence, Place::Text), "Starts 1 Mar 2026, 14:10 UTC, scheduled by Ada.");
    }

    #[test]
    fn what_is_no_moment_stays_as_it_is() {
        read_in("Asia/Tokyo", || {
            for text in [
                "In UTC.",
                " UTC",
                "at 14:10 UTC",
                "2026-02-30 14:10 UTC",
                "12026-03-01 14:10 UTC",
                "é2026-03-0 14:10 UTC",
                "1 Mar 2026, 14:10 UTC",
            ] {
                assert_eq!(said(text, Place::Elements), text);
            }
        });
    }
}
