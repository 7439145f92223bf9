//! Which day it is. Trips are sold for the next days only, so the site has to know; nothing else here does.

use jiff::{civil::Date, tz::TimeZone};

/// Where "today" comes from: the machine, or a test.
#[derive(Clone, Copy, Debug)]
pub enum Calendar {
    System,
    Fixed(Date),
}

impl Calendar {
    /// Today in UTC.
    pub fn today(&self) -> Date {
        match self {
            Self::System => now().to_zoned(TimeZone::UTC).date(),
            Self::Fixed(date) => *date,
        }
    }
}

/// This moment, as epoch ms.
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

#[expect(clippy::disallowed_methods, reason = "the booking site is no part of Fader and has no store::Clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
