//! What runs beside the requests: cells are written down every second, old ones merged every minute.

use std::{sync::Arc, time::Duration};

use engine::MetricDefinition;
use store::{CellKey, Store, StoreError, Written};
use tokio::sync::watch;

use super::{OutcomeCounters, Shared, cells::CellId, recall::recall, state::State};

const EVERY: Duration = Duration::from_secs(1);
/// Older cells are written every so many seconds.
const OLD_EVERY: u32 = 10;
const UPKEEP_EVERY: Duration = Duration::from_mins(1);
const LAST_TRIES: u32 = 3;

pub(super) async fn write_every_second(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let mut turn: u32 = 0;
    let mut failing = false;
    loop {
        // An error says that the server is gone; what is left then is written by `Outcomes::flush`.
        if tokio::time::timeout(EVERY, stopping.wait_for(|it| *it)).await.is_ok() {
            return;
        }
        turn = turn.wrapping_add(1);
        match write(&shared, turn.is_multiple_of(OLD_EVERY)).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "outcomes cannot be written at the moment; trying again");
                }
            }
        }
    }
}

/// Everything that is not written yet, for a server that stops.
pub(super) async fn write_all(shared: &Shared) {
    for attempt in 1..=LAST_TRIES {
        match write(shared, true).await {
            Ok(()) => return,
            Err(error) if attempt == LAST_TRIES => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "outcomes of the last moments are lost: the database did not take them"
                );
            }
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
}

async fn write(shared: &Shared, everything: bool) -> Result<(), StoreError> {
    let _one = shared.flushing.lock().await;
    recall(shared).await;
    let now_ms = shared.store.clock().now_ms();
    let metrics = shared.store.live().metrics();
    let (changed, cells) = take(&mut shared.state(), &metrics, now_ms, everything);
    if changed.cells.is_empty() && changed.counts.is_empty() && changed.ids.is_empty() {
        return Ok(());
    }
    let written = shared.store.write_cells(&shared.run, &changed).await;
    if let Ok(()) = &written {
        OutcomeCounters::add(&shared.counters.written, cells.len());
    } else {
        OutcomeCounters::add(&shared.counters.failures, 1);
        let mut state = shared.state();
        state.cells.put_back(cells.into_iter());
        state.put_counts_back();
        state.add_ids(changed.ids);
    }
    written
}

/// Copies of what changed, under the lock; writing them needs none.
fn take(
    state: &mut State,
    metrics: &[MetricDefinition],
    now_ms: i64,
    everything: bool,
) -> (Written, Vec<CellId>) {
    state.settle_awaited(metrics, now_ms);
    let mut changed = Written { counts: state.take_counts(), ids: state.take_ids(), ..Written::default() };
    let mut ids = Vec::new();
    for (generation, id, cell) in state.cells.take_changed(now_ms, everything) {
        let place = state.places.get(id.place);
        let arm = if id.treatment { engine::Arm::Treatment } else { engine::Arm::Control };
        let key = CellKey {
            environment: place.environment.clone(),
            flag: place.flag.clone(),
            metric: state.places.metric_key(id.metric).clone(),
            rule: place.rule.clone(),
            arm: arm.into(),
            allocation: id.allocation,
            from_ms: id.from_ms,
        };
        changed.cells.push((generation, key, cell));
        ids.push(id);
    }
    (changed, ids)
}

/// Every server tries; the store lets one of them.
pub(super) async fn roll_up_every_minute(store: Store, mut stopping: watch::Receiver<bool>) {
    while tokio::time::timeout(UPKEEP_EVERY, stopping.wait_for(|it| *it)).await.is_err() {
        match store.roll_up_cells().await {
            Ok(done) => tracing::debug!(done.merged, done.deleted, "old cells were merged"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "old cells could not be merged; trying again in a minute");
            }
        }
    }
}
