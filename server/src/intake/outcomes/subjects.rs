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

    /// As if it had stood there from `at_ms` on.
    pub(super) fn move_to(&mut self, (place, arm, allocation): (PlaceId, Arm, i64), at_ms: i64) {
        if self.place != place || self.arm != arm {
            (self.place, self.arm, self.since_ms) = (place, arm, at_ms);
        }
        (self.before, self.allocation, self.last_ms) = (None, allocation, at_ms);
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
    /// When the ledger was asked for it, see [`super::waiting::Waiting::epoch`].
    pub(super) recalled: Option<u64>,
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

    /// Adds a stand, or what a server tells instead of a browser. What servers told has a room of its own, and what only
    /// browsers told another: in each, the one that was seen longest ago makes room.
    pub(super) fn add_stand(&mut self, stand: Stand) {
        self.stands.retain(|each| each.flag != stand.flag);
        if self.is_full(stand.told_by_servers) {
            let those = |at: &usize| self.stands[*at].told_by_servers == stand.told_by_servers;
            let oldest = (0..self.stands.len()).filter(those).min_by_key(|at| self.stands[*at].last_ms);
            oldest.map(|at| self.stands.swap_remove(at));
        }
        self.stands.push(stand);
    }

    /// Whether a further stand of servers, or of browsers, pushes out another.
    pub(super) fn is_full(&self, of_servers: bool) -> bool {
        let those = self.stands.iter().filter(|stand| stand.told_by_servers == of_servers);
        those.count() >= SUBJECT_FEATURES_MAX
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
        // The book of servers has a room of its own.
        let of_servers = trial.entry.is_in(Accepts::Servers);
        let those = |at: &usize| self.trials[*at].entry.is_in(Accepts::Servers) == of_servers;
        if (0..self.trials.len()).filter(those).count() >= SUBJECT_TRIALS_MAX {
            let oldest = (0..self.trials.len()).filter(those).min_by_key(|at| self.trials[*at].own.at_ms);
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
    use engine::{MetricDefinition, MetricKey, MetricKind};

    use super::{super::places::Places, *};

    fn rule(n: u64) -> (Stand, CountedTrial) {
        // Numbers of rules and metrics are made for those that exist: one of each is enough here.
        let (place, metric) = (PlaceId::default(), MetricId::default());
        let own = trial::Trial::new(n.cast_signed(), false, false);
        let stand = Stand::new(n, (place, Arm::Treatment, 1), n.cast_signed());
        let part = Part { allocation: 1, began_ms: 0 };
        (stand, CountedTrial { entry: Entry::Both, place, metric, arm: Arm::Treatment, part, own })
    }

    #[test]
    fn browsers_push_out_nothing_that_servers_told() {
        let mut ada = Subject::default();
        let of_server = Stand { told_by_servers: true, ..rule(0).0 };
        ada.add_stand(of_server);
        for n in 1..200 {
            ada.add_stand(rule(n).0);
        }
        assert_eq!(ada.stands.len(), SUBJECT_FEATURES_MAX + 1);
        assert!(ada.stand(0).is_some() && ada.stand(199).is_some() && ada.stand(1).is_none());
        for n in 1000..1200 {
            ada.add_stand(Stand { told_by_servers: true, ..rule(n).0 });
        }
        assert!(ada.stand(0).is_none() && ada.stand(199).is_some(), "each in its own room");
        ada.add_stand(Stand { told_by_servers: true, ..rule(199).0 });
        assert_eq!(ada.stands.iter().filter(|stand| stand.flag == 199).count(), 1);
    }

    #[test]
    fn browsers_push_out_no_trial_of_the_book_of_servers() {
        let mut metrics = Places::default();
        let mut metric = |n: usize| {
            let (kind, key) = (MetricKind::Rate, MetricKey::parse(&format!("m-{n}")).expect("a key"));
            let (name, description, unit) = (String::new(), String::new(), String::new());
            let definition = MetricDefinition { key, name, description, kind, unit, lower_is_better: true };
            metrics.metric(&definition).expect("a number")
        };
        let mut ada = Subject::default();
        let place = PlaceId::default();
        let first = metric(0);
        ada.set_trial(CountedTrial { metric: first, ..rule(0).1 });
        for n in 1..400 {
            let entry = Entry::Only(Accepts::ServersAndBrowsers);
            ada.set_trial(CountedTrial { metric: metric(n), entry, ..rule(n as u64).1 });
        }
        assert!(ada.trial(place, first, Accepts::Servers).is_some());
        assert!(ada.trials.len() <= 2 * SUBJECT_TRIALS_MAX);
    }

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
