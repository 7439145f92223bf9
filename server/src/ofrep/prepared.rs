//! What bulk answers and streams need of a snapshot beyond the snapshot: made once per revision.

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::{FlagKey, Snapshot};

use super::revision::ConfigRevision;

/// A snapshot with its flags in order and the times at which its enrolments begin or end.
pub struct Prepared {
    pub snapshot: Arc<Snapshot>,
    /// Keys of the flags that are not archived, sorted: the same answer is the same bytes.
    pub flags: Vec<FlagKey>,
    /// Epoch ms, sorted.
    boundaries: Vec<i64>,
}

impl Prepared {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let live = snapshot.flags().filter(|flag| !flag.is_archived());
        let mut flags: Vec<_> = live.map(|flag| flag.key().clone()).collect();
        flags.sort_unstable();
        let enrolments = snapshot.groups().flat_map(|group| &group.group().enrolments);
        let mut boundaries: Vec<_> = enrolments.flat_map(|e| [e.from_ms, e.until_ms]).flatten().collect();
        boundaries.sort_unstable();
        Self { snapshot, flags, boundaries }
    }

    /// The state at `now_ms`: another one whenever a decision of this snapshot can be another one.
    pub fn revision(&self, now_ms: i64) -> ConfigRevision {
        let passed = self.boundaries.partition_point(|at| *at <= now_ms);
        ConfigRevision {
            revision: self.snapshot.revision(),
            passed: u32::try_from(passed).unwrap_or(u32::MAX),
        }
    }

    /// When the state of `now_ms` began, given when the snapshot's revision was made.
    pub fn changed_ms(&self, snapshot_changed_ms: i64, now_ms: i64) -> i64 {
        let passed = self.boundaries.partition_point(|at| *at <= now_ms);
        let last = passed.checked_sub(1).and_then(|at| self.boundaries.get(at)).copied();
        last.map_or(snapshot_changed_ms, |last| last.max(snapshot_changed_ms))
    }
}

/// The prepared snapshot of each environment. Lock-free to read; two requests that meet a new snapshot at the same
/// time both prepare it, and one of the two results stays.
#[derive(Default)]
pub struct PreparedCache(ArcSwap<Vec<Arc<Prepared>>>);

impl PreparedCache {
    pub fn get(&self, snapshot: Arc<Snapshot>) -> Arc<Prepared> {
        let known = self.0.load();
        if let Some(prepared) = known.iter().find(|p| Arc::ptr_eq(&p.snapshot, &snapshot)) {
            return Arc::clone(prepared);
        }
        let prepared = Arc::new(Prepared::new(snapshot));
        self.0.rcu(|known| {
            let others = known.iter().filter(|p| p.snapshot.environment() != prepared.snapshot.environment());
            others.cloned().chain([Arc::clone(&prepared)]).collect::<Vec<_>>()
        });
        prepared
    }
}
