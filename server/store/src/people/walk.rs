//! Walking over everybody at one moment, in any order.

use std::{ops::Range, sync::Arc};

use engine::Context;

use super::{People, shard::Shard};

/// Everybody at one moment, by their place in the order of the keys.
#[derive(Debug)]
pub(crate) struct Walk {
    people: Arc<People>,
    /// The place of each shard's first person.
    starts: Vec<usize>,
}

impl Walk {
    pub(crate) fn new(people: Arc<People>) -> Self {
        let mut next = 0;
        let begin = |(_, shard): &(Arc<str>, Arc<Shard>)| {
            let start = next;
            next += shard.people().len();
            start
        };
        let starts = people.shards.iter().map(begin).collect();
        Self { people, starts }
    }

    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    /// Whoever stands at a place.
    pub(crate) fn at(&self, place: usize) -> Option<Context<'_>> {
        let shard = self.starts.partition_point(|start| *start <= place).checked_sub(1)?;
        let known = self.people.shards.get(shard)?.1.people().get(place - self.starts.get(shard)?)?;
        Some(Context::from_traits(&known.subject, &known.traits))
    }

    /// Everybody in a range of places, in order.
    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = Context<'_>> {
        let shard = self.starts.partition_point(|start| *start <= range.start).saturating_sub(1);
        let skipped = range.start - self.starts.get(shard).copied().unwrap_or(0);
        let known = self.people.shards.get(shard..).unwrap_or_default().iter();
        let known = known.flat_map(|(_, shard)| shard.people()).skip(skipped).take(range.len());
        known.map(|known| Context::from_traits(&known.subject, &known.traits))
    }
}
