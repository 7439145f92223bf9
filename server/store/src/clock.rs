//! The only place that reads the ambient clock. Everything else is told what time it is, so that tests can set it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) const SECOND_MS: i64 = 1000;
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// The machine's clock and so many milliseconds: tests of a running program need not wait for hours.
    Ahead(i64),
    /// Epoch milliseconds that a test or the demo sets.
    Manual(Arc<AtomicI64>),
    /// A clock that is wrong by so many milliseconds, while its database is not.
    Wrong { right: Box<Self>, by_ms: i64 },
}

/// What the database's clock says, for whoever goes by this clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseClock {
    /// What it says, and so many milliseconds.
    Its { ahead_ms: i64 },
    /// This, whatever it says.
    Set(i64),
}

impl Clock {
    /// A clock that stands at `now_ms` until it is moved.
    pub fn manual(now_ms: i64) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => system_ms(),
            Self::Ahead(by_ms) => system_ms().saturating_add(*by_ms),
            Self::Manual(now) => now.load(Ordering::SeqCst),
            Self::Wrong { right, by_ms } => right.now_ms().saturating_add(*by_ms),
        }
    }

    /// This clock gone wrong: what its database says stays as it was.
    #[must_use]
    pub fn wrong_by(self, by_ms: i64) -> Self {
        Self::Wrong { right: Box::new(self), by_ms }
    }

    pub(crate) fn database(&self) -> DatabaseClock {
        match self {
            Self::System => DatabaseClock::Its { ahead_ms: 0 },
            Self::Ahead(ahead_ms) => DatabaseClock::Its { ahead_ms: *ahead_ms },
            Self::Manual(now) => DatabaseClock::Set(now.load(Ordering::SeqCst)),
            Self::Wrong { right, .. } => right.database(),
        }
    }

    /// Moves a manual clock; the machine's is left alone.
    pub fn advance(&self, by_ms: i64) {
        match self {
            Self::System | Self::Ahead(_) => {}
            Self::Manual(now) => drop(now.fetch_add(by_ms, Ordering::SeqCst)),
            Self::Wrong { right, .. } => right.advance(by_ms),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this module is where the ambient clock is read")]
fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
