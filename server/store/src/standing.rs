//! How a store stands to its database, for whoever says how the server is.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::Store;

/// An instant or none, without a lock.
#[derive(Debug)]
pub(crate) struct Since(AtomicI64);

impl Since {
    const NEVER: i64 = i64::MIN;

    pub(crate) fn new(at_ms: Option<i64>) -> Self {
        Self(AtomicI64::new(at_ms.unwrap_or(Self::NEVER)))
    }

    pub(crate) fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|at_ms| *at_ms != Self::NEVER)
    }

    pub(crate) fn end(&self) {
        self.0.store(Self::NEVER, Ordering::Release);
    }
}

/// What is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How far this copy's clock is off the database's; positive: ahead. What could be the time that asking took is
    /// no skew.
    pub skew_ms: i64,
    /// The clock is so far off that this copy leaves the guard to others.
    pub leaves_guard: bool,
    /// The server started without its database, which has not come yet: decisions are those of a file that was written
    /// then (epoch ms), and there is nothing else.
    pub stands_in_since_ms: Option<i64>,
}

impl Store {
    /// When the file was written that decisions are made from, while the database has not come yet. Takes no lock.
    pub fn stands_in_since_ms(&self) -> Option<i64> {
        self.0.stands_in_since_ms.get()
    }

    /// Whether the database has not come yet since this store was opened.
    pub fn is_away(&self) -> bool {
        self.stands_in_since_ms().is_some()
    }

    pub fn standing(&self) -> Standing {
        let skew = self.live().skew();
        Standing {
            skew_ms: skew.ms(),
            leaves_guard: skew.is_too_large(),
            stands_in_since_ms: self.stands_in_since_ms(),
        }
    }
}
