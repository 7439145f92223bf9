//! The one task that writes the ledger: a batch every second or every few thousand exposures, whichever comes first.
//! What it has in hand stands outside of it, so that a panic loses nothing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use store::{Delivery, SignalKind, Store, Task};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    super::{
        backlog::{Backlog, Writing},
        signals::Signals,
    },
    Counters, Message,
};
use crate::limits::{BATCH_EXPOSURES, BATCH_EXPOSURES_MAX, BATCH_WAIT};

/// How long to wait before a batch that the database did not take is tried again…
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// …when the server is stopping: there is not much time.
const LAST_RETRY_PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) counters: Arc<Counters>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) signals: Signals,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) hand: Mutex<Hand>,
}

/// What one run of the task leaves to the next.
pub(super) struct Hand {
    receiver: mpsc::UnboundedReceiver<Message>,
    batch: Batch,
    /// Marks the next batch as no other one is.
    next_mark: u64,
}

#[derive(Default)]
struct Batch {
    deliveries: Vec<Delivery>,
    exposures: usize,
    flushes: Vec<oneshot::Sender<()>>,
    /// When the first of it came.
    since: Option<Instant>,
    mark: u64,
    /// It may be in the database already.
    tried: bool,
}

impl Hand {
    pub(super) fn new(receiver: mpsc::UnboundedReceiver<Message>, first_mark: u64) -> Self {
        Self { receiver, batch: Batch::default(), next_mark: first_mark }
    }

    /// Fills an empty batch; `false` after the last sender is gone.
    async fn fill(&mut self) -> bool {
        if self.batch.since.is_some() {
            return true;
        }
        let Some(first) = self.receiver.recv().await else { return false };
        self.batch.mark = self.next_mark;
        self.next_mark = self.next_mark.wrapping_add(1);
        self.batch.add(first);
        let due = Instant::now() + BATCH_WAIT;
        while !self.batch.is_due() {
            let Ok(Some(message)) = tokio::time::timeout_at(due, self.receiver.recv()).await else { break };
            self.batch.add(message);
        }
        // What came in meanwhile costs less in this batch than in one of its own.
        while self.batch.exposures < BATCH_EXPOSURES_MAX
            && let Ok(message) = self.receiver.try_recv()
        {
            self.batch.add(message);
        }
        true
    }
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Deliver(delivery, at) => {
                self.since.get_or_insert(at);
                self.exposures += delivery.exposures.len();
                self.deliveries.push(delivery);
            }
            Message::Flush(done) => {
                self.since.get_or_insert_with(Instant::now);
                self.flushes.push(done);
            }
        }
    }

    /// Whether nothing more is waited for.
    fn is_due(&self) -> bool {
        self.exposures >= BATCH_EXPOSURES || !self.flushes.is_empty()
    }
}

impl Writer {
    /// Until the last sender is gone and everything is written.
    pub(super) async fn run(self: Arc<Self>, task: Task) {
        let mut hand = self.hand.lock().await;
        while hand.fill().await {
            self.backlog.begins(Writing::Exposures, hand.batch.since.unwrap_or_else(Instant::now));
            task.turn();
            self.record(&mut hand.batch).await;
            self.written(std::mem::take(&mut hand.batch));
        }
    }

    fn written(&self, batch: Batch) {
        self.backlog.written(Writing::Exposures);
        Counters::add(&self.counters.written, batch.exposures);
        Counters::add(&self.counters.batches, 1);
        self.waiting.fetch_sub(batch.exposures, Ordering::AcqRel);
        self.tell(&batch);
        for done in batch.flushes {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Which flags were served, once each.
    fn tell(&self, batch: &Batch) {
        let now_ms = self.store.clock().now_ms();
        let mut served = BTreeMap::new();
        for delivery in &batch.deliveries {
            for exposure in &delivery.exposures {
                let at_ms = served.entry((&delivery.environment, &exposure.flag)).or_insert(i64::MIN);
                *at_ms = exposure.at_ms.min(now_ms).max(*at_ms);
            }
        }
        for ((environment, flag), at_ms) in served {
            self.signals.note(environment, Some(flag), SignalKind::Exposure, at_ms);
        }
    }

    /// Tries until the database takes the batch. A server that stops waits for it as long as it can.
    async fn record(&self, batch: &mut Batch) {
        let mut failing = false;
        loop {
            let tried = std::mem::replace(&mut batch.tried, true);
            let Err(error) = self.store.record_batch(&batch.deliveries, batch.mark, tried).await else {
                return;
            };
            Counters::add(&self.counters.failures, 1);
            if !std::mem::replace(&mut failing, true) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    exposures = batch.exposures,
                    "exposures cannot be written at the moment; trying again"
                );
            }
            let stopping = *self.stopping.borrow();
            tokio::time::sleep(if stopping { LAST_RETRY_PAUSE } else { RETRY_PAUSE }).await;
        }
    }
}
