//! How a store stands to its database, for whoever says how the server is.

use crate::Store;

/// What is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How far this copy's clock is off the database's; positive: ahead. What could be the time that asking took is
    /// no skew.
    pub skew_ms: i64,
    /// The clock is so far off that this copy leaves the guard to others.
    pub leaves_guard: bool,
}

impl Store {
    pub fn standing(&self) -> Standing {
        let skew = self.live().skew();
        Standing { skew_ms: skew.ms(), leaves_guard: skew.is_too_large() }
    }
}
