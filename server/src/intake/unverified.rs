//! Events of browsers without a receipt: counted by flag, written down every second, and no evidence of anything. Of rates,
//! how many were the event is counted as well.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{EnvironmentKey, FlagKey, MetricKey};
use store::{Store, StoreError, UnverifiedCount, UnverifiedOutcomes};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);

/// An event of one flag; of a rate also which one, and whether it was the event that is counted.
pub(crate) type Claimed = (FlagKey, Option<(MetricKey, bool)>);

/// One number for each flag that exists, and two for each of its rates.
#[derive(Default)]
struct Counts {
    events: BTreeMap<(EnvironmentKey, FlagKey), u64>,
    rates: BTreeMap<(EnvironmentKey, FlagKey, MetricKey), (u64, u64)>,
}

impl Counts {
    fn add(&mut self, other: Self) {
        for (key, times) in other.events {
            let count = self.events.entry(key).or_default();
            *count = count.saturating_add(times);
        }
        for (key, (outcomes, events)) in other.rates {
            let sums = self.rates.entry(key).or_default();
            *sums = (sums.0.saturating_add(outcomes), sums.1.saturating_add(events));
        }
    }
}

/// What waits to be written.
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

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one for each of these, whose flags and metrics exist.
    pub(crate) fn add(&self, environment: &EnvironmentKey, claimed: impl IntoIterator<Item = Claimed>) {
        let mut claimed = claimed.into_iter().peekable();
        if claimed.peek().is_none() {
            return;
        }
        let mut counts = self.counts();
        for (flag, rate) in claimed {
            if let Some((metric, event)) = rate {
                let key = (environment.clone(), flag.clone(), metric);
                let (outcomes, events) = counts.rates.entry(key).or_default();
                *outcomes = outcomes.saturating_add(1);
                *events = events.saturating_add(u64::from(event));
            }
            let count = counts.events.entry((environment.clone(), flag)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Writes down what waits; what cannot be written waits for the next time.
    pub async fn flush(&self) {
        let mut counts = std::mem::take(&mut *self.counts());
        if let Err(error) = self.write(&mut counts).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "unverified events cannot be counted at the moment; trying again");
            self.counts().add(counts);
        }
    }

    /// Takes out what was written.
    async fn write(&self, counts: &mut Counts) -> Result<(), StoreError> {
        let at_ms = self.store.clock().now_ms();
        let each = counts.events.iter().map(|((environment, flag), times)| UnverifiedCount {
            environment: environment.clone(),
            flag: flag.clone(),
            at_ms,
            times: *times,
        });
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            self.store.record_unverified(&each).await?;
            counts.events.clear();
        }
        let each = counts.rates.iter().map(|((environment, flag, metric), (outcomes, events))| {
            let (flag, metric) = (flag.clone(), metric.clone());
            let told = UnverifiedOutcomes { flag, metric, at_ms, outcomes: *outcomes, events: *events };
            (environment.clone(), told)
        });
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            self.store.record_unverified_outcomes(&each).await?;
            counts.rates.clear();
        }
        Ok(())
    }
}
