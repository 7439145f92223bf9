//! When each rollout became what it is. Whoever counts what happened asks it, so that what was before a decision and what
//! came after it never share a cell. Decisions do not need it, and no state of theirs is copied for it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use engine::{EnvironmentKey, FlagKey};

type Times = HashMap<EnvironmentKey, HashMap<FlagKey, i64>>;

/// Of the rollouts in memory. Cheap to share; it is at least as new as what decides.
#[derive(Debug, Clone, Default)]
pub struct RolloutTimes(Arc<RwLock<Times>>);

impl RolloutTimes {
    /// By the clock of whoever changed it. `None` for a rollout that is not known.
    pub fn changed_ms(&self, environment: &EnvironmentKey, flag: &FlagKey) -> Option<i64> {
        let times = self.0.read().unwrap_or_else(PoisonError::into_inner);
        times.get(environment)?.get(flag).copied()
    }

    pub(crate) fn set(&self, environment: &EnvironmentKey, flag: &FlagKey, changed_ms: i64) {
        let mut times = self.0.write().unwrap_or_else(PoisonError::into_inner);
        times.entry(environment.clone()).or_default().insert(flag.clone(), changed_ms);
    }
}
