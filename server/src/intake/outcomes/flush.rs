//! What runs beside the requests: cells are written down every second, old ones merged now and then.

use std::{sync::Arc, time::Duration};

use engine::MetricDefinition;
use store::{CellKey, SignalKind, Store, StoreError, Task, Written};
use tokio::{sync::watch, time::Instant};

use super::{OutcomeCounters, Shared, cells::CellId, recall::recall, state::State};
use crate::{intake::backlog::Writing, limits::ANNOUNCED_EVERY_S};

const EVERY: Duration = Duration::from_secs(1);
/// Older cells are written every so many seconds.
const OLD_EVERY: u32 = 10;
/// Between two tries of a server that stops.
const LAST_RETRY_PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn write_every_second(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>, task: Task) {
    let mut turn: u32 = 0;
    let mut failing = false;
    loop {
        // An error says that the server is gone; what is left then is written by `Outcomes::flush`.
        if tokio::time::timeout(EVERY, stopping.wait_for(|it| *it)).await.is_ok() {
            return;
        }
        turn = turn.wrapping_add(1);
        if turn % ANNOUNCED_EVERY_S == 1
            && let Err(error) = shared.store.announce_writer(shared.mark).await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "other copies could not be told of this one"
            );
        }
        match write(&shared, turn.is_multiple_of(OLD_EVERY), Some(&task)).await {
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

/// Everything that is not written yet, for a server that stops: as long as it is let.
pub(super) async fn write_all(shared: &Shared) {
    while write(shared, true, None).await.is_err() {
        tokio::time::sleep(LAST_RETRY_PAUSE).await;
    }
}

async fn write(shared: &Shared, everything: bool, task: Option<&Task>) -> Result<(), StoreError> {
    let _one = shared.flushing.lock().await;
    shared.backlog.begins(Writing::Outcomes, Instant::now());
    recall(shared, everything && task.is_none()).await?;
    let now_ms = shared.store.clock().now_ms();
    let metrics = shared.store.live().metrics();
    let mut taken = Unwritten::of(shared, &metrics, now_ms, everything);
    let heard = shared.state().places.take_heard();
    for (environment, flag, at_ms) in heard {
        shared.signals.note(&environment, Some(&flag), SignalKind::Outcome, at_ms);
    }
    if let Some(task) = task {
        task.turn();
    }
    if !taken.is_empty() {
        if let Err(error) = shared.store.write_cells(&shared.run, &taken.changed).await {
            OutcomeCounters::add(&shared.counters.failures, 1);
            return Err(error);
        }
        OutcomeCounters::add(&shared.counters.written, taken.cells.len());
    }
    taken.is_written = true;
    shared.backlog.written(Writing::Outcomes);
    Ok(())
}

/// What is being written. Unless it was, it goes back, whatever became of whoever wrote it.
struct Unwritten<'s> {
    shared: &'s Shared,
    changed: Written,
    /// In the order of the changed cells.
    cells: Vec<CellId>,
    is_written: bool,
}

impl<'s> Unwritten<'s> {
    /// Copies of what changed, under the lock; writing them needs none.
    fn of(shared: &'s Shared, metrics: &[MetricDefinition], now_ms: i64, everything: bool) -> Self {
        let (changed, cells) = take(&mut shared.state(), metrics, now_ms, everything);
        Self { shared, changed, cells, is_written: false }
    }

    fn is_empty(&self) -> bool {
        self.changed.cells.is_empty() && self.changed.counts.is_empty() && self.changed.ids.is_empty()
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if self.is_written {
            return;
        }
        let mut state = self.shared.state();
        let cells = std::mem::take(&mut self.changed.cells).into_iter().zip(std::mem::take(&mut self.cells));
        state.cells.put_back(cells.map(|((generation, _, told), id)| (generation, id, told)));
        if !self.changed.counts.is_empty() {
            state.put_counts_back();
        }
        state.add_ids(std::mem::take(&mut self.changed.ids));
    }
}

fn take(
    state: &mut State,
    metrics: &[MetricDefinition],
    now_ms: i64,
    everything: bool,
) -> (Written, Vec<CellId>) {
    state.settle_awaited(metrics, now_ms);
    let mut changed = Written { counts: state.take_counts(), ids: state.take_ids(), ..Written::default() };
    let mut ids = Vec::new();
    for (generation, id, told) in state.cells.take_changed(now_ms, everything) {
        let place = state.places.get(id.place);
        let arm = if id.treatment { engine::Arm::Treatment } else { engine::Arm::Control };
        let key = CellKey {
            environment: place.environment.clone(),
            flag: place.flag.clone(),
            metric: state.places.metric_key(id.metric).clone(),
            rule: place.rule.clone(),
            arm,
            allocation: id.allocation,
            from_ms: id.from_ms,
        };
        changed.cells.push((generation, key, told));
        ids.push(id);
    }
    (changed, ids)
}

/// Every server tries; the store lets one of them.
pub(super) async fn roll_up(store: Store, every: Duration, mut stopping: watch::Receiver<bool>, task: Task) {
    while tokio::time::timeout(every, stopping.wait_for(|it| *it)).await.is_err() {
        task.turn();
        match store.roll_up_cells().await {
            Ok(done) => tracing::debug!(done.merged, done.deleted, "old cells were merged"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "old cells could not be merged; trying again later");
            }
        }
    }
}
