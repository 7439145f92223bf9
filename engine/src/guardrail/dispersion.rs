//! How much the trials of one person move together, estimated from 64 random groups of people.
//! An estimate (quasi-likelihood), not a theorem; measured false alarms stay below 5 % in clustered scenarios.

use serde::{Deserialize, Serialize};

use super::numeric::float;
use super::tally::Tally;

/// How many groups people are hashed into.
pub const GROUPS: usize = 64;

/// The group of a person.
pub fn group_of(hash: u64) -> u8 {
    (hash % GROUPS as u64).to_le_bytes()[0]
}

/// Counts of one arm by group of people since the rollout began; group number → counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Groups(Vec<(u8, Tally)>);

impl Groups {
    /// Adds counts to a person's group; `hash` is any well mixed hash of the person and the rollout's seed.
    pub fn record(&mut self, hash: u64, tally: Tally) {
        self.add(group_of(hash), tally);
    }

    pub(super) fn add(&mut self, group: u8, tally: Tally) {
        match self.0.binary_search_by_key(&group, |(number, _)| *number) {
            Ok(at) => self.0[at].1 = self.0[at].1.plus(tally),
            Err(at) => self.0.insert(at, (group, tally)),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (group, tally) in &other.0 {
            self.add(*group, *tally);
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn tallies(&self) -> impl Iterator<Item = Tally> + Clone {
        self.0.iter().map(|(_, tally)| *tally)
    }
}

/// By how much the evidence is to be divided: 1 for independent trials.
pub fn dispersion(
    treatment: impl Iterator<Item = Tally> + Clone,
    control: impl Iterator<Item = Tally> + Clone,
) -> f64 {
    let (phi_t, weight_t) = arm(treatment);
    let (phi_c, weight_c) = arm(control);
    ((phi_t * weight_t + phi_c * weight_c) / (weight_t + weight_c)).max(1.0)
}

/// Pearson's statistic per degree of freedom, and the arm's part in the variance of the log ratio.
fn arm(groups: impl Iterator<Item = Tally> + Clone) -> (f64, f64) {
    let groups = groups.filter(|tally| tally.trials > 0);
    let total = groups.clone().fold(Tally::default(), Tally::plus);
    let weight = 1.0 / (float(total.events) + 1.0);
    let count = groups.clone().count();
    if count < 2 || total.events == 0 || total.events >= total.trials {
        return (1.0, weight);
    }
    let rate = float(total.events) / float(total.trials);
    let pearson: f64 = groups
        .map(|tally| {
            let expected = rate * float(tally.trials);
            (float(tally.events) - expected).powi(2) / (expected * (1.0 - rate))
        })
        .sum();
    (pearson / (float(count as u64) - 1.0), weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_who_always_fails_is_not_many() {
        let even = (0..64).map(|_| Tally::new(100, 2));
        assert!((dispersion(even.clone(), even.clone()) - 1.0).abs() < 1e-12);
        let one = (0..64).map(|group| Tally::new(100, if group == 7 { 100 } else { 0 }));
        assert!(dispersion(one, even) > 20.0);
    }

    #[test]
    fn groups_add_up_however_they_are_merged() {
        let (mut a, mut b) = (Groups::default(), Groups::default());
        for hash in 0..200 {
            if hash % 2 == 0 { &mut a } else { &mut b }.record(hash, Tally::new(1, hash % 3 / 2));
        }
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab.tallies().map(|tally| tally.trials).sum::<u64>(), 200);
    }
}
