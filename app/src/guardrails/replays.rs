//! What guardrails would have done, remembered for everybody who looks: each open Health page asks every few
//! seconds, and the answer takes seven days of cells.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{EnvironmentKey, FlagKey};
use store::{GuardrailSet, Replayed, Store, StoreError, Viewer};

/// After this an answer is made anew. A changed rollout is seen that late, changed guardrails at once.
const FRESH_MS: i64 = 60_000;
/// Answers that are kept; beyond, the one that nobody has asked for longest is forgotten.
const KEPT_MAX: usize = 512;
/// How far back it is tried.
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    environment: String,
    flag: String,
    set: String,
}

#[derive(Clone)]
struct KnownReplay {
    replayed: Arc<[Replayed]>,
    at_ms: i64,
}

/// One answer, and whose turn it is to make it.
#[derive(Default)]
struct Slot {
    known: Mutex<Option<KnownReplay>>,
    turn: tokio::sync::Mutex<()>,
}

impl Slot {
    fn known(&self) -> Option<KnownReplay> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Kept {
    slot: Arc<Slot>,
    asked_ms: i64,
}

/// The memory, shared by all requests.
#[derive(Clone, Default)]
pub struct Replays(Arc<Mutex<HashMap<Key, Kept>>>);

impl Replays {
    /// What each guardrail of `set` would have done in the last seven days, in the order of the set: as of the last
    /// minute, or a little older while somebody else's request finds it out.
    pub async fn of(
        &self,
        store: &Store,
        by: &Viewer,
        (environment, flag): (&EnvironmentKey, &FlagKey),
        set: &GuardrailSet,
    ) -> Result<Arc<[Replayed]>, StoreError> {
        let now_ms = store.clock().now_ms();
        let key = Key {
            environment: environment.to_string(),
            flag: flag.to_string(),
            // What counts as healthy makes no difference here.
            set: serde_json::to_string(&set.guardrails).unwrap_or_default(),
        };
        let work = || store.replay_guardrails(by, environment, flag, set, now_ms - WEEK_MS);
        self.remembered(key, now_ms, work).await
    }

    async fn remembered<F>(
        &self,
        key: Key,
        now_ms: i64,
        work: impl FnOnce() -> F,
    ) -> Result<Arc<[Replayed]>, StoreError>
    where
        F: Future<Output = Result<Vec<Replayed>, StoreError>>,
    {
        let fresh = |known: &KnownReplay| now_ms - known.at_ms < FRESH_MS;
        let slot = self.slot(key, now_ms);
        let known = slot.known();
        let _turn = match known {
            Some(known) if fresh(&known) => return Ok(known.replayed),
            Some(older) => match slot.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(older.replayed),
            },
            None => slot.turn.lock().await,
        };
        // Whoever had the turn before may have found it out.
        if let Some(known) = slot.known().filter(fresh) {
            return Ok(known.replayed);
        }
        let replayed: Arc<[Replayed]> = work().await?.into();
        let known = KnownReplay { replayed: Arc::clone(&replayed), at_ms: now_ms };
        *slot.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(replayed)
    }

    fn slot(&self, key: Key, now_ms: i64) -> Arc<Slot> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&key) && all.len() >= KEPT_MAX {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.asked_ms).map(|(key, _)| key.clone());
            oldest.map(|key| all.remove(&key));
        }
        let kept = all.entry(key).or_insert_with(|| Kept { slot: Arc::default(), asked_ms: now_ms });
        kept.asked_ms = now_ms;
        Arc::clone(&kept.slot)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(flag: &str) -> Key {
        Key { environment: "production".to_owned(), flag: flag.to_owned(), set: String::new() }
    }

    #[tokio::test]
    async fn a_minute_of_questions_is_one_replay() {
        let (replays, made) = (Replays::default(), AtomicUsize::new(0));
        let ask = async |flag: &str, now_ms| {
            let work = || async {
                made.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(Vec::new())
            };
            replays.remembered(key(flag), now_ms, work).await.expect("an answer");
        };
        tokio::join!(ask("a", 0), ask("a", 0), ask("a", 0));
        ask("a", FRESH_MS - 1).await;
        assert_eq!(made.load(Ordering::Relaxed), 1, "together, and again within the minute");
        tokio::join!(ask("a", FRESH_MS), ask("a", FRESH_MS));
        assert_eq!(made.load(Ordering::Relaxed), 2, "one finds out, the other takes the older answer");
        ask("b", FRESH_MS).await;
        assert_eq!(made.load(Ordering::Relaxed), 3, "another flag is another question");
    }

    #[tokio::test]
    async fn whoever_fails_leaves_the_turn_to_the_next() {
        let replays = Replays::default();
        let fails = || async { Err(StoreError::Entropy) };
        assert!(replays.remembered(key("a"), 0, fails).await.is_err());
        let works = || async { Ok(Vec::new()) };
        assert!(replays.remembered(key("a"), 0, works).await.is_ok());
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let replays = Replays::default();
        for at in 0..=KEPT_MAX {
            let now_ms = i64::try_from(at).expect("small");
            let work = || async { Ok(Vec::new()) };
            replays.remembered(key(&format!("f{at}")), now_ms, work).await.expect("an answer");
        }
        let kept = replays.0.lock().expect("not poisoned");
        assert_eq!((kept.len(), kept.contains_key(&key("f0"))), (KEPT_MAX, false), "the oldest is gone");
    }
}
