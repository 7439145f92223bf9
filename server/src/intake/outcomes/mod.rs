//! Outcomes of what was served: attributed to an arm, added up in memory, written down once a second. What is kept of a
//! subject is bounded and forgotten after a day; what is kept of time are cells of ten seconds.

mod awaited;
mod cells;
mod count;
mod exposed;
mod flush;
pub(crate) mod item;
mod places;
mod recall;
mod state;
mod subjects;
mod waiting;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{EnvironmentKey, MetricDefinition, Sender, Snapshot};
use store::{Exposure, Store};
use tokio::sync::watch;

use crate::{
    StartError,
    intake::{
        backlog::{Backlog, Full},
        signals::Signals,
    },
};
pub use cells::CellCount;
pub(crate) use item::{Feature, Outcome};
use state::{State, Tallied};

/// What happened since the server started.
#[derive(Debug, Default)]
pub struct OutcomeCounters {
    pub accepted: AtomicU64,
    /// Those of the accepted that nothing is known to have been served to: they count nowhere.
    pub unattributed: AtomicU64,
    pub late: AtomicU64,
    /// Outcomes that there was no room for.
    pub refused: AtomicU64,
    /// Cells written, and writes that the database did not take at once.
    pub written: AtomicU64,
    pub failures: AtomicU64,
}

impl OutcomeCounters {
    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn count(&self, before: Tallied, after: Tallied) {
        self.unattributed.fetch_add(after.unattributed - before.unattributed, Ordering::Relaxed);
        self.late.fetch_add(after.late - before.late, Ordering::Relaxed);
    }
}

/// Where outcomes go. Cheap to share.
pub struct Outcomes {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    store: Store,
    /// Names this run of this server: rows that it writes are its own.
    run: String,
    /// Names the writer of the ledger of this run.
    mark: u64,
    /// One flush at a time.
    flushing: tokio::sync::Mutex<()>,
    backlog: Arc<Backlog>,
    signals: Signals,
    counters: OutcomeCounters,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcomes {
    /// Starts the tasks that write cells down and merge old ones.
    pub fn start(
        store: &Store,
        (backlog, signals): (Arc<Backlog>, Signals),
        upkeep_every: Duration,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let (mut random, mut writer) = ([0; 8], [0; 4]);
        getrandom::fill(&mut random).map_err(|_| StartError::NoEntropy)?;
        getrandom::fill(&mut writer).map_err(|_| StartError::NoEntropy)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(store.live().rollout_times().clone())),
            store: store.clone(),
            run: format!("{:016x}", u64::from_ne_bytes(random)),
            mark: u64::from(u32::from_ne_bytes(writer)) << u32::BITS,
            flushing: tokio::sync::Mutex::new(()),
            backlog,
            signals,
            counters: OutcomeCounters::default(),
        });
        let written = (Arc::clone(&shared), stopping.clone());
        store.tasks().spawn("the writer of outcomes", move |task| {
            let (shared, stopping) = written.clone();
            flush::write_every_second(shared, stopping, task)
        });
        let merged = (store.clone(), stopping.clone());
        store.tasks().spawn("the roll-up of old cells", move |task| {
            let (store, stopping) = merged.clone();
            flush::roll_up(store, upkeep_every, stopping, task)
        });
        Ok(Self { shared })
    }

    /// The mark of the first batch that this run writes to the ledger; its upper half names the run.
    pub(super) fn first_mark(&self) -> u64 {
        self.shared.mark
    }

    pub fn counters(&self) -> &OutcomeCounters {
        &self.shared.counters
    }

    /// Remembers which arms subjects were exposed to.
    pub fn expose(&self, environment: &EnvironmentKey, sender: Sender, exposures: &[Exposure]) {
        let Some(snapshot) = self.shared.store.live().snapshot(environment.as_str()) else { return };
        let (metrics, now_ms) = (self.shared.store.live().metrics(), self.shared.store.clock().now_ms());
        let mut state = self.shared.state();
        for exposure in exposures {
            state.expose(&snapshot, &metrics, (sender, exposure), now_ms);
        }
    }

    /// Adds outcomes to the cells of the arms that their subjects were exposed to, after [`Outcomes::has_room`]. `ids` are
    /// the hashes of the events' ids.
    pub(crate) fn record(
        &self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        outcomes: &[Outcome],
        ids: Vec<u64>,
        now_ms: i64,
    ) {
        if outcomes.is_empty() {
            return;
        }
        let counters = &self.shared.counters;
        let people = self.shared.store.live().people();
        let mut state = self.shared.state();
        let before = state.seen;
        for outcome in outcomes {
            state.record(snapshot, (&people, metrics), outcome, now_ms);
        }
        state.add_ids(ids);
        let after = state.seen;
        drop(state);
        OutcomeCounters::add(&counters.accepted, outcomes.len());
        counters.count(before, after);
    }

    /// Whether a batch of this many outcomes can be taken.
    pub fn has_room(&self, outcomes: usize) -> Result<(), Full> {
        if outcomes == 0 || self.shared.state().has_room(outcomes) {
            return Ok(());
        }
        OutcomeCounters::add(&self.shared.counters.refused, outcomes);
        Err(Full)
    }

    /// Waits until everything taken so far is in the database.
    pub async fn flush(&self) {
        flush::write_all(&self.shared).await;
    }

    /// Cells that are not in the database as they are here.
    pub fn unwritten(&self) -> usize {
        self.cells().unwritten
    }

    pub fn cells(&self) -> CellCount {
        self.shared.state().cells.count()
    }
}
