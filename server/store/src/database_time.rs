//! The time of the database: the one clock that all copies of the server share. Leases and everything that is deleted
//! by its age go by it, so that a copy whose own clock is wrong neither keeps others away nor deletes what is young.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::{
    Clock, Store, StoreError,
    clock::DatabaseClock,
    db::{Db, args},
    limits::CLOCK_SKEW_MS_MAX,
};

/// One SQL text in both dialects, with the database's time as a number of milliseconds in place of `NOW`; the two
/// arguments of [`DatabaseClock`] stand first. A clock that was set in a test comes as the first.
macro_rules! at_database_time {
    ($db:expr, $before:literal NOW $after:literal) => {
        match $db {
            $crate::db::Db::Sqlite { .. } => concat!(
                $before,
                "COALESCE($1, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) + $2)",
                $after
            ),
            $crate::db::Db::Pg(_) => concat!(
                $before,
                "COALESCE($1, CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) + $2)",
                $after
            ),
        }
    };
}
pub(crate) use at_database_time;

impl DatabaseClock {
    /// `$1` and `$2` of [`at_database_time`].
    pub(crate) fn args(self) -> (Option<i64>, i64) {
        match self {
            Self::Its { ahead_ms } => (None, ahead_ms),
            Self::Set(now_ms) => (Some(now_ms), 0),
        }
    }
}

/// How far this copy's clock is off the database's, as far as it is known. Positive: ahead.
#[derive(Debug, Default)]
pub(crate) struct Skew {
    ms: AtomicI64,
    too_large: AtomicBool,
}

impl Skew {
    pub(crate) fn ms(&self) -> i64 {
        self.ms.load(Ordering::Relaxed)
    }

    /// Whether this copy has to leave to others what goes by the clock.
    pub(crate) fn is_too_large(&self) -> bool {
        self.ms().unsigned_abs() > CLOCK_SKEW_MS_MAX.unsigned_abs()
    }

    /// Takes in that the database said `database_ms` at some moment between two of ours: what could be the time that the
    /// answer took is no skew. Said once when it becomes too large, and once when it is not any more.
    pub(crate) fn note(&self, asked_ms: i64, database_ms: i64, answered_ms: i64) {
        let skew_ms = if database_ms < asked_ms {
            asked_ms.saturating_sub(database_ms)
        } else if database_ms > answered_ms {
            answered_ms.saturating_sub(database_ms)
        } else {
            0
        };
        self.ms.store(skew_ms, Ordering::Relaxed);
        let too_large = self.is_too_large();
        if self.too_large.swap(too_large, Ordering::Relaxed) == too_large {
            return;
        }
        if too_large {
            tracing::error!(
                skew_ms,
                "this machine's clock is not the database's: set it; until then others guard"
            );
        } else {
            tracing::info!(skew_ms, "this machine's clock agrees with the database's again");
        }
    }
}

impl Db {
    /// What time it is for the database, in epoch milliseconds, for whoever goes by `clock`.
    pub(crate) async fn now_ms(&self, clock: &Clock) -> Result<i64, StoreError> {
        let (set_ms, ahead_ms) = clock.database().args();
        let (now_ms,) = self
            .one::<(i64,)>(at_database_time!(self, "SELECT " NOW " AS now_ms"), args![set_ms, ahead_ms])
            .await?;
        Ok(now_ms)
    }
}

impl Store {
    /// What time it is for the database as far as that is known without asking: this copy's clock, put right by what was
    /// seen of it within the last second. What is written down for all copies bears this time.
    pub(crate) fn shared_now_ms(&self) -> i64 {
        match self.clock().database() {
            DatabaseClock::Set(now_ms) => now_ms,
            DatabaseClock::Its { .. } => self.clock().now_ms().saturating_sub(self.live().skew().ms()),
        }
    }

    /// What time it is for the database, in epoch milliseconds; notes how far this copy's clock is off.
    pub async fn database_now_ms(&self) -> Result<i64, StoreError> {
        let asked_ms = self.clock().now_ms();
        let now_ms = self.db().now_ms(self.clock()).await?;
        self.live().skew().note(asked_ms, now_ms, self.clock().now_ms());
        Ok(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_an_answer_took_is_no_skew() {
        let skew = Skew::default();
        for (asked_ms, database_ms, answered_ms, expected_ms) in
            [(0, 0, 0, 0), (0, 9_000, 10_000, 0), (90_000, 0, 90_010, 90_000), (0, 20_000, 10, -19_990)]
        {
            skew.note(asked_ms, database_ms, answered_ms);
            assert_eq!(skew.ms(), expected_ms, "{asked_ms} {database_ms} {answered_ms}");
            assert_eq!(skew.is_too_large(), expected_ms != 0);
        }
        skew.note(5_000, 0, 5_000);
        assert!(!skew.is_too_large(), "five seconds are borne");
    }
}
