//! What requests count in passing for an operator to see: atomic additions, no lock. `/metrics` shows them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use store::{Meter, Timings};

/// How a question of an OpenFeature client was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluation {
    /// For one flag.
    One,
    /// For all flags.
    All,
    /// For all flags: what the client has still holds.
    Unchanged,
}

impl Evaluation {
    pub const ALL: [Self; 3] = [Self::One, Self::All, Self::Unchanged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Since the server started.
#[derive(Debug, Default)]
pub struct Figures {
    evaluations: Meter<3>,
    decisions: Meter<1>,
    /// From the moment that a change bears to its announcement to streams.
    reached: Timings,
    streams: AtomicUsize,
}

impl Figures {
    pub fn evaluated(&self, how: Evaluation) {
        self.evaluations.add(how as usize, 1);
    }

    pub fn decided(&self, decisions: u64) {
        self.decisions.add(0, decisions);
    }

    pub fn reached_streams(&self, after: Duration) {
        self.reached.note(after);
    }

    pub fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stream_ended(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// In the order of [`Evaluation::ALL`].
    pub fn evaluations(&self) -> [u64; 3] {
        self.evaluations.sums()
    }

    pub fn decisions(&self) -> u64 {
        self.decisions.sums()[0]
    }

    pub fn reach(&self) -> &Timings {
        &self.reached
    }

    /// Of clients, open now.
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }
}
