//! The buffer of exposures and its one writer: requests only append, one task puts batches into the ledger. A killed process
//! loses what its writer had not written: at most the last second while the database keeps up.

mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use engine::{EnvironmentKey, Sender};
use store::{Delivery, Exposure, Store};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    backlog::{Backlog, Full},
    ids::{EventId, RecentIds},
    outcomes::Outcomes,
    signals::Signals,
};

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

/// How many of the offered were new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
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

impl Exposures {
    /// Starts the writer.
    pub(super) fn start(
        store: &Store,
        waiting_max: usize,
        (backlog, ids, outcomes, signals): (&Arc<Backlog>, &Arc<RecentIds>, &Arc<Outcomes>, &Signals),
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (counters, waiting) = (Arc::new(Counters::default()), Arc::new(AtomicUsize::new(0)));
        let (sender, receiver) = mpsc::unbounded_channel();
        let writer = Arc::new(writer::Writer {
            store: store.clone(),
            waiting: Arc::clone(&waiting),
            counters: Arc::clone(&counters),
            backlog: Arc::clone(backlog),
            signals: signals.clone(),
            stopping,
            hand: Mutex::new(writer::Hand::new(receiver, outcomes.first_mark())),
        });
        store.tasks().spawn("the writer of exposures", move |task| Arc::clone(&writer).run(task));
        let (ids, outcomes) = (Arc::clone(ids), Arc::clone(outcomes));
        Self { sender, waiting, waiting_max, ids, outcomes, counters }
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Those that wait to be written.
    pub fn unwritten(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Appends exposures of a server that have no ids.
    pub fn offer(&self, environment: &EnvironmentKey, exposures: Vec<Exposure>) -> Result<(), Full> {
        let offered = exposures.len();
        self.reserve(offered)?;
        let (environment, sender) = (environment.clone(), Sender::Server);
        let delivery = Delivery { environment, sender, exposures, ids: Vec::new() };
        // What happens next to these subjects counts in these arms.
        self.outcomes.expose(&delivery.environment, sender, &delivery.exposures);
        self.deliver(delivery, offered).map(|_| ())
    }

    /// Appends what is new among these, all or nothing.
    pub(crate) fn offer_events(
        &self,
        (environment, sender): (&EnvironmentKey, Sender),
        events: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Result<Offered, Full> {
        let offered = events.len();
        self.reserve(offered)?;
        let delivery = self.new_ones((environment, sender), events, now_ms);
        self.outcomes.expose(&delivery.environment, sender, &delivery.exposures);
        self.deliver(delivery, offered)
    }

    /// The same of exposures of which nobody knows the arm: they are for the ledger, and where a subject stands they do not
    /// touch.
    pub(crate) fn offer_unplaced(
        &self,
        (environment, sender): (&EnvironmentKey, Sender),
        events: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Result<Offered, Full> {
        let offered = events.len();
        self.reserve(offered)?;
        let delivery = self.new_ones((environment, sender), events, now_ms);
        self.deliver(delivery, offered)
    }

    /// Those with an id that was not sent before.
    fn new_ones(
        &self,
        (environment, sender): (&EnvironmentKey, Sender),
        events: Vec<(Option<EventId>, Exposure)>,
        now_ms: i64,
    ) -> Delivery {
        let mut delivery = Delivery {
            environment: environment.clone(),
            sender,
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
    fn deliver(&self, delivery: Delivery, offered: usize) -> Result<Offered, Full> {
        let accepted = delivery.exposures.len();
        self.waiting.fetch_sub(offered - accepted, Ordering::AcqRel);
        // The writer ends only after the last sender: this cannot fail.
        if accepted > 0 && self.sender.send(Message::Deliver(delivery, Instant::now())).is_err() {
            return Err(Full);
        }
        Counters::add(&self.counters.accepted, accepted);
        Counters::add(&self.counters.duplicates, offered - accepted);
        Ok(Offered { accepted, duplicates: offered - accepted })
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
