//! Many people that were packed in pieces become one: how a server that starts comes to know everybody, in whatever
//! order the database has them.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, vec};

use engine::Packed;

use super::{
    People, Piece,
    shard::{Growing, Shard},
};

/// One of the pieces, as far as it was taken. Its shards are given up one by one, so that nobody is held twice for long.
struct Run {
    rest: vec::IntoIter<Piece>,
    shard: Arc<Shard>,
    at: usize,
}

impl People {
    /// Everybody of `runs`; nobody may be in two of them.
    pub(super) fn merged(runs: Vec<Self>) -> Self {
        let mut growing = Growing::for_people(runs.iter().map(Self::len).sum());
        let runs = runs.into_iter().map(|people| Run {
            rest: people.shards.into_iter(),
            shard: Arc::default(),
            at: 0,
        });
        let mut runs: Vec<_> = runs.collect();
        let mut first: BinaryHeap<Reverse<(Box<str>, usize)>> = BinaryHeap::new();
        for (n, run) in runs.iter_mut().enumerate() {
            first.extend(run.first().map(|person| Reverse((person.subject().into(), n))));
        }
        while let Some(Reverse((_, n))) = first.pop() {
            let next = first.peek().map(|Reverse((subject, _))| &**subject);
            while let Some(person) = runs[n].first() {
                if next.is_some_and(|next| next < person.subject()) {
                    let again = Reverse((person.subject().into(), n));
                    first.push(again);
                    break;
                }
                growing.push(person.subject(), person.into());
                runs[n].at += 1;
            }
        }
        let mut people = Self::default();
        growing.finish().into_iter().for_each(|shard| people.push(shard));
        people
    }
}

impl Run {
    fn first(&mut self) -> Option<Packed<'_>> {
        while self.at >= self.shard.len() {
            (self.shard, self.at) = (self.rest.next()?.shard, 0);
        }
        self.shard.get(self.at)
    }
}

#[cfg(test)]
mod tests {
    use engine::{AttributeValue, Attributes};

    use super::*;
    use crate::people::shard::Change;

    fn change(n: usize) -> Change {
        let traits: Attributes =
            [("n".to_owned(), AttributeValue::Text(format!("N{n}")))].into_iter().collect();
        (format!("u-{n:06}").into(), Some(traits))
    }

    #[test]
    fn pieces_in_any_order_are_everybody_in_order() {
        const N: usize = 10_007;
        let everybody = People::default().with((0..N).map(change).collect());
        for factor in [1, 7919] {
            let arriving: Vec<_> = (0..N).map(|n| change(n * factor % N)).collect();
            let runs = arriving.chunks(611).map(|page| People::default().with(page.to_vec()));
            let merged = People::merged(runs.chain([People::default()]).collect());
            assert_eq!(merged.len(), N);
            assert!(merged.iter().eq(everybody.iter()), "{factor}");
            assert!(merged.traits("u-000000").is_some() && merged.traits("u-010007").is_none());
        }
        assert!(People::merged(Vec::new()).is_empty());
    }
}
