//! How old an event may be, and the background sweep of what is older.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use engine::EnvironmentKey;
use store::{
    Kept, Store, StoreError, Task,
    limits::{RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX},
};
use tokio::sync::watch;

use crate::{lanes::Lanes, limits::SWEEP_EVERY_REFRESHES};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The retention of every environment, as it was a minute ago at most.
#[derive(Clone)]
pub struct Retention(Arc<ArcSwap<BTreeMap<EnvironmentKey, u32>>>);

impl Retention {
    pub async fn start(
        store: &Store,
        lanes: &Lanes,
        every: Duration,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        let days = if store.is_away() { BTreeMap::new() } else { store.days_kept(Kept::Exposures).await? };
        let retention = Self(Arc::new(ArcSwap::from_pointee(days)));
        let kept = (retention.clone(), store.clone());
        store.tasks().spawn_on(lanes.background(), "the retention sweep", move |task| {
            let (retention, store) = kept.clone();
            retention.keep(store, every, stopping.clone(), task)
        });
        Ok(retention)
    }

    pub async fn read(&self, store: &Store) -> Result<(), StoreError> {
        self.0.store(Arc::new(store.days_kept(Kept::Exposures).await?));
        Ok(())
    }

    /// Epoch ms of the oldest event that is still of use.
    pub fn oldest_ms(&self, environment: &EnvironmentKey, now_ms: i64) -> i64 {
        let days = self.0.load().get(environment).copied().unwrap_or(RETENTION_DAYS_DEFAULT);
        now_ms - i64::from(days.min(RETENTION_DAYS_MAX)) * DAY_MS
    }

    async fn keep(self, store: Store, every: Duration, mut stopping: watch::Receiver<bool>, task: Task) {
        let mut refreshes: u32 = 0;
        loop {
            task.turn();
            let stopped = stopping.wait_for(|it| *it);
            // An error says that the server is gone.
            if tokio::time::timeout(every, stopped).await.is_ok() {
                return;
            }
            match store.days_kept(Kept::Exposures).await {
                Ok(days) => self.0.store(Arc::new(days)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the retention cannot be read");
                    continue;
                }
            }
            refreshes += 1;
            if refreshes.is_multiple_of(SWEEP_EVERY_REFRESHES) {
                say("exposures", store.sweep_ledger().await);
                say("feedback", store.sweep_feedback().await);
                say("answers to requests with a key", store.sweep_once().await);
            }
        }
    }
}

fn say(kept: &str, swept: Result<u64, StoreError>) {
    match swept {
        Ok(0) => {}
        Ok(rows) => tracing::info!(kept, rows, "deleted what is older than its retention"),
        Err(error) => {
            tracing::warn!(kept, error = &error as &dyn std::error::Error, "the sweep did not end");
        }
    }
}
