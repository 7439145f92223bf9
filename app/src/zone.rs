//! The reader's zone: every time of a page is shown in it, and every typed time is read in it. What is stored, linked and
//! exported is UTC.

pub mod choice;
mod sentence;
pub mod typed;

use std::{future::Future, sync::OnceLock};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use store::Principal;

use crate::{cookies, site::Site, state::AppState};

pub(crate) use sentence::{Place, told};

/// Longer is no zone.
const NAME_BYTES_MAX: usize = 64;

tokio::task_local! {
    static READER: Reader;
}

/// Whose zone it is that somebody reads in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Chosen on the account page.
    Account,
    /// What the browser says.
    Browser,
    /// Nobody said anything.
    Nobody,
}

/// A zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// Somebody's zone, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub zone: Zone,
    pub source: Source,
}

impl Zone {
    pub const UTC: Self = Self(TimeZone::UTC);

    /// `Europe/Berlin`, in any case. `None` when the database has no such zone.
    pub fn parse(name: &str) -> Option<Self> {
        let name = Some(name.trim()).filter(|it| (1..=NAME_BYTES_MAX).contains(&it.len()))?;
        if name.eq_ignore_ascii_case("utc") {
            return Some(Self::UTC);
        }
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn zoned(&self, at_ms: i64) -> Option<Zoned> {
        Timestamp::from_millisecond(at_ms).ok().map(|at| at.to_zoned(self.0.clone()))
    }

    /// As `strftime` has it; empty beyond the years that calendars know.
    pub fn format(&self, at_ms: i64, format: &str) -> String {
        self.zoned(at_ms).map(|at| at.strftime(format).to_string()).unwrap_or_default()
    }

    /// What the zone is called at a moment: `CET`, `UTC`, or `UTC+03` where nobody gave it letters.
    pub fn letters(&self, at_ms: i64) -> String {
        let letters = self.format(at_ms, "%Z");
        if letters.starts_with(['+', '-']) { format!("UTC{letters}") } else { letters }
    }

    /// The day of the zone's calendar.
    pub fn day(&self, at_ms: i64) -> Option<Date> {
        self.zoned(at_ms).map(|at| at.date())
    }

    /// When a day begins: midnight, or the first moment after it where the clocks skip it.
    pub fn day_start_ms(&self, day: Date) -> Option<i64> {
        day.to_zoned(self.0.clone()).ok().map(|at| at.timestamp().as_millisecond())
    }

    /// When the day of a moment begins.
    pub fn midnight_before_ms(&self, at_ms: i64) -> i64 {
        self.day(at_ms).and_then(|day| self.day_start_ms(day)).unwrap_or(at_ms)
    }

    /// How far the zone's clock is ahead of UTC.
    fn ahead_ms(&self, at_ms: i64) -> i64 {
        self.zoned(at_ms).map_or(0, |at| i64::from(at.offset().seconds()) * 1000)
    }

    /// The first moment, this one or later, at which the zone's clock has counted whole multiples of `apart_ms`: its midnights
    /// and hours. Where the clock skips one, the moment after.
    pub fn whole_from_ms(&self, at_ms: i64, apart_ms: i64) -> i64 {
        let ahead_ms = self.ahead_ms(at_ms);
        let shown_ms = at_ms + ahead_ms;
        let whole_ms = shown_ms + (-shown_ms).rem_euclid(apart_ms);
        let found_ms = whole_ms - ahead_ms;
        // The clock was changed on the way there.
        let again_ms = whole_ms - self.ahead_ms(found_ms);
        if again_ms >= at_ms && self.ahead_ms(again_ms) == self.ahead_ms(found_ms) {
            again_ms
        } else {
            found_ms
        }
    }

    /// Whether a day begins at this moment.
    pub fn is_midnight(&self, at_ms: i64) -> bool {
        self.midnight_before_ms(at_ms) == at_ms
    }
}

impl Reader {
    const STRANGER: Self = Self { zone: Zone::UTC, source: Source::Nobody };

    fn of(principal: Option<&Principal>, headers: &HeaderMap, site: &Site) -> Self {
        let chosen = principal.and_then(Principal::time_zone).and_then(Zone::parse);
        match (chosen, of_browser(headers, site)) {
            (Some(zone), _) => Self { zone, source: Source::Account },
            (None, Some(zone)) => Self { zone, source: Source::Browser },
            (None, None) => Self::STRANGER,
        }
    }
}

/// What the browser said of its zone.
pub fn of_browser(headers: &HeaderMap, site: &Site) -> Option<Zone> {
    cookies::find(headers, cookies::zone_name(site)).and_then(Zone::parse)
}

/// Who reads what is being made; UTC outside of a request.
pub fn reader() -> Reader {
    READER.try_with(Clone::clone).unwrap_or(Reader::STRANGER)
}

/// The zone of whoever reads what is being made.
pub fn zone() -> Zone {
    reader().zone
}

/// Everything that answers a request is made in the zone of whoever sent it.
pub async fn attach(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let reader = Reader::of(request.extensions().get::<Principal>(), request.headers(), &state.site);
    within(reader, next.run(request)).await
}

/// A future in which somebody reads.
pub fn within<F: Future>(reader: Reader, future: F) -> impl Future<Output = F::Output> {
    READER.scope(reader, future)
}

/// Every zone by name, in alphabetical order.
pub fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names: Vec<_> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        // Beside areas of the world: what old systems called them.
        names.retain(|name| name == "UTC" || name.contains('/'));
        names.sort_unstable();
        names
    })
}

/// What `make` makes for a reader in `zone`.
#[cfg(test)]
pub(crate) fn read_in<T>(zone: &str, make: impl FnOnce() -> T) -> T {
    let zone = Zone::parse(zone).expect("a zone");
    READER.sync_scope(Reader { zone, source: Source::Account }, make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_by_its_name() {
        assert_eq!(Zone::parse("europe/berlin").expect("a zone").name(), "Europe/Berlin");
        assert_eq!(Zone::parse("UTC"), Some(Zone::UTC));
        for wrong in ["", "Europe/Nowhere", "CET-1", "../etc/passwd", &"a".repeat(65)] {
            assert_eq!(Zone::parse(wrong), None, "{wrong}");
        }
        assert!(names().iter().any(|it| it == "Asia/Kathmandu") && names().len() > 400);
    }

    #[test]
    fn a_zone_without_letters_is_told_by_its_distance() {
        let at_ms = 1_795_378_765_000;
        let letters = |name: &str| Zone::parse(name).expect("a zone").letters(at_ms);
        assert_eq!((letters("UTC"), letters("Europe/Berlin")), ("UTC".to_owned(), "CET".to_owned()));
        assert_eq!(letters("Asia/Kathmandu"), "UTC+0545");
    }

    #[test]
    fn whole_hours_are_those_of_the_zones_clock() {
        let hour_ms = 3_600_000;
        let clock = |name: &str, from: &str, apart_ms: i64| {
            let zone = Zone::parse(name).expect("a zone");
            let from_ms = from.parse::<Timestamp>().expect("a moment").as_millisecond();
            let first_ms = zone.whole_from_ms(from_ms, apart_ms);
            let times =
                std::iter::successors(Some(first_ms), |at| Some(zone.whole_from_ms(at + 1, apart_ms)));
            times.take(3).map(|at| zone.format(at, "%d %H:%M")).collect::<Vec<_>>()
        };
        let three_ms = 3 * hour_ms;
        assert_eq!(
            clock("Asia/Kathmandu", "2026-11-22T20:19:25Z", three_ms),
            ["23 03:00", "23 06:00", "23 09:00"]
        );
        assert_eq!(
            clock("Europe/Berlin", "2026-03-28T23:00:00Z", three_ms),
            ["29 00:00", "29 03:00", "29 06:00"]
        );
        assert_eq!(
            clock("Europe/Berlin", "2026-10-24T22:00:00Z", three_ms),
            ["25 00:00", "25 03:00", "25 06:00"]
        );
        let day_ms = 24 * hour_ms;
        assert_eq!(
            clock("America/New_York", "2026-03-08T00:00:00Z", day_ms),
            ["08 00:00", "09 00:00", "10 00:00"]
        );
        assert_eq!(
            clock("Europe/Berlin", "2026-03-29T00:45:00Z", hour_ms / 6),
            ["29 01:50", "29 03:00", "29 03:10"]
        );
    }

    #[test]
    fn a_day_has_the_length_that_its_clocks_give_it() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let hours = |day: Date| {
            let [from, until] = [day, day.tomorrow().expect("a day")].map(|it| berlin.day_start_ms(it));
            (until.expect("a moment") - from.expect("a moment")) / 3_600_000
        };
        assert_eq!(hours(Date::constant(2026, 3, 29)), 23);
        assert_eq!(hours(Date::constant(2026, 10, 25)), 25);
        assert_eq!(hours(Date::constant(2026, 6, 1)), 24);
    }
}
