//! Faults that tests ask for, at a statement of their choice: what a full disk, a broken file or a database that goes away
//! does in the middle of a change. Nothing else can ask for one, and without one a statement costs one relaxed load.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// What happens at the chosen statement of a transaction that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out, and the transaction stays open: an I/O error.
    Refused,
    /// The database has undone the whole transaction by itself, as SQLite does when the disk is full.
    Undone,
    /// It is carried out, but its answer never comes.
    Unanswered,
    /// The connection is gone. On SQLite as [`Fault::Refused`].
    Severed,
}

#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    armed: AtomicBool,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    /// Statements seen since this was asked for; `BEGIN` and `COMMIT` count.
    seen: u64,
    fault: Option<(u64, Fault)>,
    pages_max: Option<u32>,
}

impl Faults {
    /// From now on, the statement number `at` (from 0) of those that write fails once.
    pub fn fail_at(&self, at: u64, fault: Fault) {
        *self.plan() = Plan { fault: Some((at, fault)), ..Plan::default() };
        self.0.armed.store(true, Ordering::Relaxed);
    }

    /// The SQLite file takes no page beyond this one, on any connection: a full disk.
    pub fn limit_pages(&self, pages_max: u32) {
        *self.plan() = Plan { pages_max: Some(pages_max), ..Plan::default() };
        self.0.armed.store(true, Ordering::Relaxed);
    }

    /// Ends all of it; whether a fault was asked for that did not happen.
    pub fn end(&self) -> bool {
        self.0.armed.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.plan()).fault.is_some()
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to happen to the statement that is about to run.
    pub(super) fn next(&self) -> Option<Fault> {
        if !self.0.armed.load(Ordering::Relaxed) {
            return None;
        }
        let mut plan = self.plan();
        let at = plan.seen;
        plan.seen += 1;
        let (_, fault) = plan.fault.take_if(|(chosen, _)| *chosen == at)?;
        Some(fault)
    }

    pub(super) fn pages_max(&self) -> Option<u32> {
        self.0.armed.load(Ordering::Relaxed).then(|| self.plan().pages_max).flatten()
    }
}
