//! Who has each flag, remembered for each environment: after a change only the flags that it touched are counted again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use engine::{FlagKey, Impact, Snapshot};

use super::{Census, DeskCount, Patience};
use crate::{Clock, People};

/// How long a request waits when there is nothing older to show; with something older it hardly waits.
const FIRST: Patience = Patience { exact: Duration::from_millis(60), first: Duration::from_millis(100) };
const AGAIN: Patience = Patience { exact: Duration::from_millis(20), first: Duration::from_millis(25) };
/// A smaller sample is no number to show.
const SEEN_MIN: usize = 128;

/// What is known of one flag.
#[derive(Debug, Clone, Copy)]
struct KnownCount {
    impact: Impact,
    /// It becomes no better: everybody was looked at, or the largest sample that is taken.
    is_final: bool,
}

#[derive(Debug)]
struct Remembered {
    snapshot: Arc<Snapshot>,
    people: Weak<People>,
    /// When an enrolment begins or ends, and everything may be another.
    until_ms: Option<i64>,
    counts: HashMap<FlagKey, KnownCount>,
}

/// What a look at the desk begins with.
struct Begun {
    people: Weak<People>,
    until_ms: Option<i64>,
    /// What is known, older numbers among it.
    counts: HashMap<FlagKey, KnownCount>,
    /// Flags whose numbers are about these definitions and people.
    current: HashSet<FlagKey>,
    asked: Vec<FlagKey>,
}

/// The memory of all environments.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Clock,
    environments: Mutex<HashMap<String, Remembered>>,
}

impl Desk {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, environments: Mutex::default() }
    }

    pub(super) async fn of(&self, census: &Census, snapshot: &Arc<Snapshot>) -> DeskCount {
        let mut begun = self.begin(snapshot, Arc::downgrade(&census.people()));
        if !begun.asked.is_empty() {
            let patience = if begun.counts.is_empty() { FIRST } else { AGAIN };
            if let Some((impacts, is_final)) = census.holders(snapshot, &begun.asked, patience).await
                && impacts.iter().all(|it| it.sample.is_whole() || it.sample.seen >= SEEN_MIN)
            {
                begun.learn(impacts, is_final);
                self.end(snapshot, &begun);
            }
        }
        begun.counts.into_iter().map(|(key, known)| (key, known.impact)).collect::<HashMap<_, _>>().into()
    }

    fn begin(&self, snapshot: &Arc<Snapshot>, people: Weak<People>) -> Begun {
        let now_ms = self.clock.now_ms();
        let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let old = environments.get(snapshot.environment().as_str());
        let still = old
            .filter(|it| Weak::ptr_eq(&it.people, &people) && it.until_ms.is_none_or(|until| now_ms < until));
        let is_same = |old: &Remembered, key: &FlagKey| {
            let (before, now) = (old.snapshot.flag(key.as_str()), snapshot.flag(key.as_str()));
            before.zip(now).is_some_and(|(a, b)| {
                std::ptr::eq(a, b)
                    && (b.rollout().prerequisites.is_empty() || Arc::ptr_eq(&old.snapshot, snapshot))
            })
        };
        let current = still.map_or_else(HashSet::new, |old| {
            old.counts.keys().filter(|key| is_same(old, key)).cloned().collect()
        });
        let counts = old.map(|old| old.counts.clone()).unwrap_or_default();
        let mut asked: Vec<_> = snapshot.flags().map(|flag| flag.key().clone()).collect();
        asked.retain(|key| !(current.contains(key) && counts.get(key).is_some_and(|it| it.is_final)));
        asked.sort_unstable();
        // As of now: what is counted from here on does not know of anything later.
        let until_ms = snapshot.next_change_ms(now_ms);
        Begun { people, until_ms, counts, current, asked }
    }

    fn end(&self, snapshot: &Arc<Snapshot>, begun: &Begun) {
        let Begun { people, until_ms, counts, .. } = begun;
        let (people, until_ms, mut counts) = (Weak::clone(people), *until_ms, counts.clone());
        counts.retain(|key, _| snapshot.flag(key.as_str()).is_some());
        let remembered = Remembered { snapshot: Arc::clone(snapshot), people, until_ms, counts };
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        environments.insert(snapshot.environment().to_string(), remembered);
    }
}

impl Begun {
    /// Takes what was counted of the flags that were asked for, except where more is known: a sample of many flags begins
    /// anew with every change of one.
    fn learn(&mut self, impacts: Vec<Impact>, is_final: bool) {
        for (key, impact) in self.asked.iter().zip(impacts) {
            let known = self.counts.get(key).filter(|_| self.current.contains(key));
            if known.is_none_or(|known| known.impact.sample.seen <= impact.sample.seen) {
                self.counts.insert(key.clone(), KnownCount { impact, is_final });
            }
        }
    }
}
