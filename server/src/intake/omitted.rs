//! What clients sent and nobody could use: counted by token and reason, written down every second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use store::{Omission, Omitted, Store, TokenId};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);

type Counts = BTreeMap<(TokenId, Omission), Omitted>;

/// What waits to be written.
#[derive(Clone)]
pub(crate) struct Omissions {
    counts: Arc<Mutex<Counts>>,
    store: Store,
}

impl Omissions {
    pub(super) fn start(store: &Store, stopping: watch::Receiver<bool>) -> Self {
        let omissions = Self { counts: Arc::default(), store: store.clone() };
        let writing = omissions.clone();
        store.tasks().spawn("the counter of what was left out", move |task| {
            let (writing, mut stopping) = (writing.clone(), stopping.clone());
            async move {
                while tokio::time::timeout(EVERY, stopping.wait_for(|it| *it)).await.is_err() {
                    task.turn();
                    writing.flush().await;
                }
            }
        });
        omissions
    }

    /// Counts what was left out for one reason, with the sentence that its sender got.
    pub(crate) fn add(&self, token: TokenId, omission: Omission, times: u64, sentence: &str) {
        let at_ms = self.store.clock().now_ms();
        let omitted = Omitted { token, omission, times, at_ms, sentence: sentence.to_owned() };
        self.put(omitted);
    }

    fn put(&self, omitted: Omitted) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let times = counts.get(&(omitted.token, omitted.omission)).map_or(0, |it| it.times);
        let times = omitted.times.saturating_add(times);
        counts.insert((omitted.token, omitted.omission), Omitted { times, ..omitted });
    }

    /// Writes down what waits; what cannot be written waits for the next time.
    pub(crate) async fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let all: Vec<_> = counts.into_values().collect();
        if let Err(error) = self.store.record_omitted(&all).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "what was left out cannot be counted at the moment; trying again");
            for omitted in all {
                self.put(omitted);
            }
        }
    }
}
