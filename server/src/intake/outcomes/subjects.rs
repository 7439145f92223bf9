//! What subjects were exposed to lately. Two generations: whoever was not seen while one lasts is forgotten with it, so
//! memory is bounded by count and by time.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use engine::{
    Arm, EnvironmentKey, SubjectKey, bucket_hash,
    guardrail::{Accepts, trial},
};
use store::Entry;

use super::places::{MetricId, Part, PlaceId};
use crate::limits::{SUBJECT_FEATURES_MAX, SUBJECT_TRIALS_MAX, SUBJECTS_MAX, SUBJECTS_WINDOW_MS};

/// The salt of the groups that the spread between people is estimated from.
const GROUP_SALT: &str = "groups of people";
const GROUPS: u32 = 64;

/// Where a subject stands with one flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    /// Which flag: the same for all its rules.
    pub(super) flag: u64,
    pub(super) place: PlaceId,
    pub(super) arm: Arm,
    /// The division in which the arm was decided.
    pub(super) allocation: i64,
    pub(super) since_ms: i64,
    pub(super) last_ms: i64,
    /// Where it stood before it crossed over.
    pub(super) before: Option<(PlaceId, Arm)>,
    /// A server told of it, not only a browser.
    pub(super) told_by_servers: bool,
    /// By [`Accepts`].
    waits: [Wait; Accepts::ALL.len()],
}

/// What is waited for, in one book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    /// The last exposure that an outcome is waited for.
    pub(super) awaited: Option<trial::Trial>,
    /// The last outcome of any metric.
    pub(super) answered_ms: i64,
}

impl Stand {
    /// At the first exposure.
    pub(super) fn new(flag: u64, (place, arm, allocation): (PlaceId, Arm, i64), at_ms: i64) -> Self {
        Self {
            flag,
            place,
            arm,
            allocation,
            since_ms: at_ms,
            last_ms: at_ms,
            before: None,
            told_by_servers: false,
            waits: [Wait { awaited: None, answered_ms: i64::MIN }; 2],
        }
    }

    pub(super) fn wait(&self, book: Accepts) -> Wait {
        self.waits[book as usize]
    }

    pub(super) fn set_awaited(&mut self, entry: Entry, awaited: trial::Trial) {
        self.in_books(entry, |wait| wait.awaited = Some(awaited));
    }

    pub(super) fn answered(&mut self, entry: Entry, at_ms: i64) {
        self.in_books(entry, |wait| wait.answered_ms = wait.answered_ms.max(at_ms));
    }

    fn in_books(&mut self, entry: Entry, change: impl Fn(&mut Wait)) {
        for book in Accepts::ALL.into_iter().filter(|book| entry.is_in(*book)) {
            change(&mut self.waits[book as usize]);
        }
    }

    /// The arm at a time.
    pub(super) fn at(&self, at_ms: i64) -> Option<(PlaceId, Arm)> {
        if at_ms >= self.since_ms {
            Some((self.place, self.arm))
        } else {
            self.before.or(Some((self.place, self.arm)))
        }
    }
}

/// A trial of one metric: whose cell it is counted in, and in which books.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CountedTrial {
    pub(super) entry: Entry,
    pub(super) place: PlaceId,
    pub(super) metric: MetricId,
    pub(super) arm: Arm,
    pub(super) part: Part,
    pub(super) own: trial::Trial,
}

#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) group: u8,
    pub(super) stands: Vec<Stand>,
    trials: Vec<CountedTrial>,
}

impl Subject {
    fn new(subject: &SubjectKey) -> Self {
        let group = bucket_hash(GROUP_SALT, subject.as_str()) % GROUPS;
        Self { group: u8::try_from(group).unwrap_or(0), ..Self::default() }
    }

    pub(super) fn stand(&mut self, flag: u64) -> Option<&mut Stand> {
        self.stands.iter_mut().find(|stand| stand.flag == flag)
    }

    /// Adds a stand; the one that was seen longest ago makes room.
    pub(super) fn add_stand(&mut self, stand: Stand) {
        if self.stands.len() >= SUBJECT_FEATURES_MAX {
            let oldest = (0..self.stands.len()).min_by_key(|at| self.stands[*at].last_ms);
            oldest.map(|at| self.stands.swap_remove(at));
        }
        self.stands.push(stand);
    }

    /// The latest trial in one book.
    pub(super) fn trial(&self, place: PlaceId, metric: MetricId, book: Accepts) -> Option<CountedTrial> {
        let own = |trial: &&CountedTrial| trial.is_of(place, metric) && trial.entry.is_in(book);
        self.trials.iter().find(own).copied()
    }

    /// Replaces the trial in the books of its entry.
    pub(super) fn set_trial(&mut self, trial: CountedTrial) {
        let CountedTrial { place, metric, entry, .. } = trial;
        // Where the books went apart, the other one keeps what was in both.
        self.trials.retain_mut(|old| {
            let rest = if old.is_of(place, metric) { old.entry.without(entry) } else { Some(old.entry) };
            old.entry = rest.unwrap_or(old.entry);
            rest.is_some()
        });
        if self.trials.len() >= SUBJECT_TRIALS_MAX {
            let oldest = (0..self.trials.len()).min_by_key(|at| self.trials[*at].own.at_ms);
            oldest.map(|at| self.trials.swap_remove(at));
        }
        self.trials.push(trial);
    }
}

impl CountedTrial {
    fn is_of(&self, place: PlaceId, metric: MetricId) -> bool {
        self.place == place && self.metric == metric
    }
}

/// By a keyed 64-bit hash of environment and key: of a few hundred thousand subjects no two share one.
#[derive(Default)]
pub(super) struct Subjects {
    hasher: RandomState,
    since_ms: i64,
    current: HashMap<u64, Subject>,
    previous: HashMap<u64, Subject>,
}

impl Subjects {
    pub(super) fn hash(&self, parts: (&EnvironmentKey, &str)) -> u64 {
        self.hasher.hash_one(parts)
    }

    /// The subject, when it was seen lately.
    pub(super) fn find(
        &mut self,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
        now_ms: i64,
    ) -> Option<&mut Subject> {
        let hash = self.hash((environment, subject.as_str()));
        self.find_hashed(hash, now_ms)
    }

    /// The same by [`Subjects::hash`].
    pub(super) fn find_hashed(&mut self, hash: u64, now_ms: i64) -> Option<&mut Subject> {
        self.turn(now_ms);
        if let Some(known) = self.previous.remove(&hash) {
            self.current.insert(hash, known);
        }
        self.current.get_mut(&hash)
    }

    pub(super) fn get(
        &mut self,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
        now_ms: i64,
    ) -> &mut Subject {
        let hash = self.hash((environment, subject.as_str()));
        self.turn(now_ms);
        if let Some(known) = self.previous.remove(&hash) {
            self.current.insert(hash, known);
        }
        self.current.entry(hash).or_insert_with(|| Subject::new(subject))
    }

    fn turn(&mut self, now_ms: i64) {
        // Each generation holds half of what may be held.
        if now_ms - self.since_ms >= SUBJECTS_WINDOW_MS || self.current.len() >= SUBJECTS_MAX / 2 {
            self.previous = std::mem::take(&mut self.current);
            self.since_ms = now_ms;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.current.len() + self.previous.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_a_day_without_a_sign_forgets() {
        let environment = EnvironmentKey::parse("production").expect("a key");
        let subject = |n: usize| SubjectKey::parse(&format!("u-{n}")).expect("a key");
        let mut subjects = Subjects::default();
        for n in 0..SUBJECTS_MAX * 2 {
            subjects.get(&environment, &subject(n), 1);
        }
        assert!(subjects.len() <= SUBJECTS_MAX, "{}", subjects.len());
        let last = subject(SUBJECTS_MAX * 2 - 1);
        assert!(subjects.find(&environment, &last, 1).is_some());
        let staging = EnvironmentKey::parse("staging").expect("a key");
        assert!(subjects.find(&staging, &last, 1).is_none(), "environments know each other's subjects");
        assert!(subjects.find(&environment, &last, SUBJECTS_WINDOW_MS + 2).is_some());
        for turn in 2..5 {
            subjects.find(&environment, &subject(0), turn * SUBJECTS_WINDOW_MS + 3);
        }
        assert!(subjects.find(&environment, &last, 5 * SUBJECTS_WINDOW_MS).is_none());
    }
}
