//! Events of browsers without a receipt: counted by flag, written down every second, and no evidence of anything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{EnvironmentKey, FlagKey};
use store::{Store, UnverifiedCount};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);

type Counts = BTreeMap<(EnvironmentKey, FlagKey), u64>;

/// What waits to be written: one number for each flag that exists.
#[derive(Clone)]
pub struct Unverified {
    counts: Arc<Mutex<Counts>>,
    store: Store,
}

impl Unverified {
    pub fn start(store: &Store, stopping: watch::Receiver<bool>) -> Self {
        let unverified = Self { counts: Arc::default(), store: store.clone() };
        let writing = unverified.clone();
        store.tasks().spawn("the counter of unverified events", move |task| {
            let (writing, mut stopping) = (writing.clone(), stopping.clone());
            async move {
                while tokio::time::timeout(EVERY, stopping.wait_for(|it| *it)).await.is_err() {
                    task.turn();
                    writing.flush().await;
                }
            }
        });
        unverified
    }

    /// Counts one for each of these flags, which exist.
    pub(crate) fn add(&self, environment: &EnvironmentKey, flags: impl IntoIterator<Item = FlagKey>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for flag in flags {
            let count = counts.entry((environment.clone(), flag)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Writes down what waits; what cannot be written waits for the next time.
    pub async fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let at_ms = self.store.clock().now_ms();
        let each = counts.iter().map(|((environment, flag), times)| UnverifiedCount {
            environment: environment.clone(),
            flag: flag.clone(),
            at_ms,
            times: *times,
        });
        if let Err(error) = self.store.record_unverified(&each.collect::<Vec<_>>()).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "unverified events cannot be counted at the moment; trying again");
            let mut waiting = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, times) in counts {
                let count = waiting.entry(key).or_default();
                *count = count.saturating_add(times);
            }
        }
    }
}
