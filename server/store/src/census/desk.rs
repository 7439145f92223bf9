//! Who has each flag, remembered for each environment: after a change only the flags that it touched are counted again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use engine::{FlagKey, Impact, Snapshot};

use super::{Census, Patience};
use crate::{Clock, People};

/// How long a request waits when there is nothing older to show; with something older it hardly waits.
const FIRST: Patience = Patience { exact: Duration::from_millis(60), first: Duration::from_millis(100) };
const AGAIN: Patience = Patience { exact: Duration::from_millis(20), first: Duration::from_millis(25) };
/// So few flags are waited for as if there was nothing older: what was just changed is shown as it is now.
const FEW: usize = 4;
/// A smaller sample is no number to show.
const SEEN_MIN: usize = 128;

/// Who has each flag of an environment.
#[derive(Debug, Default)]
pub struct DeskCount {
    known: HashMap<FlagKey, KnownCount>,
    /// Flags whose numbers are of now.
    current: HashSet<FlagKey>,
}

/// What is known of one flag.
#[derive(Debug, Clone, Copy)]
struct KnownCount {
    impact: Impact,
    /// It becomes no better: everybody was looked at, or the largest sample that is taken.
    is_final: bool,
    /// When it was last about the definitions and people that there were.
    of_ms: i64,
}

#[derive(Debug)]
struct Remembered {
    snapshot: Arc<Snapshot>,
    people: Weak<People>,
    /// When an enrolment begins or ends, and everything may be another.
    until_ms: Option<i64>,
    known: HashMap<FlagKey, KnownCount>,
}

/// What a look at the desk begins with.
struct Begun {
    people: Arc<People>,
    now_ms: i64,
    until_ms: Option<i64>,
    /// What is known, older numbers among it.
    count: DeskCount,
    asked: Vec<FlagKey>,
}

/// The memory of all environments.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Clock,
    environments: Mutex<HashMap<String, Remembered>>,
}

impl DeskCount {
    /// Known people who have the flag, before and after being the same; `None` while it is not counted yet.
    pub fn of(&self, flag: &str) -> Option<&Impact> {
        self.known.get(flag).map(|known| &known.impact)
    }

    /// Of when that number is; `None` when it is of now.
    pub fn older_ms(&self, flag: &str) -> Option<i64> {
        let known = self.known.get(flag).filter(|_| !self.current.contains(flag));
        known.map(|known| known.of_ms)
    }
}

impl Desk {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, environments: Mutex::default() }
    }

    pub(super) async fn of(&self, census: &Census, snapshot: &Arc<Snapshot>) -> DeskCount {
        let mut begun = self.begin(snapshot, census.people());
        if !begun.asked.is_empty() {
            let is_few = begun.asked.len() <= FEW;
            let patience = if is_few || begun.count.known.is_empty() { FIRST } else { AGAIN };
            let asked = (snapshot, Arc::clone(&begun.people));
            if let Some((impacts, is_final)) = census.holders(asked, &begun.asked, patience).await
                && impacts.iter().all(|it| it.sample.is_whole() || it.sample.seen >= SEEN_MIN)
            {
                begun.learn(impacts, is_final);
                self.end(snapshot, &begun);
            }
        }
        begun.count
    }

    fn begin(&self, snapshot: &Arc<Snapshot>, people: Arc<People>) -> Begun {
        let now_ms = self.clock.now_ms();
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let old = environments.get_mut(snapshot.environment().as_str());
        let count = old.map_or_else(DeskCount::default, |old| old.seen(snapshot, &people, now_ms));
        let mut asked: Vec<_> = snapshot.flags().map(|flag| flag.key().clone()).collect();
        let is_final = |key: &FlagKey| {
            count.current.contains(key) && count.known.get(key).is_some_and(|known| known.is_final)
        };
        asked.retain(|key| !is_final(key));
        asked.sort_unstable();
        // As of now: what is counted from here on does not know of anything later.
        let until_ms = snapshot.next_change_ms(now_ms);
        Begun { people, now_ms, until_ms, count, asked }
    }

    fn end(&self, snapshot: &Arc<Snapshot>, begun: &Begun) {
        let mut known = begun.count.known.clone();
        known.retain(|key, _| snapshot.flag(key.as_str()).is_some());
        let people = Arc::downgrade(&begun.people);
        let remembered =
            Remembered { snapshot: Arc::clone(snapshot), people, until_ms: begun.until_ms, known };
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        environments.insert(snapshot.environment().to_string(), remembered);
    }
}

impl Remembered {
    /// What is known, and which of it is still so: that is of now.
    fn seen(&mut self, snapshot: &Arc<Snapshot>, people: &Arc<People>, now_ms: i64) -> DeskCount {
        let same_people = std::ptr::eq(self.people.as_ptr(), Arc::as_ptr(people));
        let mut current = HashSet::new();
        if same_people && self.until_ms.is_none_or(|until| now_ms < until) {
            for (key, known) in &mut self.known {
                let (before, now) = (self.snapshot.flag(key.as_str()), snapshot.flag(key.as_str()));
                let is_same = before.zip(now).is_some_and(|(a, b)| {
                    std::ptr::eq(a, b)
                        && (b.rollout().prerequisites.is_empty() || Arc::ptr_eq(&self.snapshot, snapshot))
                });
                if is_same {
                    known.of_ms = now_ms;
                    current.insert(key.clone());
                }
            }
        }
        DeskCount { known: self.known.clone(), current }
    }
}

impl Begun {
    /// Takes what was counted of the flags that were asked for, except where more is known: a sample of many flags begins
    /// anew with every change of one.
    fn learn(&mut self, impacts: Vec<Impact>, is_final: bool) {
        for (key, impact) in self.asked.iter().zip(impacts) {
            let known = self.count.known.get(key).filter(|_| self.count.current.contains(key));
            if known.is_none_or(|known| known.impact.sample.seen <= impact.sample.seen) {
                self.count.known.insert(key.clone(), KnownCount { impact, is_final, of_ms: self.now_ms });
                self.count.current.insert(key.clone());
            }
        }
    }
}
