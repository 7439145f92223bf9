//! Since when the oldest of what was taken in waits to be written. While that is too long the database takes nothing, and
//! more is not promised: what was acknowledged has to find its way into the database, also when the server stops.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::limits::{INTAKE_BEHIND_MAX, INTAKE_RETRY_AFTER_S};

/// Events are not taken in at the moment; nothing of the request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database has taken no events for {waiting_s} seconds; nothing of this was taken, send it again later"
)]
pub struct Behind {
    waiting_s: u64,
}

impl Behind {
    pub const RETRY_AFTER_S: u64 = INTAKE_RETRY_AFTER_S;
}

/// The buffer has no room; nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more events arrive than the server can write down; send these again later")]
pub struct Full;

/// Who writes what was taken in.
#[derive(Debug, Clone, Copy)]
pub enum Writing {
    Exposures,
    Outcomes,
}

#[derive(Debug)]
pub struct Backlog {
    started: Instant,
    /// Milliseconds after the start, plus one; 0 where nothing waits that should have been written.
    since: [AtomicU64; 2],
}

impl Backlog {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), since: [AtomicU64::new(0), AtomicU64::new(0)] }
    }

    /// Something that came at `since` is to be written now. What waits already, waits longer.
    pub fn begins(&self, who: Writing, since: Instant) {
        let ms = since.saturating_duration_since(self.started).as_millis();
        let ms = u64::try_from(ms).unwrap_or(u64::MAX - 1) + 1;
        // An error says that it waits already.
        let _ = self.slot(who).compare_exchange(0, ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn written(&self, who: Writing) {
        self.slot(who).store(0, Ordering::Relaxed);
    }

    /// How long the oldest waits.
    pub fn waiting(&self) -> Duration {
        let oldest = self.since.iter().map(|it| it.load(Ordering::Relaxed)).filter(|ms| *ms > 0).min();
        let since = oldest.map(|ms| Duration::from_millis(ms - 1));
        since.map_or(Duration::ZERO, |since| self.started.elapsed().saturating_sub(since))
    }

    /// Whether more may be promised.
    pub fn check(&self) -> Result<(), Behind> {
        let waiting = self.waiting();
        if waiting <= INTAKE_BEHIND_MAX { Ok(()) } else { Err(Behind { waiting_s: waiting.as_secs() }) }
    }

    fn slot(&self, who: Writing) -> &AtomicU64 {
        match who {
            Writing::Exposures => &self.since[0],
            Writing::Outcomes => &self.since[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_that_waits_counts() {
        let backlog = Backlog::new();
        assert_eq!(backlog.waiting(), Duration::ZERO);
        let long_ago = Instant::now();
        tokio::time::sleep(Duration::from_millis(30)).await;
        backlog.begins(Writing::Exposures, long_ago);
        backlog.begins(Writing::Outcomes, Instant::now());
        backlog.begins(Writing::Exposures, Instant::now());
        assert!(backlog.waiting() >= Duration::from_millis(30));
        backlog.check().expect("not for long");
        backlog.written(Writing::Exposures);
        assert!(backlog.waiting() < Duration::from_millis(30));
        backlog.written(Writing::Outcomes);
        assert_eq!(backlog.waiting(), Duration::ZERO);
    }
}
