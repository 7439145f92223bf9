//! What bulk answers and streams need of a snapshot beyond the snapshot: made once per revision.

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::{CLOCK_STEP_MS, FlagKey, Snapshot};
use store::SignalKind;

use super::{mark::Mark, parts::FlagParts, revision::ConfigRevision};
use crate::intake::signals::Signals;

/// A snapshot with what its answers are put together from, and the times at which its enrolments begin or end.
pub struct Prepared {
    pub snapshot: Arc<Snapshot>,
    /// In the order of [`Snapshot::flags`].
    pub parts: Vec<Arc<FlagParts>>,
    /// `{"revision":7,"environment":"production"`: how the metadata of every answer begins.
    pub metadata: String,
    /// How long an answer about all flags about is, without receipts.
    pub bulk_bytes: usize,
    /// That all flags were asked for at once.
    pub asked: Arc<Mark>,
    /// Epoch ms, sorted.
    boundaries: Vec<i64>,
}

/// What the rest of one flag's answer takes: a reason, a rule, an arm.
const FLAG_BYTES: usize = 96;

impl Prepared {
    /// Flags that are defined as in `before` have their parts already.
    fn new(snapshot: Arc<Snapshot>, before: Option<&Self>) -> Self {
        let known = |key: &str| {
            let before = before?;
            before.parts.get(before.snapshot.find_flag(key)?.0)
        };
        let parts = snapshot.flags().map(|flag| {
            let same = known(flag.key().as_str()).filter(|parts| parts.are_of(flag.flag()));
            same.cloned().unwrap_or_else(|| {
                let asked = known(flag.key().as_str()).map(|parts| Arc::clone(&parts.asked));
                Arc::new(FlagParts::new(flag.flag(), asked.unwrap_or_default()))
            })
        });
        let parts: Vec<_> = parts.collect();
        let metadata =
            format!("{{\"revision\":{},\"environment\":\"{}\"", snapshot.revision(), snapshot.environment());
        let bulk_bytes = parts.iter().map(|parts| parts.bytes_max() + metadata.len() + FLAG_BYTES).sum();
        let enrolments = snapshot.groups().flat_map(|group| &group.group().enrolments);
        let mut boundaries: Vec<_> = enrolments.flat_map(|e| [e.from_ms, e.until_ms]).flatten().collect();
        boundaries.sort_unstable();
        let asked = before.map(|before| Arc::clone(&before.asked)).unwrap_or_default();
        Self { snapshot, parts, metadata, bulk_bytes, asked, boundaries }
    }

    /// The state at `now_ms`: another one whenever a decision of this snapshot can be another one, or, for conditions that
    /// follow the clock, some minutes later.
    pub fn revision(&self, now_ms: i64) -> ConfigRevision {
        let passed = self.boundaries.partition_point(|at| *at <= now_ms);
        let looks = now_ms.div_euclid(CLOCK_STEP_MS).max(0).cast_unsigned();
        let passed = passed as u64 + if self.snapshot.follows_clock() { looks } else { 0 };
        ConfigRevision {
            revision: self.snapshot.revision(),
            passed: u32::try_from(passed).unwrap_or(u32::MAX),
        }
    }

    /// Passes on what was asked for since the last time.
    fn tell(&self, signals: &Signals) {
        let environment = self.snapshot.environment();
        let tell = |flag: Option<&FlagKey>, mark: &Mark| {
            if let Some(at_ms) = mark.news() {
                signals.note(environment, flag, SignalKind::Evaluation, at_ms);
            }
        };
        tell(None, &self.asked);
        for (flag, parts) in self.snapshot.flags().zip(&self.parts) {
            tell(Some(flag.key()), &parts.asked);
        }
    }

    /// When the state of `now_ms` began, given when the snapshot's revision was made.
    pub fn changed_ms(&self, snapshot_changed_ms: i64, now_ms: i64) -> i64 {
        let passed = self.boundaries.partition_point(|at| *at <= now_ms);
        let last = passed.checked_sub(1).and_then(|at| self.boundaries.get(at)).copied();
        let look = self.snapshot.follows_clock().then(|| now_ms - now_ms.rem_euclid(CLOCK_STEP_MS));
        last.into_iter().chain(look).fold(snapshot_changed_ms, i64::max)
    }
}

/// The prepared snapshot of each environment. Lock-free to read; two requests that meet a new snapshot at the same
/// time both prepare it, and one of the two results stays.
#[derive(Default)]
pub struct PreparedCache(ArcSwap<Vec<Arc<Prepared>>>);

impl PreparedCache {
    /// Passes on which flags were asked for since the last time.
    pub fn tell(&self, signals: &Signals) {
        for prepared in self.0.load().iter() {
            prepared.tell(signals);
        }
    }

    pub fn get(&self, snapshot: &Arc<Snapshot>) -> Arc<Prepared> {
        let known = self.0.load();
        if let Some(prepared) = known.iter().find(|p| Arc::ptr_eq(&p.snapshot, snapshot)) {
            return Arc::clone(prepared);
        }
        let same = |p: &&Arc<Prepared>| p.snapshot.environment() == snapshot.environment();
        let before = known.iter().find(same).cloned();
        let prepared = Arc::new(Prepared::new(Arc::clone(snapshot), before.as_deref()));
        self.0.rcu(|known| {
            let others = known.iter().filter(|p| p.snapshot.environment() != prepared.snapshot.environment());
            others.cloned().chain([Arc::clone(&prepared)]).collect::<Vec<_>>()
        });
        prepared
    }
}
