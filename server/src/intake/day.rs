//! How much browsers may add to the ledger on one UTC day: a token in every visitor's hands must not fill the disk. In
//! memory, per copy of the server; a restart begins the day anew.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use engine::EnvironmentKey;

use super::ids::{EventId, RecentIds};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) struct Day {
    max: u64,
    /// The day since 1970, and what was taken on it, by environment.
    taken: Mutex<(i64, HashMap<EnvironmentKey, u64>)>,
}

impl Day {
    pub(super) fn new(max: u64) -> Self {
        Self { max, taken: Mutex::new((0, HashMap::new())) }
    }

    /// Whether there was room for one more.
    fn take(&self, environment: &EnvironmentKey, now_ms: i64) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let today = now_ms.div_euclid(DAY_MS);
        // A clock that goes back a little does not open the day again.
        if today > taken.0 {
            *taken = (today, HashMap::new());
        }
        let count = taken.1.entry(environment.clone()).or_default();
        let room = *count < self.max;
        *count += u64::from(room);
        room
    }

    fn give_back(&self, environment: &EnvironmentKey, times: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.1.get_mut(environment) {
            *count = count.saturating_sub(times);
        }
    }
}

/// What one request takes of the day. Given back, unless it is kept.
pub(crate) struct Room<'a> {
    day: &'a Day,
    ids: &'a RecentIds,
    /// `None` for servers, who may always.
    of: Option<&'a EnvironmentKey>,
    taken: u64,
    here: HashSet<EventId>,
}

impl<'a> Room<'a> {
    pub(super) fn new(day: &'a Day, ids: &'a RecentIds, of: Option<&'a EnvironmentKey>) -> Self {
        Self { day, ids, of, taken: 0, here: HashSet::new() }
    }

    /// Whether there is room for one more. What came before takes none.
    pub(crate) fn take(&mut self, id: Option<EventId>, now_ms: i64) -> bool {
        let Some(environment) = self.of else { return true };
        if id.is_some_and(|id| self.ids.is_known(id) || self.here.contains(&id)) {
            return true;
        }
        let room = self.day.take(environment, now_ms);
        if room {
            self.taken += 1;
            self.here.extend(id);
        }
        room
    }

    /// So many of them were new.
    pub(crate) fn keep(mut self, accepted: usize) {
        self.taken = self.taken.saturating_sub(accepted as u64);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(environment) = self.of.filter(|_| self.taken > 0) {
            self.day.give_back(environment, self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::ids::Maker;

    fn key(text: &str) -> EnvironmentKey {
        EnvironmentKey::parse(text).expect("a key")
    }

    #[test]
    fn a_day_has_its_room_and_the_next_one_again() {
        let day = Day::new(2);
        let taken = [1, 2, 3].map(|at_ms| day.take(&key("production"), at_ms + DAY_MS));
        assert_eq!(taken, [true, true, false]);
        assert!(day.take(&key("staging"), DAY_MS), "each environment its own");
        assert!(!day.take(&key("production"), DAY_MS - 1), "yesterday does not come back");
        assert!(day.take(&key("production"), 2 * DAY_MS));
    }

    #[test]
    fn what_came_before_and_what_is_not_taken_costs_nothing() {
        let (day, ids, production) = (Day::new(2), RecentIds::new(0), key("production"));
        let id = |text: &str| Some(EventId::new(&production, Maker::Servers, text));
        let room = || Room::new(&day, &ids, Some(&production));
        let mut refused = room();
        assert!(refused.take(None, 1) && refused.take(None, 1) && !refused.take(None, 1));
        drop(refused);
        let mut one = room();
        assert!(one.take(id("a"), 1) && one.take(id("a"), 1), "twice in one request");
        ids.remember(id("a").expect("an id"), 1);
        one.keep(1);
        let mut again = room();
        assert!(again.take(id("a"), 1) && again.take(id("b"), 1) && !again.take(id("c"), 1));
        assert!(again.take(id("a"), 1), "also when the day is full");
        again.keep(1);
        assert!(!room().take(None, 1));
        assert!(Room::new(&day, &ids, None).take(None, 1), "a server may");
    }
}
