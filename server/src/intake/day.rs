//! How much browsers may add to the ledger on one UTC day: a token in every visitor's hands must not fill the disk. In
//! memory, per copy of the server; a restart begins the day anew.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use engine::EnvironmentKey;

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
    pub(super) fn take(&self, environment: &EnvironmentKey, now_ms: i64) -> bool {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_room_and_the_next_one_again() {
        let key = |text: &str| EnvironmentKey::parse(text).expect("a key");
        let day = Day::new(2);
        let taken = [1, 2, 3].map(|at_ms| day.take(&key("production"), at_ms + DAY_MS));
        assert_eq!(taken, [true, true, false]);
        assert!(day.take(&key("staging"), DAY_MS), "each environment its own");
        assert!(!day.take(&key("production"), DAY_MS - 1), "yesterday does not come back");
        assert!(day.take(&key("production"), 2 * DAY_MS));
    }
}
