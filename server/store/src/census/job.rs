//! Counting for one question, in pieces of a few milliseconds: first a random sample that grows, then everybody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use engine::{Context, FlagKey, Mover, Question, Shuffled, Snapshot, Surveyor, Tally};

use super::{
    entry::{Entry, Found},
    questions::{Listed, Listing},
};
use crate::{People, people::Walk};

/// A piece: others that wait for their first answer come in between.
const PIECE: Duration = Duration::from_millis(5);
/// So many decisions are made by whoever asks, who has the exact number then: a few milliseconds.
const INLINE_MAX: usize = 20_000;
/// So many are made without a sample first.
const AT_ONCE_MAX: usize = 50_000;
/// The sample is told when it has so many people.
const TOLD_AT: [usize; 6] = [128, 512, 2_048, 8_192, 32_768, SAMPLE_MAX];
/// The largest sample: its interval is within 0.4 % of all people.
const SAMPLE_MAX: usize = 65_536;
/// A sample of many questions is smaller: about ten seconds of a processor.
const SAMPLE_DECISIONS_MAX: usize = 100_000_000;
/// Everybody is looked at where that takes no more decisions than this: about half a minute of a processor.
const DECISIONS_MAX: usize = 200_000_000;
/// Between two looks at the clock.
const CHUNK_DECISIONS: usize = 2_000;

/// What is made of the people who are looked at.
#[derive(Debug)]
pub(super) enum Work {
    Survey(Box<Surveyor>),
    Tally(Tally, Listing),
    Moves(Mover),
}

impl Work {
    pub(super) fn survey(flag: &FlagKey, snapshots: &[Arc<Snapshot>]) -> Option<Self> {
        Surveyor::new(flag, snapshots).map(|surveyor| Self::Survey(Box::new(surveyor)))
    }

    pub(super) fn tally(questions: Vec<Question>, listing: Listing) -> Self {
        Self::Tally(Tally::new(questions), listing)
    }

    fn cost(&self) -> usize {
        match self {
            Self::Survey(surveyor) => surveyor.cost(),
            Self::Tally(tally, listing) => tally.cost() + listing.cost(),
            Self::Moves(mover) => mover.cost(),
        }
        .max(1)
    }

    fn look(&mut self, place: usize, context: &Context<'_>, now_ms: i64) {
        match self {
            Self::Survey(surveyor) => surveyor.look(context, now_ms),
            Self::Tally(tally, listing) => {
                tally.look(context, now_ms);
                listing.look(context, now_ms);
            }
            Self::Moves(mover) => mover.look(place, context, now_ms),
        }
    }

    fn begin_again(&mut self) {
        match self {
            Self::Survey(surveyor) => surveyor.begin_again(),
            Self::Tally(tally, listing) => {
                tally.begin_again();
                listing.begin_again();
            }
            Self::Moves(mover) => mover.begin_again(),
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Survey(surveyor) => surveyor.is_full(),
            Self::Tally(..) | Self::Moves(_) => false,
        }
    }

    fn found(&self, known: usize) -> Found {
        match self {
            Self::Survey(surveyor) => Found::Survey(Arc::new(surveyor.survey(known))),
            Self::Tally(tally, listing) => {
                let listed: Listed = listing.listed();
                Found::Counted(Arc::new(tally.counted(known)), Arc::new(listed))
            }
            Self::Moves(mover) => Found::Moved(Arc::new(mover.moved(known))),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Sample,
    Everybody,
}

/// A question that is being counted.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) entry: Arc<Entry>,
    walk: Walk,
    order: Shuffled,
    work: Work,
    now_ms: i64,
    phase: Phase,
    next: usize,
    began: Instant,
}

impl Job {
    pub(super) fn new(entry: Arc<Entry>, people: Arc<People>, work: Work, now_ms: i64) -> Self {
        let walk = Walk::new(people);
        let at_once = walk.len().saturating_mul(work.cost()) <= AT_ONCE_MAX;
        let phase = if at_once { Phase::Everybody } else { Phase::Sample };
        let order = Shuffled::new(walk.len());
        Self { entry, walk, order, work, now_ms, phase, next: 0, began: Instant::now() }
    }

    /// Whether waiting for another thread would take longer than counting.
    pub(super) fn is_small(&self) -> bool {
        self.walk.len().saturating_mul(self.work.cost()) <= INLINE_MAX
    }

    /// Whether somebody waits for the first answer.
    pub(super) fn is_urgent(&self) -> bool {
        self.entry.told.borrow().found.is_none() || self.phase == Phase::Sample
    }

    /// Since it was asked.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Works for a few milliseconds; whether anything is left to do.
    pub(super) fn piece(&mut self) -> bool {
        let until = Instant::now() + PIECE;
        let chunk = (CHUNK_DECISIONS / self.work.cost()).clamp(1, 512);
        loop {
            if self.entry.is_dropped() {
                return false;
            }
            let goes_on = match self.phase {
                Phase::Sample => self.sample(chunk),
                Phase::Everybody => self.everybody(chunk),
            };
            if !goes_on {
                return false;
            }
            if Instant::now() >= until {
                return true;
            }
        }
    }

    fn sample(&mut self, chunk: usize) -> bool {
        let cost = self.work.cost();
        // Where it were a large part of all, everybody is looked at instead.
        let max = SAMPLE_MAX.min(SAMPLE_DECISIONS_MAX / cost).min(self.walk.len() / 4).max(1);
        let upto = TOLD_AT.iter().copied().find(|at| *at > self.next).unwrap_or(max).min(max);
        let end = upto.min(self.next + chunk);
        for place in self.next..end {
            if let Some(at) = self.order.at(place)
                && let Some(person) = self.walk.at(at)
            {
                self.work.look(at, &person, self.now_ms);
            }
        }
        self.next = end;
        if end < upto {
            return true;
        }
        let ends = end >= max && self.walk.len().saturating_mul(cost) > DECISIONS_MAX;
        self.entry.tell(self.work.found(self.walk.len()), ends);
        if end >= max && !ends {
            self.work.begin_again();
            (self.phase, self.next) = (Phase::Everybody, 0);
        }
        !ends
    }

    fn everybody(&mut self, chunk: usize) -> bool {
        let end = self.walk.len().min(self.next + chunk);
        for (at, person) in (self.next..end).zip(self.walk.range(self.next..end)) {
            self.work.look(at, &person, self.now_ms);
        }
        self.next = end;
        if self.work.is_full() {
            let is_told = self.entry.told.borrow().found.is_some();
            if is_told {
                // The sample stays the best there is.
                self.entry.end();
            } else {
                self.work.begin_again();
                (self.phase, self.next) = (Phase::Sample, 0);
            }
            return !is_told;
        }
        if end < self.walk.len() {
            return true;
        }
        self.entry.tell(self.work.found(self.walk.len()), true);
        false
    }
}
