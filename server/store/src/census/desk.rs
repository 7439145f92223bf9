//! Who has each flag, remembered for each environment: after a change only the flags that it touched are counted again.

use std::{
    collections::HashMap,
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

#[derive(Debug)]
struct Remembered {
    snapshot: Arc<Snapshot>,
    people: Weak<People>,
    /// When an enrolment begins or ends, and everything may be another.
    until_ms: Option<i64>,
    counts: HashMap<FlagKey, Impact>,
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
        let people = Arc::downgrade(&census.people());
        let (mut counts, asked) = self.begin(snapshot, &people);
        if asked.is_empty() {
            return counts.into();
        }
        let patience = if counts.is_empty() { FIRST } else { AGAIN };
        if let Some(impacts) = census.holders(snapshot, &asked, patience).await {
            let new = asked.into_iter().zip(impacts);
            let new = new.filter(|(_, impact)| impact.sample.is_whole() || impact.sample.seen >= SEEN_MIN);
            counts.extend(new);
            self.end(snapshot, people, counts.clone());
        }
        counts.into()
    }

    /// What is known, older numbers among it, and which flags are to be counted.
    fn begin(
        &self,
        snapshot: &Arc<Snapshot>,
        people: &Weak<People>,
    ) -> (HashMap<FlagKey, Impact>, Vec<FlagKey>) {
        let now_ms = self.clock.now_ms();
        let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let old = environments.get(snapshot.environment().as_str());
        let still = old
            .filter(|it| Weak::ptr_eq(&it.people, people) && it.until_ms.is_none_or(|until| now_ms < until));
        let holds = |key: &FlagKey| {
            still.is_some_and(|old| {
                let (before, now) = (old.snapshot.flag(key.as_str()), snapshot.flag(key.as_str()));
                let same = before.zip(now).is_some_and(|(a, b)| {
                    std::ptr::eq(a, b)
                        && (b.rollout().prerequisites.is_empty() || Arc::ptr_eq(&old.snapshot, snapshot))
                });
                same && old.counts.get(key).is_some_and(|impact| impact.sample.is_whole())
            })
        };
        let mut asked: Vec<_> = snapshot.flags().map(|flag| flag.key().clone()).collect();
        let known = old.map(|old| old.counts.clone()).unwrap_or_default();
        asked.retain(|key| !holds(key));
        asked.sort_unstable();
        (known, asked)
    }

    fn end(&self, snapshot: &Arc<Snapshot>, people: Weak<People>, mut counts: HashMap<FlagKey, Impact>) {
        counts.retain(|key, _| snapshot.flag(key.as_str()).is_some());
        let until_ms = snapshot.next_change_ms(self.clock.now_ms());
        let remembered = Remembered { snapshot: Arc::clone(snapshot), people, until_ms, counts };
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        environments.insert(snapshot.environment().to_string(), remembered);
    }
}
