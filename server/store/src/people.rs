//! Known people: subjects with stored traits, all in memory, packed in shards by key. A change copies the shards it
//! touches; reading takes no lock and allocates nothing.

mod answer;
mod changed;
mod erase;
mod load;
mod look_up;
mod merge;
mod named;
mod search;
mod searched;
mod shard;
mod shown;
mod similar;
mod walk;
mod write;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use engine::{Context, Packed, Traits, ValueRef};

pub use answer::{FlagAnswer, PersonAnswer};
pub use changed::{Cause, FlagChanged, PersonChanges, Turn};
pub(crate) use load::{Found, read};
pub use look_up::LookedUp;
pub(crate) use named::{Named, lower};
pub use search::{Match, Matches, Rank};
pub(crate) use searched::Searched;
pub(crate) use walk::Walk;
pub(crate) use write::traits_json;
pub use write::{Compared, Standing};

use crate::limits::ATTRIBUTE_VALUES_MAX;
use shard::{Change, Shard};

/// So many people's values are suggested.
const VALUES_PEOPLE_MAX: usize = 20_000;

/// Everybody known, by targeting key: one moment of them, which stays as it is.
#[derive(Debug, Default, Clone)]
pub struct People {
    /// In the order of the keys.
    shards: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    /// The first key in it, so that finding one touches no shard but its own.
    first: Arc<str>,
    shard: Arc<Shard>,
    /// How many people there are up to the last of it.
    end: usize,
}

impl People {
    pub fn len(&self) -> usize {
        self.shards.last().map_or(0, |piece| piece.end)
    }

    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The stored traits of one subject.
    pub fn traits(&self, subject: &str) -> Option<Traits<'_>> {
        let after = self.shards.partition_point(|piece| *piece.first <= *subject);
        self.shards.get(after.checked_sub(1)?)?.shard.find(subject).map(Traits::from)
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Traits<'_>)> {
        self.chunk(0..self.len())
    }

    /// Who stands at one place in the order of the keys.
    pub fn at(&self, place: usize) -> Option<(&str, Traits<'_>)> {
        self.chunk(place..place + 1).next()
    }

    /// Who stands at these places in the order of the keys: a few or all of one moment, begun anywhere at once.
    pub fn chunk(&self, range: Range<usize>) -> impl Iterator<Item = (&str, Traits<'_>)> {
        self.people_at_place(range.start).take(range.len()).map(|person| (person.subject(), person.into()))
    }

    /// Everybody as the engine sees them through their stored traits.
    pub fn contexts(&self) -> impl Iterator<Item = Context<'_>> {
        self.iter().map(|(subject, traits)| Context::from_traits(subject, traits))
    }

    /// Distinct values of one attribute in order, at most [`ATTRIBUTE_VALUES_MAX`]; a list counts with its elements. Of many
    /// people every n-th is looked at: they are suggestions, and a page waits for them.
    pub fn attribute_values(&self, name: &str) -> Vec<String> {
        let mut values = BTreeSet::new();
        let mut add = |text: &str| {
            let is_late = || values.last().is_some_and(|last: &String| **last < *text);
            if values.contains(text) || (values.len() == ATTRIBUTE_VALUES_MAX && is_late()) {
                return;
            }
            values.insert(text.to_owned());
            if values.len() > ATTRIBUTE_VALUES_MAX {
                values.pop_last();
            }
        };
        let some = self.iter().step_by(self.len().div_ceil(VALUES_PEOPLE_MAX).max(1));
        for value in some.filter_map(|(_, traits)| traits.get(name)) {
            match value {
                ValueRef::List(items) => items.iter().for_each(&mut add),
                ValueRef::Text(text) => add(text),
                ValueRef::Boolean(_) | ValueRef::Number(_) => add(&value.display()),
            }
        }
        values.into_iter().collect()
    }

    /// The keys from this one on.
    fn from(&self, subject: &str) -> impl Iterator<Item = Packed<'_>> {
        let at = self.shards.partition_point(|piece| *piece.first <= *subject).saturating_sub(1);
        let skipped = self.shards.get(at).map_or(0, |piece| piece.shard.place(subject));
        self.people_at_piece(at, skipped)
    }

    fn people_at_place(&self, place: usize) -> impl Iterator<Item = Packed<'_>> {
        let at = self.shards.partition_point(|piece| piece.end <= place);
        let begin = at.checked_sub(1).map_or(0, |before| self.shards[before].end);
        self.people_at_piece(at, place - begin)
    }

    fn people_at_piece(&self, at: usize, skipped: usize) -> impl Iterator<Item = Packed<'_>> {
        let pieces = self.shards.get(at..).unwrap_or_default().iter().enumerate();
        pieces.flat_map(move |(n, piece)| piece.shard.people_from(if n == 0 { skipped } else { 0 }))
    }

    /// These people with `changes`. Untouched shards are shared.
    pub(crate) fn with(&self, mut changes: Vec<Change>) -> Self {
        // Of two changes of one subject the last counts; the sort is stable.
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut next = Self { shards: Vec::with_capacity(self.shards.len() + 1) };
        let mut changes = changes.into_iter().peekable();
        for (at, piece) in self.shards.iter().enumerate() {
            let after = self.shards.get(at + 1).map(|piece| &*piece.first);
            let is_here = |(key, _): &Change| after.is_none_or(|after| **key < *after);
            let mine: Vec<_> = std::iter::from_fn(|| changes.next_if(is_here)).collect();
            if mine.is_empty() {
                next.push((Arc::clone(&piece.first), Arc::clone(&piece.shard)));
            } else {
                piece.shard.with(mine).into_iter().for_each(|shard| next.push(shard));
            }
        }
        Shard::default().with(changes.collect()).into_iter().for_each(|shard| next.push(shard));
        next
    }

    fn push(&mut self, (first, shard): (Arc<str>, Arc<Shard>)) {
        let end = self.len() + shard.len();
        self.shards.push(Piece { first, shard, end });
    }
}

/// In the order of the keys.
impl From<Vec<(Arc<str>, Arc<Shard>)>> for People {
    fn from(shards: Vec<(Arc<str>, Arc<Shard>)>) -> Self {
        let mut people = Self { shards: Vec::with_capacity(shards.len()) };
        for shard in shards {
            people.push(shard);
        }
        people
    }
}

#[cfg(test)]
mod tests {
    use engine::Attributes;
    use serde_json::{Value as Json, json};

    use super::{shard::SHARD_PEOPLE_MAX, *};

    fn traits(json: &Json) -> Attributes {
        Attributes::from_json(json.as_object().expect("object"))
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
            assert_eq!(grown.traits(&format!("u-{at:06}")), Some((&traits(&json!({"n": at}))).into()));
        }
        for nobody in ["", "a", "u-", "u-0000001", "z"] {
            assert_eq!(grown.traits(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn one_change_clones_one_shard() {
        let before = many(20 * SHARD_PEOPLE_MAX);
        let after = before.with(vec![("u-000700".into(), Some(traits(&json!({"n": "new"}))))]);
        let shared = |new: &&Piece| before.shards.iter().any(|old| Arc::ptr_eq(&old.shard, &new.shard));
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
        assert_eq!((twice.len(), twice.traits("a")), (1, Some((&traits(&json!({"n": 2}))).into())));
    }

    #[test]
    fn a_chunk_begins_anywhere_and_ends_with_the_last() {
        let people = many(3 * SHARD_PEOPLE_MAX + 7);
        let everybody: Vec<_> = people.iter().map(|(subject, _)| subject).collect();
        for range in [0..0, 0..1, 300..1200, people.len() - 1..people.len() + 9, 9999..10_002] {
            let chunk: Vec<_> = people.chunk(range.clone()).map(|(subject, _)| subject).collect();
            let expected = everybody.get(range.start..range.end.min(everybody.len())).unwrap_or_default();
            assert_eq!(chunk, expected, "{range:?}");
            assert_eq!(
                people.at(range.start).map(|(subject, _)| subject),
                everybody.get(range.start).copied()
            );
        }
    }

    #[test]
    fn of_many_values_the_first_are_listed() {
        let people = people((0..1000).map(|n| (format!("u-{n}"), json!({"n": format!("{:03}", 999 - n)}))));
        let values = people.attribute_values("n");
        assert_eq!(
            (values.len(), values[0].as_str(), values[49].as_str()),
            (ATTRIBUTE_VALUES_MAX, "000", "049")
        );
    }
}
