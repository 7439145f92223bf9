//! Known people: subjects with stored traits, all in memory, in shards by key. A change clones the shards it touches;
//! reading takes no lock and allocates nothing.

mod answer;
mod erase;
mod load;
mod look_up;
mod search;
mod searched;
mod shard;
mod walk;
mod write;

use std::{collections::BTreeSet, sync::Arc};

use engine::{AttributeValue, Attributes, Context};

pub use answer::{FlagAnswer, PersonAnswer};
pub(crate) use load::{Rows, rows};
pub use look_up::LookedUp;
pub use search::{Match, Matches, Rank};
pub(crate) use searched::Searched;
pub(crate) use walk::Walk;
pub(crate) use write::traits_json;
pub use write::{Compared, Standing};

use crate::limits::ATTRIBUTE_VALUES_MAX;
use shard::{Known, SHARD_PEOPLE_MAX, Shard};

/// So many people's values are suggested.
const VALUES_PEOPLE_MAX: usize = 20_000;

/// Everybody known, by targeting key.
#[derive(Debug, Default, Clone)]
pub struct People {
    /// In order; each with the first key it holds, so that finding one touches no shard but its own.
    shards: Vec<(Arc<str>, Arc<Shard>)>,
    len: usize,
}

impl People {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The stored traits of one subject.
    pub fn traits(&self, subject: &str) -> Option<&Attributes> {
        self.known(subject).map(|known| &*known.traits)
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        let known = self.shards.iter().flat_map(|(_, shard)| shard.people());
        known.map(|known| (&*known.subject, &*known.traits))
    }

    /// Everybody as the engine sees them through their stored traits.
    pub fn contexts(&self) -> impl Iterator<Item = Context<'_>> {
        self.iter().map(|(subject, traits)| Context::from_traits(subject, traits))
    }

    /// Distinct values of one attribute in order, at most [`ATTRIBUTE_VALUES_MAX`]; a list counts with its elements. Of many
    /// people every n-th is looked at: they are suggestions, and a page waits for them.
    pub fn attribute_values(&self, name: &str) -> Vec<String> {
        let mut values = BTreeSet::new();
        let some = self.iter().step_by(self.len.div_ceil(VALUES_PEOPLE_MAX).max(1));
        for value in some.filter_map(|(_, traits)| traits.get(name)) {
            match value {
                AttributeValue::List(items) => values.extend(items.iter().cloned()),
                AttributeValue::Boolean(_) | AttributeValue::Number(_) | AttributeValue::Text(_) => {
                    values.insert(value.display());
                }
            }
        }
        values.into_iter().take(ATTRIBUTE_VALUES_MAX).collect()
    }

    fn known(&self, subject: &str) -> Option<&Known> {
        let after = self.shards.partition_point(|(first, _)| **first <= *subject);
        self.shards.get(after.checked_sub(1)?)?.1.find(subject)
    }

    /// The keys from this one on.
    fn from(&self, subject: &str) -> impl Iterator<Item = &Known> {
        let at = self.shards.partition_point(|(first, _)| **first <= *subject).saturating_sub(1);
        let known = self.shards[at..].iter().flat_map(|(_, shard)| shard.people());
        known.skip_while(move |known| *known.subject < *subject)
    }

    /// These people with `changes`: `None` forgets somebody. Untouched shards are shared.
    fn with(&self, mut changes: Vec<(Arc<str>, Option<Arc<Attributes>>)>) -> Self {
        // Of two changes of one subject the last counts; the sort is stable.
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        let mut shards = Vec::with_capacity(self.shards.len() + changes.len() / SHARD_PEOPLE_MAX + 1);
        let mut rest = &changes[..];
        for (at, (first, shard)) in self.shards.iter().enumerate() {
            let next = self.shards.get(at + 1).map(|(first, _)| first);
            let here = next.map_or(rest.len(), |next| rest.partition_point(|(key, _)| key < next));
            let (mine, others) = rest.split_at(here);
            rest = others;
            if mine.is_empty() {
                shards.push((Arc::clone(first), Arc::clone(shard)));
            } else {
                shards.extend(shard.with(mine));
            }
        }
        shards.extend(Shard::default().with(rest));
        let len = shards.iter().map(|(_, shard)| shard.people().len()).sum();
        Self { shards, len }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn traits(json: &Json) -> Arc<Attributes> {
        Arc::new(Attributes::from_json(json.as_object().expect("object")))
    }

    fn people(of: impl IntoIterator<Item = (String, Json)>) -> People {
        let changes = of.into_iter().map(|(subject, json)| (subject.into(), Some(traits(&json))));
        People::default().with(changes.collect())
    }

    fn many(n: usize) -> People {
        people((0..n).map(|n| (format!("u-{n:06}"), json!({"n": n}))))
    }

    #[test]
    fn values_are_distinct_and_lists_count_by_element() {
        let people = people([
            ("a".to_owned(), json!({"tier": "vip", "beta_features": ["x", "y"]})),
            ("b".to_owned(), json!({"tier": "vip", "beta_features": ["y"]})),
            ("c".to_owned(), json!({"tier": "basic"})),
        ]);
        assert_eq!(people.attribute_values("tier"), ["basic", "vip"]);
        assert_eq!(people.attribute_values("beta_features"), ["x", "y"]);
        assert!(people.attribute_values("unknown").is_empty());
    }

    #[test]
    fn everybody_is_found_in_order_whatever_the_order_of_arrival() {
        let n = 5 * SHARD_PEOPLE_MAX;
        let mut arriving: Vec<_> = (0..n).map(|at| (at * 7919) % n).collect();
        arriving.dedup();
        let mut grown = People::default();
        for chunk in arriving.chunks(97) {
            let change = |at: &usize| (format!("u-{at:06}").into(), Some(traits(&json!({"n": at}))));
            grown = grown.with(chunk.iter().map(change).collect());
        }
        assert_eq!(grown.len(), n);
        assert!(grown.iter().map(|(subject, _)| subject).is_sorted());
        assert!(grown.iter().eq(many(n).iter()));
        for at in [0, 1, n / 2, n - 1] {
            assert_eq!(grown.traits(&format!("u-{at:06}")), Some(&*traits(&json!({"n": at}))));
        }
        for nobody in ["", "a", "u-", "u-0000001", "z"] {
            assert_eq!(grown.traits(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn one_change_clones_one_shard() {
        let before = many(20 * SHARD_PEOPLE_MAX);
        let after = before.with(vec![("u-000700".into(), Some(traits(&json!({"n": "new"}))))]);
        let shared = |(_, shard): &&(Arc<str>, Arc<Shard>)| {
            before.shards.iter().any(|(_, old)| Arc::ptr_eq(old, shard))
        };
        assert_eq!(after.shards.iter().filter(shared).count(), before.shards.len() - 1);
        assert_eq!(after.len(), before.len());
    }

    #[test]
    fn somebody_forgotten_is_gone_and_an_empty_shard_with_them() {
        let before = many(3);
        let gone = |subject: &str| (subject.into(), None);
        let after = before.with(vec![gone("u-000001"), gone("nobody")]);
        assert_eq!((after.len(), after.traits("u-000001")), (2, None));
        let none = after.with(vec![gone("u-000000"), gone("u-000002")]);
        assert!(none.is_empty() && none.shards.is_empty());
        assert_eq!(none.traits("u-000000"), None);
        assert_eq!(none.from("u").count(), 0);
    }

    #[test]
    fn of_two_changes_of_one_subject_the_last_counts() {
        let twice = People::default().with(vec![
            ("a".into(), Some(traits(&json!({"n": 1})))),
            ("a".into(), Some(traits(&json!({"n": 2})))),
        ]);
        assert_eq!((twice.len(), twice.traits("a")), (1, Some(&*traits(&json!({"n": 2})))));
    }
}
