//! Finding people by anything known about them: each shard's text is scanned for the rarest-looking word, and what it
//! hits is ranked. Bounded, so that a word that everybody has costs no more than another.

use std::sync::Arc;

use engine::{Attributes, Packed, Traits, VALUE_SEPARATOR};
use memchr::memmem::Finder;

use super::People;
use crate::limits::SEARCH_CHARS_MAX;

/// People looked at more closely for one question; more are not needed to fill a page with good answers.
const EXAMINED_MAX: usize = 40_000;

/// How well somebody matches, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The key is what was asked for.
    ExactKey,
    /// The key begins so.
    KeyPrefix,
    /// A word of the key or of a trait begins so.
    WordPrefix,
    /// It stands somewhere inside.
    Inside,
    /// It is not there: something like it is.
    Similar,
}

/// Somebody who matches.
#[derive(Debug, Clone)]
pub struct Match {
    pub subject: Arc<str>,
    pub traits: Attributes,
    pub rank: Rank,
}

/// The best matches: by rank, then by key.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    pub people: Vec<Match>,
    /// There are more than these.
    pub more: bool,
    /// Who is nearly called so, where few are: the nearest first.
    pub similar: Vec<Match>,
}

impl People {
    pub(super) fn search(&self, query: &str, limit: usize) -> Matches {
        let query: String = query.trim().chars().take(SEARCH_CHARS_MAX).collect();
        let question = Question::new(&query);
        let Some(word) = question.longest() else { return Matches::default() };
        let mut found = self.with_prefix(&query, &question, limit + 1);
        let mut more = self.scan(word, limit, &mut found, |known, text| {
            let is_there = known.subject().starts_with(&query);
            if is_there { None } else { question.rank(text) }
        });
        found.sort_by(|a, b| (a.rank, &a.subject).cmp(&(b.rank, &b.subject)));
        more |= found.len() > limit;
        found.truncate(limit);
        Matches { people: found, more, similar: Vec::new() }
    }

    /// Adds who has `word` and a rank, until there are more than `limit` good ones or enough was looked at: then true.
    fn scan(
        &self,
        word: &str,
        limit: usize,
        found: &mut Vec<Match>,
        rank: impl Fn(&Packed<'_>, &str) -> Option<Rank>,
    ) -> bool {
        let finder = Finder::new(word.as_bytes());
        let (mut good, mut examined, mut more) = (found.len(), 0, false);
        for piece in &self.shards {
            let mut from = 0;
            while let Some(hit) = finder.find(&piece.shard.text().as_bytes()[from..]) {
                if good > limit || examined >= EXAMINED_MAX {
                    return true;
                }
                let Some((known, text, next)) = piece.shard.person_at(from + hit) else { break };
                from = next;
                examined += 1;
                let Some(rank) = rank(&known, text) else { continue };
                let is_good = rank < Rank::Inside;
                good += usize::from(is_good);
                if is_good || found.len() <= limit {
                    found.push(Match::of(known, rank));
                } else {
                    more = true;
                }
            }
        }
        more
    }

    /// Whose key is or begins with `query` exactly as written: found without looking at anybody else.
    fn with_prefix(&self, query: &str, question: &Question, limit: usize) -> Vec<Match> {
        let known = self.from(query).take_while(|known| known.subject().starts_with(query)).take(limit);
        let rank = |key: &str| question.rank_of_key(&key.to_lowercase()).unwrap_or(Rank::KeyPrefix);
        known.map(|known| Match::of(known, rank(known.subject()))).collect()
    }
}

impl Match {
    fn of(known: Packed<'_>, rank: Rank) -> Self {
        Self { subject: known.subject().into(), traits: Traits::from(known).to_attributes(), rank }
    }
}

/// What is looked for, in lower case.
struct Question {
    whole: String,
    words: Vec<String>,
}

impl Question {
    fn new(query: &str) -> Self {
        let whole = query.to_lowercase();
        Self { words: whole.split_whitespace().map(ToOwned::to_owned).collect(), whole }
    }

    fn longest(&self) -> Option<&str> {
        self.words.iter().max_by_key(|word| word.len()).map(String::as_str)
    }

    fn rank_of_key(&self, key: &str) -> Option<Rank> {
        if key == self.whole {
            Some(Rank::ExactKey)
        } else {
            key.starts_with(&self.whole).then_some(Rank::KeyPrefix)
        }
    }

    /// Of one person's text; `None` when a word is missing.
    fn rank(&self, text: &str) -> Option<Rank> {
        let key = text.split(VALUE_SEPARATOR).next().unwrap_or_default();
        if let Some(rank) = self.rank_of_key(key) {
            return Some(rank);
        }
        let ranks: Option<Vec<_>> = self.words.iter().map(|word| rank_of_word(text, word)).collect();
        ranks?.into_iter().max()
    }
}

fn rank_of_word(text: &str, word: &str) -> Option<Rank> {
    let mut best = None;
    for (at, _) in text.match_indices(word) {
        let begins = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        if begins {
            return Some(Rank::WordPrefix);
        }
        best = Some(Rank::Inside);
    }
    best
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn people() -> People {
        let person = |key: &str, traits: serde_json::Value| {
            let traits = Attributes::from_json(traits.as_object().expect("object"));
            (key.into(), Some(traits))
        };
        People::default().with(vec![
            person("ada.moreau", json!({"name": "Ada Moreau", "tenant": "belvedere", "n": 512})),
            person("adam", json!({"name": "Adam Quist", "tenant": "nordlys"})),
            person("ada", json!({"name": "Somebody Else", "beta": ["new-search"]})),
            person("u-1", json!({"name": "Jolanda Étienne", "email": "lanada@belvedere.example"})),
            person("Zoe", json!({"name": "Zoë Ada", "active": true})),
        ])
    }

    fn found(query: &str) -> Vec<(String, Rank)> {
        let found = people().search(query, 10);
        found.people.into_iter().map(|it| (it.subject.to_string(), it.rank)).collect()
    }

    #[test]
    fn the_exact_key_comes_first_then_prefixes_words_and_the_rest() {
        let found = found("ada");
        let found: Vec<_> = found.iter().map(|(key, rank)| (key.as_str(), *rank)).collect();
        assert_eq!(
            found,
            [
                ("ada", Rank::ExactKey),
                ("ada.moreau", Rank::KeyPrefix),
                ("adam", Rank::KeyPrefix),
                ("Zoe", Rank::WordPrefix),
                ("u-1", Rank::Inside)
            ]
        );
    }

    #[test]
    fn any_trait_is_searched_in_any_case() {
        let keys = |query: &str| found(query).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys("BELVEDERE"), ["ada.moreau", "u-1"]);
        assert_eq!(keys("étienne"), ["u-1"]);
        assert_eq!(keys("new-search"), ["ada"]);
        assert_eq!(keys("512"), ["ada.moreau"]);
        assert_eq!(keys("ada belvedere"), ["ada.moreau", "u-1"], "every word has to be there");
        assert_eq!(keys("zoe"), ["Zoe"]);
        assert!(keys("nobody").is_empty());
        assert!(keys("  ").is_empty());
    }

    #[test]
    fn a_page_says_when_there_is_more() {
        let matches = people().search("ada", 2);
        assert_eq!(matches.people.len(), 2);
        assert!(matches.more);
        assert!(!people().search("nordlys", 2).more);
    }

    #[test]
    fn a_word_that_everybody_has_is_answered_all_the_same() {
        let traits = Attributes::from_json(json!({"tier": "xvip"}).as_object().expect("object"));
        let everybody = (0..60_000).map(|n| (format!("u-{n:05}").into(), Some(traits.clone())));
        let people = People::default().with(everybody.collect());
        let matches = people.search("vip", 50);
        assert_eq!(matches.people.len(), 50);
        assert!(matches.more);
        assert_eq!(people.search("u-59999", 50).people.len(), 1, "a key is found wherever it stands");
    }
}
