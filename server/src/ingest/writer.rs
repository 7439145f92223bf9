//! The one task that writes the ledger: a batch every second or every few thousand exposures, whichever comes first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use store::{Delivery, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{Counters, Message};
use crate::limits::{BATCH_EXPOSURES, BATCH_EXPOSURES_MAX, BATCH_WAIT};

/// How long to wait before a batch that the database did not take is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// So often it is tried when the server is stopping.
const LAST_TRIES: usize = 3;

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) counters: Arc<Counters>,
    pub(super) stopping: watch::Receiver<bool>,
}

#[derive(Default)]
struct Batch {
    deliveries: Vec<Delivery>,
    exposures: usize,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Deliver(delivery) => {
                self.exposures += delivery.exposures.len();
                self.deliveries.push(delivery);
            }
            Message::Flush(done) => self.flushes.push(done),
        }
    }

    /// Whether nothing more is waited for.
    fn is_due(&self) -> bool {
        self.exposures >= BATCH_EXPOSURES || !self.flushes.is_empty()
    }
}

impl Writer {
    /// Until the last sender is gone and everything is written.
    pub(super) async fn run(self, mut receiver: mpsc::UnboundedReceiver<Message>) {
        while let Some(first) = receiver.recv().await {
            let mut batch = Batch::default();
            batch.add(first);
            let due = Instant::now() + BATCH_WAIT;
            while !batch.is_due() {
                let Ok(Some(message)) = tokio::time::timeout_at(due, receiver.recv()).await else { break };
                batch.add(message);
            }
            // What came in meanwhile costs less in this batch than in one of its own.
            while batch.exposures < BATCH_EXPOSURES_MAX
                && let Ok(message) = receiver.try_recv()
            {
                batch.add(message);
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Batch) {
        if self.record(&batch).await {
            Counters::add(&self.counters.written, batch.exposures);
            Counters::add(&self.counters.batches, 1);
        }
        self.waiting.fetch_sub(batch.exposures, Ordering::AcqRel);
        for done in batch.flushes {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Tries until the database takes the batch; only a server that stops gives up.
    async fn record(&self, batch: &Batch) -> bool {
        let mut failures = 0;
        while let Err(error) = self.store.record_exposures(&batch.deliveries).await {
            Counters::add(&self.counters.failures, 1);
            failures += 1;
            let stopping = *self.stopping.borrow();
            if stopping && failures >= LAST_TRIES {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    exposures = batch.exposures,
                    "exposures are lost: the database did not take them before the server stopped"
                );
                return false;
            }
            if failures == 1 {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "exposures cannot be written at the moment; trying again"
                );
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        true
    }
}
