//! Many people that were packed in pieces become one: how a server that starts comes to know everybody, in whatever
//! order the database has them.

use std::{sync::Arc, vec};

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
        let mut runs: Vec<_> = runs.into_iter().filter_map(Run::new).collect();
        // Whoever comes first stands last, where taking them moves nobody else.
        runs.sort_by(|a, b| b.subject().cmp(a.subject()));
        while let Some(mut run) = runs.pop() {
            growing.take(&run.shard, run.at);
            while run.goes_on() {
                if runs.last().is_none_or(|next| run.subject() < next.subject()) {
                    growing.take(&run.shard, run.at);
                } else {
                    let place = runs.partition_point(|other| other.subject() > run.subject());
                    runs.insert(place, run);
                    break;
                }
            }
        }
        growing.finish().into()
    }
}

impl Run {
    fn new(people: People) -> Option<Self> {
        let mut rest = people.shards.into_iter();
        let shard = rest.next()?.shard;
        Some(Self { rest, shard, at: 0 })
    }

    /// Whether there is somebody after whoever was taken.
    fn goes_on(&mut self) -> bool {
        self.at += 1;
        if self.at == self.shard.len() {
            let Some(next) = self.rest.next() else { return false };
            (self.shard, self.at) = (next.shard, 0);
        }
        true
    }

    /// Who is next.
    fn subject(&self) -> &str {
        self.shard.get(self.at).map_or("", |person| person.subject())
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

    /// Each piece numbers the names of its traits by itself.
    #[test]
    fn people_with_different_traits_keep_their_own() {
        const N: usize = 2_000;
        let person = |n: usize| -> Change {
            let named = |n: usize| (format!("t{}", n % 17), AttributeValue::Text(format!("V{n}")));
            let traits = [named(n), named(n * 7 + 3), named(n * 5 + 1)];
            (format!("u-{n:06}").into(), Some(traits.into_iter().collect()))
        };
        let everybody = People::default().with((0..N).map(person).collect());
        let runs =
            (0..5).map(|run| People::default().with((0..N).skip(run).step_by(5).map(person).collect()));
        let merged = People::merged(runs.collect());
        assert!(merged.iter().eq(everybody.iter()));
        for n in [0, 999, N - 1] {
            let (subject, traits) = person(n);
            assert_eq!(merged.traits(&subject), traits.as_ref().map(Into::into), "{n}");
        }
    }
}
