//! Which event ids came lately. Two generations of hashes: an id is remembered for at least as long as one lasts.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use engine::{EnvironmentKey, SubjectKey};
use sha2::{Digest as _, Sha256};
use store::limits::EVENT_IDS_KEPT_MS;

use crate::limits::EVENT_IDS_MAX;

/// Requests seldom wait for each other.
const SHARDS: u64 = 16;
/// Browsers have a room of their own, so that none of their ids makes a server's be forgotten early.
const SHARDS_OF_BROWSERS: u64 = 4;
/// What the ids of browsers have in common.
const OF_BROWSER: u64 = 1 << 63;

/// Who makes up an id. Each has ids of their own: nobody's event is taken for another's because it came first.
#[derive(Debug, Clone, Copy)]
pub enum Maker<'a> {
    Servers,
    /// Of traces and spans.
    Telemetry,
    /// Whose page it is, as far as a receipt proves it.
    Browser(&'a SubjectKey),
}

/// The id of an event within its environment and among those of its maker: 64 bits of its SHA-256, the same after a
/// restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(pub(crate) u64);

impl EventId {
    pub fn new(environment: &EnvironmentKey, maker: Maker<'_>, id: &str) -> Self {
        // No environment's key and no subject's contains a line break.
        let digest = Sha256::new().chain_update(environment.as_str());
        let digest = match maker {
            Maker::Servers => digest.chain_update("\nservers\n"),
            Maker::Telemetry => digest.chain_update("\ntelemetry\n"),
            Maker::Browser(subject) => {
                digest.chain_update("\nbrowser\n").chain_update(subject.as_str()).chain_update("\n")
            }
        };
        let digest = digest.chain_update(id).finalize();
        let mut hash = [0; size_of::<u64>()];
        hash.copy_from_slice(&digest[..size_of::<u64>()]);
        let hash = u64::from_be_bytes(hash);
        Self(match maker {
            Maker::Servers | Maker::Telemetry => hash & !OF_BROWSER,
            Maker::Browser(_) => hash | OF_BROWSER,
        })
    }

    fn shard(self) -> usize {
        let shard =
            if self.0 & OF_BROWSER == 0 { self.0 % SHARDS } else { SHARDS + self.0 % SHARDS_OF_BROWSERS };
        usize::try_from(shard).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Generations {
    since_ms: i64,
    current: HashSet<u64>,
    previous: HashSet<u64>,
}

impl Generations {
    fn new(now_ms: i64) -> Self {
        Self { since_ms: now_ms, current: HashSet::new(), previous: HashSet::new() }
    }
}

/// The ids of the last ten minutes or more; beyond [`EVENT_IDS_MAX`] only of the latest events.
#[derive(Debug)]
pub struct RecentIds(Vec<Mutex<Generations>>);

impl RecentIds {
    pub fn new(now_ms: i64) -> Self {
        Self((0..SHARDS + SHARDS_OF_BROWSERS).map(|_| Mutex::new(Generations::new(now_ms))).collect())
    }

    /// As if none had come, but these.
    pub fn begin_again(&self, ids: impl IntoIterator<Item = u64>, now_ms: i64) {
        for shard in &self.0 {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Generations::new(now_ms);
        }
        for id in ids {
            self.remember(EventId(id), now_ms);
        }
    }

    /// Whether the id is new.
    pub fn remember(&self, id: EventId, now_ms: i64) -> bool {
        let mut known = self.shard(id);
        // Each generation holds half of what may be held.
        let max = EVENT_IDS_MAX / usize::try_from(SHARDS).unwrap_or(1) / 2;
        if now_ms - known.since_ms >= EVENT_IDS_KEPT_MS || known.current.len() >= max {
            known.previous = std::mem::take(&mut known.current);
            known.since_ms = now_ms;
        }
        !known.previous.contains(&id.0) && known.current.insert(id.0)
    }

    /// Whether the id came before; remembers nothing.
    pub fn is_known(&self, id: EventId) -> bool {
        let known = self.shard(id);
        known.previous.contains(&id.0) || known.current.contains(&id.0)
    }

    fn shard(&self, id: EventId) -> std::sync::MutexGuard<'_, Generations> {
        self.0[id.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(maker: Maker<'_>) -> EventId {
        EventId::new(&EnvironmentKey::parse("production").expect("a key"), maker, "a")
    }

    fn id(text: &str) -> EventId {
        EventId::new(&EnvironmentKey::parse("production").expect("a key"), Maker::Servers, text)
    }

    fn held(ids: &RecentIds) -> usize {
        ids.0.iter().map(|shard| shard.lock().map_or(0, |it| it.current.len() + it.previous.len())).sum()
    }

    #[test]
    fn an_id_is_new_once_for_ten_minutes() {
        let ids = RecentIds::new(0);
        assert!(!ids.is_known(id("a")));
        assert!(ids.remember(id("a"), 0));
        assert!(ids.is_known(id("a")));
        assert!(!ids.remember(id("a"), EVENT_IDS_KEPT_MS - 1));
        assert!(!ids.remember(id("a"), EVENT_IDS_KEPT_MS), "of the generation before");
        assert!(ids.remember(id("a"), 3 * EVENT_IDS_KEPT_MS) || ids.remember(id("a"), 4 * EVENT_IDS_KEPT_MS));
    }

    #[test]
    fn environments_and_makers_have_ids_of_their_own() {
        let staging = EventId::new(&EnvironmentKey::parse("staging").expect("a key"), Maker::Servers, "a");
        let (ada, eve) = ["ada", "eve"].map(|it| SubjectKey::parse(it).expect("a key")).into();
        let makers = [Maker::Servers, Maker::Telemetry, Maker::Browser(&ada), Maker::Browser(&eve)];
        let ids: HashSet<_> = makers.map(of).into_iter().chain([staging]).collect();
        assert_eq!(ids.len(), 5);
    }

    #[test]
    fn memory_is_bounded_and_browsers_push_out_no_server() {
        let ids = RecentIds::new(0);
        assert!(ids.remember(id("of a server"), 0));
        let most = 2 * EVENT_IDS_MAX as u64;
        for n in 0..most {
            ids.remember(EventId(n | OF_BROWSER), 0);
        }
        assert!(ids.is_known(id("of a server")));
        assert!(held(&ids) <= EVENT_IDS_MAX, "{}", held(&ids));
        let ids = RecentIds::new(0);
        for n in 0..most {
            ids.remember(EventId(n), 0);
        }
        assert!(held(&ids) <= EVENT_IDS_MAX, "{}", held(&ids));
    }
}
