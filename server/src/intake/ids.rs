//! Which event ids came lately. Two generations of hashes: an id is remembered for at least as long as one lasts.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use engine::EnvironmentKey;
use sha2::{Digest as _, Sha256};
use store::limits::EVENT_IDS_KEPT_MS;

use crate::limits::EVENT_IDS_MAX;

/// Requests seldom wait for each other.
const SHARDS: usize = 16;

/// The id of an event within its environment: 64 bits of its SHA-256, the same after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(pub(crate) u64);

impl EventId {
    pub fn new(environment: &EnvironmentKey, id: &str) -> Self {
        // No environment's key contains a line break.
        let digest = Sha256::new().chain_update(environment.as_str()).chain_update("\n").chain_update(id);
        let digest = digest.finalize();
        let mut hash = [0; size_of::<u64>()];
        hash.copy_from_slice(&digest[..size_of::<u64>()]);
        Self(u64::from_be_bytes(hash))
    }
}

#[derive(Debug)]
struct Generations {
    since_ms: i64,
    current: HashSet<u64>,
    previous: HashSet<u64>,
}

/// The ids of the last ten minutes or more; beyond [`EVENT_IDS_MAX`] only of the latest events.
#[derive(Debug)]
pub struct RecentIds([Mutex<Generations>; SHARDS]);

impl RecentIds {
    pub fn new(now_ms: i64) -> Self {
        Self(std::array::from_fn(|_| {
            Mutex::new(Generations { since_ms: now_ms, current: HashSet::new(), previous: HashSet::new() })
        }))
    }

    /// As if none had come, but these.
    pub fn begin_again(&self, ids: impl IntoIterator<Item = u64>, now_ms: i64) {
        for shard in &self.0 {
            let mut known = shard.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Generations { since_ms: now_ms, current: HashSet::new(), previous: HashSet::new() };
        }
        for id in ids {
            self.remember(EventId(id), now_ms);
        }
    }

    /// Whether the id is new.
    pub fn remember(&self, id: EventId, now_ms: i64) -> bool {
        let shard = &self.0[usize::try_from(id.0 % SHARDS as u64).unwrap_or(0)];
        let mut known = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // Each generation holds half of what may be held.
        if now_ms - known.since_ms >= EVENT_IDS_KEPT_MS || known.current.len() >= EVENT_IDS_MAX / SHARDS / 2 {
            known.previous = std::mem::take(&mut known.current);
            known.since_ms = now_ms;
        }
        !known.previous.contains(&id.0) && known.current.insert(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EventId {
        EventId::new(&EnvironmentKey::parse("production").expect("a key"), text)
    }

    #[test]
    fn an_id_is_new_once_for_ten_minutes() {
        let ids = RecentIds::new(0);
        assert!(ids.remember(id("a"), 0));
        assert!(!ids.remember(id("a"), EVENT_IDS_KEPT_MS - 1));
        assert!(!ids.remember(id("a"), EVENT_IDS_KEPT_MS), "of the generation before");
        assert!(ids.remember(id("a"), 3 * EVENT_IDS_KEPT_MS) || ids.remember(id("a"), 4 * EVENT_IDS_KEPT_MS));
    }

    #[test]
    fn environments_have_ids_of_their_own() {
        let staging = EventId::new(&EnvironmentKey::parse("staging").expect("a key"), "a");
        assert_ne!(staging, id("a"));
    }

    #[test]
    fn memory_is_bounded() {
        let ids = RecentIds::new(0);
        for n in 0..2 * EVENT_IDS_MAX as u64 {
            ids.remember(EventId(n), 0);
        }
        let held: usize =
            ids.0.iter().map(|shard| shard.lock().map_or(0, |it| it.current.len() + it.previous.len())).sum();
        assert!(held <= EVENT_IDS_MAX, "{held}");
    }
}
