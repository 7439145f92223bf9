//! From requests to trials. Assignment is by person, so one person's requests are not independent: a trial is a
//! person and a period, bad when any request in it was; and after a bad trial the person is out of the risk set for
//! ten minutes, so that one who always fails is not many failures.

use rustc_hash::FxHashMap;

use super::tally::Tally;

/// How long a person with a bad trial is left out of this metric, neither trial nor event.
pub const COOL_DOWN_MS: i64 = 10 * 60_000;

/// Who is in a trial now, and who is left out; for one metric of one arm. Kept in memory: after a restart, people
/// who were left out come back early, in both arms alike.
#[derive(Debug, Clone)]
pub struct RiskSet {
    period_ms: i64,
    people_max: usize,
    people: FxHashMap<u64, Person>,
    untracked: u64,
}

#[derive(Debug, Clone, Copy)]
struct Person {
    period: i64,
    /// End of the cool-down after a bad trial.
    out_until_ms: Option<i64>,
}

/// What a request adds, and to which period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Beginning of the person's period: the cell that the tally belongs to.
    pub period_ms: i64,
    pub tally: Tally,
}

impl RiskSet {
    /// `period_ms` is the length of the cells: an outcome that came after its cell has settled could not be counted
    /// any more. At most `people_max` people are followed at once; requests of more are counted as untracked.
    pub fn new(period_ms: i64, people_max: usize) -> Self {
        Self { period_ms: period_ms.max(1), people_max, people: FxHashMap::default(), untracked: 0 }
    }

    /// Counts a request; `None` when it adds nothing: a good one after the first of its period, one of a person who
    /// is left out, or one from before the person's current period.
    pub fn record(&mut self, person: u64, at_ms: i64, bad: bool) -> Option<Added> {
        let period = at_ms.div_euclid(self.period_ms);
        let out_until_ms = bad.then(|| at_ms.saturating_add(COOL_DOWN_MS));
        let added = |trials| {
            let period_ms = period.saturating_mul(self.period_ms);
            Some(Added { period_ms, tally: Tally::new(trials, u64::from(bad)) })
        };
        if let Some(known) = self.people.get_mut(&person) {
            let out = known.out_until_ms.is_some_and(|until_ms| at_ms < until_ms);
            if out || period < known.period || (period == known.period && !bad) {
                return None;
            }
            let turned_bad = period == known.period;
            *known = Person { period, out_until_ms };
            return added(u64::from(!turned_bad));
        }
        if self.people.len() >= self.people_max {
            self.untracked = self.untracked.saturating_add(1);
            return None;
        }
        self.people.insert(person, Person { period, out_until_ms });
        added(1)
    }

    /// Forgets everybody whose period has settled and who is not left out. To be called once per period.
    pub fn forget(&mut self, now_ms: i64, settle_ms: i64) {
        let period_ms = self.period_ms;
        self.people.retain(|_, person| {
            let end_ms = person.period.saturating_add(1).saturating_mul(period_ms);
            let open = now_ms < end_ms.saturating_add(settle_ms);
            open || person.out_until_ms.is_some_and(|until_ms| now_ms < until_ms)
        });
    }

    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Requests that were not counted because too many people came at once.
    pub const fn untracked(&self) -> u64 {
        self.untracked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_MS: i64 = 10_000;

    fn add(set: &mut RiskSet, person: u64, at_ms: i64, bad: bool) -> Option<(u64, u64)> {
        let added = set.record(person, at_ms, bad)?;
        assert_eq!(added.period_ms, at_ms.div_euclid(PERIOD_MS) * PERIOD_MS);
        Some((added.tally.trials, added.tally.events))
    }

    #[test]
    fn a_person_is_one_trial_per_period_and_out_after_a_bad_one() {
        let mut set = RiskSet::new(PERIOD_MS, 10);
        assert_eq!(add(&mut set, 1, 0, false), Some((1, 0)));
        assert_eq!(add(&mut set, 1, 1_000, false), None);
        assert_eq!(add(&mut set, 1, 2_000, true), Some((0, 1)), "the trial turned bad");
        assert_eq!(add(&mut set, 1, 3_000, true), None);
        assert_eq!(add(&mut set, 1, 2_000 + COOL_DOWN_MS - 1, true), None, "left out");
        assert_eq!(add(&mut set, 1, 2_000 + COOL_DOWN_MS, false), Some((1, 0)));
        assert_eq!(add(&mut set, 1, 0, true), None, "too old");
        assert_eq!(add(&mut set, 2, 5_000, true), Some((1, 1)));
    }

    #[test]
    fn memory_is_bounded_and_people_are_forgotten() {
        let mut set = RiskSet::new(PERIOD_MS, 2);
        add(&mut set, 1, 0, false);
        add(&mut set, 2, 0, true);
        assert_eq!(add(&mut set, 3, 0, false), None);
        assert_eq!((set.people(), set.untracked()), (2, 1));
        set.forget(19_999, 10_000);
        assert_eq!(set.people(), 2);
        set.forget(20_000, 10_000);
        assert_eq!(set.people(), 1, "who failed is still left out");
        set.forget(COOL_DOWN_MS, 10_000);
        assert_eq!(set.people(), 0);
        assert!(set.record(1, i64::MIN, true).is_some());
        assert!(set.record(2, i64::MAX, true).is_some());
    }
}
