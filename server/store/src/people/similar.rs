//! People who are nearly called what was typed: a letter too many, too few, another one or two in the wrong order, marks left
//! out. One pass over everybody's text, in pieces between which others have their turn; only asked when a search as it was
//! typed finds few.

use std::{borrow::Cow, collections::BinaryHeap};

use engine::without_marks;

use super::{Match, People, Rank, shard::Shard};

/// Pieces of some hundreds of people each; in between, what waits on the same thread goes on.
const PIECES_AT_ONCE: usize = 16;
/// Words that are compared; more say less.
const WORDS_MAX: usize = 6;
/// A word of so many letters is looked for.
const CHARS_MIN: usize = 3;
/// In a word of so many letters one slip is forgiven, two in a longer one.
const ONE_SLIP_CHARS: usize = 4;
const TWO_SLIPS_CHARS: usize = 8;

/// A word as it was typed, or as somebody has it: ready to be compared.
struct Word<'t> {
    text: Cow<'t, str>,
    chars: usize,
    /// Which letters are in it, a bit each.
    letters: u32,
}

impl<'t> Word<'t> {
    fn new(text: &'t str) -> Self {
        let text = without_marks(text);
        let chars = if text.is_ascii() { text.len() } else { text.chars().count() };
        let letters = text.chars().fold(0, |letters, c| letters | 1 << (u32::from(c) % 32));
        Self { text, chars, letters }
    }

    fn slips(&self) -> usize {
        match self.chars {
            ..ONE_SLIP_CHARS => 0,
            ONE_SLIP_CHARS..TWO_SLIPS_CHARS => 1,
            _ => 2,
        }
    }

    /// How many slips lead from this word, which was typed, to the other; `None` when they are not forgiven.
    fn distance(&self, other: &Word<'_>) -> Option<usize> {
        if other.text.starts_with(&*self.text) {
            return Some(0);
        }
        let slips = self.slips();
        // Nearly every word is told apart here: each slip makes two letters differ at most.
        if self.chars.abs_diff(other.chars) > slips
            || (self.letters ^ other.letters).count_ones() as usize > 2 * slips
        {
            return None;
        }
        Some(strsim::osa_distance(&self.text, &other.text)).filter(|distance| *distance <= slips)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter(|word| !word.is_empty())
}

/// A mark that stands apart from its letter belongs to the word.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// How far somebody's text is from all words that were typed; `None` when one of them is not there.
fn distance(typed: &[Word<'_>], text: &str) -> Option<usize> {
    let mut best: [Option<usize>; WORDS_MAX] = [None; WORDS_MAX];
    for word in words(text) {
        let word = Word::new(word);
        for (typed, best) in typed.iter().zip(&mut best).filter(|(_, best)| **best != Some(0)) {
            let near = typed.distance(&word);
            *best = near.into_iter().chain(*best).min();
        }
    }
    best.iter().take(typed.len()).copied().sum()
}

impl People {
    /// The nearest, and of those equally near the first by key. None of `found`.
    pub(super) async fn similar(&self, query: &str, limit: usize, found: &[Match]) -> Vec<Match> {
        let query = query.to_lowercase();
        let typed: Vec<_> = words(&query).take(WORDS_MAX).map(Word::new).collect();
        let is_known = |key: &str| found.iter().any(|known| *known.subject == *key);
        let mut nearest: BinaryHeap<(usize, String)> = BinaryHeap::new();
        // What is shorter begins too many words to be somebody's name.
        if typed.iter().all(|word| word.chars < CHARS_MIN) || limit == 0 {
            return Vec::new();
        }
        for pieces in self.shards.chunks(PIECES_AT_ONCE) {
            for piece in pieces {
                for (distance, key) in near(&piece.shard, &typed) {
                    let is_nearer =
                        nearest.len() < limit || nearest.peek().is_some_and(|(last, _)| distance < *last);
                    if is_nearer && !is_known(key) {
                        nearest.push((distance, key.to_owned()));
                        if nearest.len() > limit {
                            nearest.pop();
                        }
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        let nearest = nearest.into_sorted_vec();
        let person = |(_, key): (usize, String)| {
            let traits = self.traits(&key)?.to_attributes();
            Some(Match { subject: key.into(), traits, rank: Rank::Similar })
        };
        nearest.into_iter().filter_map(person).collect()
    }
}

/// Those of a shard who are near enough.
fn near<'s>(shard: &'s Shard, typed: &'s [Word<'_>]) -> impl Iterator<Item = (usize, &'s str)> {
    let mut place = 0;
    std::iter::from_fn(move || {
        let (known, text, next) = shard.person_at(place)?;
        place = next;
        Some((known, text))
    })
    .filter_map(move |(known, text)| Some((distance(typed, text)?, known.subject())))
}

#[cfg(test)]
mod tests {
    use engine::Attributes;
    use serde_json::json;

    use super::*;

    fn people() -> People {
        let person = |key: &str, traits: serde_json::Value| {
            (key.into(), Some(Attributes::from_json(traits.as_object().expect("object"))))
        };
        People::default().with(vec![
            person("ada.moreau", json!({"name": "Ada Moreau", "email": "ada.moreau@belvedere.example"})),
            person("u-2", json!({"name": "Adam Morea", "tenant": "nordlys"})),
            person("u-3", json!({"name": "Zoë Lindqvist", "tenant": "belvedere"})),
            person("u-4", json!({"name": "Bo Li"})),
            person("u-5", json!({"name": "Иван Петров"})),
        ])
    }

    async fn similar(query: &str) -> Vec<String> {
        let found = people().similar(query, 10, &[]).await;
        found.into_iter().map(|it| it.subject.to_string()).collect()
    }

    #[tokio::test]
    async fn a_slip_in_a_word_is_forgiven() {
        for query in [
            "ada mreau",
            "ada moraeu",
            "mroeau",
            "moreau ada",
            "ada morreau",
            "moreau@belvedree",
            "ada mőreau",
        ] {
            assert_eq!(similar(query).await.first().map(String::as_str), Some("ada.moreau"), "{query}");
        }
        assert_eq!(similar("zoe lindqist").await, ["u-3"], "marks and a letter left out");
        assert_eq!(similar("zoé").await, ["u-3"], "another mark");
        for query in ["ивас", "иван перов", "петорв"] {
            assert_eq!(similar(query).await, ["u-5"], "{query}: letters are not bytes");
        }
        for nobody in ["bo", "xo", "ada lindqvist", "quist", "moxxau", ""] {
            assert_eq!(similar(nobody).await, Vec::<String>::new(), "{nobody}");
        }
    }

    #[tokio::test]
    async fn the_nearest_come_first_and_nobody_twice() {
        assert_eq!(similar("moreau").await, ["ada.moreau", "u-2"]);
        let everybody = people();
        let found = everybody.search("moreau", 10).people;
        let others = everybody.similar("moreau", 10, &found).await;
        assert_eq!(others.iter().map(|it| &*it.subject).collect::<Vec<_>>(), ["u-2"]);
        assert!(others.iter().all(|it| it.rank == Rank::Similar));
    }

    #[tokio::test]
    async fn of_many_who_are_equally_near_the_first_are_kept() {
        let traits = |n: usize| {
            Attributes::from_json(
                json!({"name": format!("Ada Moreau{}", n % 10)}).as_object().expect("object"),
            )
        };
        let all = (0..20_000).map(|n| (format!("u-{n:05}").into(), Some(traits(n))));
        let people = People::default().with(all.collect());
        let found = people.similar("ada mraeu", 3, &[]).await;
        assert!(found.is_empty(), "two slips in a short word are another word");
        let found = people.similar("ada moreau55", 3, &[]).await;
        assert_eq!(
            found.iter().map(|it| &*it.subject).collect::<Vec<_>>(),
            ["u-00005", "u-00015", "u-00025"]
        );
    }
}
