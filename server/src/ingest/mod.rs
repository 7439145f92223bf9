//! Takes in what was served, by the ten thousand a second: requests only append to a bounded buffer in memory, one
//! writer puts batches of it into the ledger. A killed process loses what its writer had not written: at most the
//! last second while the database keeps up.

mod backlog;
mod day;
mod ids;
mod omitted;
mod retention;
mod unverified;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use engine::{EnvironmentKey, Sender};
use store::{Delivery, Exposure, Store, StoreError, Token, TokenKind};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::Instant,
};

use crate::{Config, StartError, lanes::Lanes, outcomes::Outcomes};
pub use backlog::{Backlog, Behind, Writing};
use day::Day;
pub use ids::EventId;
use ids::RecentIds;
pub(crate) use omitted::Omissions;
use retention::Retention;
pub(crate) use unverified::Claimed;
pub use unverified::Unverified;

/// Everything that is taken in, and what it is checked against.
pub struct Ingest {
    pub exposures: Exposures,
    pub outcomes: Arc<Outcomes>,
    pub(crate) ids: Arc<RecentIds>,
    pub(crate) retention: Retention,
    pub(crate) backlog: Arc<Backlog>,
    pub unverified: Unverified,
    /// What of whose events was of no use.
    pub(crate) omitted: Omissions,
    day: Day,
    pub counters: Arc<Counters>,
}

/// What happened since the server started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Exposures taken into the buffer.
    pub accepted: AtomicU64,
    /// Exposures whose id was known already.
    pub duplicates: AtomicU64,
    /// Items that were no valid events.
    pub rejected: AtomicU64,
    /// Exposures that the full buffer did not take.
    pub refused: AtomicU64,
    /// Exposures of browsers beyond what an environment takes on one day.
    pub beyond_day: AtomicU64,
    /// Exposures that the ledger has.
    pub written: AtomicU64,
    /// Batches in which it got them.
    pub batches: AtomicU64,
    /// Batches that the database did not take at once.
    pub failures: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// The buffer has no room; nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more events arrive than the server can write down; send these again later")]
pub struct Full;

/// How many of the offered were new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub accepted: usize,
    pub duplicates: usize,
}

enum Message {
    /// With the time at which it came.
    Deliver(Delivery, Instant),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// The buffer of exposures: appending takes no lock.
pub struct Exposures {
    sender: mpsc::UnboundedSender<Message>,
    /// Exposures in the channel and in the writer's hands.
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
    ids: Arc<RecentIds>,
    outcomes: Arc<Outcomes>,
    counters: Arc<Counters>,
}

impl Ingest {
    /// Remembers the ids that were written lately, and starts the writer and the sweep.
    pub async fn start(
        store: &Store,
        config: &Config,
        lanes: &Lanes,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let ids = Arc::new(RecentIds::new(store.clock().now_ms()));
        // Without its database it begins with nothing, and reads this when the database has come.
        if !store.is_away() {
            ids.begin_again(store.recent_event_ids().await?, store.clock().now_ms());
        }
        let (counters, waiting) = (Arc::new(Counters::default()), Arc::new(AtomicUsize::new(0)));
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut mark = [0; 8];
        getrandom::fill(&mut mark).map_err(|_| StartError::NoEntropy)?;
        let backlog = Arc::new(Backlog::new());
        let writer = Arc::new(writer::Writer {
            store: store.clone(),
            waiting: Arc::clone(&waiting),
            counters: Arc::clone(&counters),
            backlog: Arc::clone(&backlog),
            stopping: stopping.clone(),
            hand: Mutex::new(writer::Hand::new(receiver, u64::from_ne_bytes(mark))),
        });
        store.tasks().spawn("the writer of exposures", move |task| Arc::clone(&writer).run(task));
        let outcomes =
            Arc::new(Outcomes::start(store, Arc::clone(&backlog), config.upkeep_every, &stopping)?);
        let exposures = Exposures {
            sender,
            waiting,
            waiting_max: config.events_waiting_max,
            ids: Arc::clone(&ids),
            outcomes: Arc::clone(&outcomes),
            counters: Arc::clone(&counters),
        };
        let day = Day::new(config.client_exposures_per_day);
        let unverified = Unverified::start(store, stopping.clone());
        let omitted = Omissions::start(store, Arc::clone(&counters), stopping.clone());
        let retention = Retention::start(store, lanes, config.upkeep_every, stopping).await?;
        Ok(Self { exposures, outcomes, ids, retention, backlog, unverified, omitted, day, counters })
    }

    /// Whether events can be promised to be kept. Evaluations are served in any case, and their own exposures wait.
    pub fn accepts(&self) -> Result<(), Behind> {
        self.backlog.check()
    }

    /// Waits until everything that was taken in is written.
    pub async fn flush(&self) {
        tokio::join!(self.exposures.flush(), self.outcomes.flush());
    }

    /// Exposures that wait to be written, and cells of outcomes.
    pub fn unwritten(&self) -> (usize, usize) {
        (self.exposures.waiting.load(Ordering::Acquire), self.outcomes.unwritten())
    }

    /// Another database has taken in other events, and keeps them for another time.
    pub(crate) async fn remember_anew(&self, store: &Store) -> Result<(), StoreError> {
        self.retention.read(store).await?;
        self.ids.begin_again(store.recent_event_ids().await?, store.clock().now_ms());
        Ok(())
    }

    /// Takes room for one exposure from what browsers may add today. Servers may always.
    pub(crate) fn has_room_today(&self, token: &Token, now_ms: i64) -> bool {
        let of_browsers = token.environment().filter(|_| token.kind == TokenKind::Client);
        let room = of_browsers.is_none_or(|environment| self.day.take(environment, now_ms));
        if !room {
            Counters::add(&self.counters.beyond_day, 1);
        }
        room
    }
}

impl Exposures {
    /// Appends exposures of a server that have no ids.
    pub fn offer(&self, environment: &EnvironmentKey, exposures: Vec<Exposure>) -> Result<(), Full> {
        let offered = exposures.len();
        self.reserve(offered)?;
        let delivery = Delivery { environment: environment.clone(), exposures, ids: Vec::new() };
        // What happens next to these subjects counts in these arms.
        self.outcomes.expose(environment, Sender::Server, &delivery.exposures);
        self.deliver(delivery, offered).map(|_| ())
    }

    /// Appends what is new among these, all or nothing.
    pub(crate) fn offer_events(
        &self,
        (environment, sender): (&EnvironmentKey, Sender),
        events: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Result<Taken, Full> {
        let offered = events.len();
        self.reserve(offered)?;
        let delivery = self.new_ones(environment, events, now_ms);
        self.outcomes.expose(&delivery.environment, sender, &delivery.exposures);
        self.deliver(delivery, offered)
    }

    /// Appends what is new among exposures that telemetry told. Of those that are `unplaced` nobody knows the arm: they are
    /// for the ledger, and where a subject stands they do not touch.
    pub(crate) fn offer_told(
        &self,
        environment: &EnvironmentKey,
        placed: Vec<(Option<EventId>, Exposure)>,
        unplaced: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Result<(), Full> {
        let offered = placed.len() + unplaced.len();
        self.reserve(offered)?;
        let mut delivery = self.new_ones(environment, placed, now_ms);
        self.outcomes.expose(environment, Sender::Server, &delivery.exposures);
        let unplaced = self.new_ones(environment, unplaced, now_ms);
        delivery.exposures.extend(unplaced.exposures);
        delivery.ids.extend(unplaced.ids);
        self.deliver(delivery, offered).map(|_| ())
    }

    /// Those with an id that was not sent before.
    fn new_ones(
        &self,
        environment: &EnvironmentKey,
        events: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Delivery {
        let mut delivery = Delivery {
            environment: environment.clone(),
            exposures: Vec::with_capacity(events.len()),
            ids: Vec::new(),
        };
        for (id, exposure) in events {
            if id.is_none_or(|id| self.ids.remember(id, now_ms)) {
                delivery.exposures.push(exposure);
                delivery.ids.extend(id.map(|id| id.0));
            }
        }
        delivery
    }

    /// Passes on what there was room reserved for, as many as were offered.
    fn deliver(&self, delivery: Delivery, offered: usize) -> Result<Taken, Full> {
        let accepted = delivery.exposures.len();
        self.waiting.fetch_sub(offered - accepted, Ordering::AcqRel);
        // The writer ends only after the last sender: this cannot fail.
        if accepted > 0 && self.sender.send(Message::Deliver(delivery, Instant::now())).is_err() {
            return Err(Full);
        }
        Counters::add(&self.counters.accepted, accepted);
        Counters::add(&self.counters.duplicates, offered - accepted);
        Ok(Taken { accepted, duplicates: offered - accepted })
    }

    /// Waits until everything taken so far is in the ledger.
    pub async fn flush(&self) {
        let (written, done) = oneshot::channel();
        if self.sender.send(Message::Flush(written)).is_ok() {
            // An error is an answer too: the writer is gone.
            drop(done.await);
        }
    }

    fn reserve(&self, count: usize) -> Result<(), Full> {
        let room = |waiting: usize| waiting.checked_add(count).filter(|sum| *sum <= self.waiting_max);
        let reserved = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room);
        reserved.map(|_| ()).map_err(|_| {
            Counters::add(&self.counters.refused, count);
            Full
        })
    }
}
