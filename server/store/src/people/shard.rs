//! Some hundreds of people with neighbouring keys, and one text of everything that can be searched about them.

use std::sync::Arc;

use engine::{AttributeValue, Attributes};

/// A larger shard is cut in two halves: a change copies this many at most.
pub(super) const SHARD_PEOPLE_MAX: usize = 512;

/// Begins a person in the haystack; keys and terms contain none.
const PERSON: char = '\n';
/// Stands before each trait.
pub(super) const TRAIT: char = '\t';

#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) subject: Arc<str>,
    pub(super) traits: Arc<Attributes>,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    /// In the order of the keys.
    people: Vec<Known>,
    /// For each person their key and the values of their traits, in lower case.
    haystack: String,
    /// Where each person begins in it.
    starts: Vec<usize>,
}

impl Shard {
    fn new(people: Vec<Known>) -> Self {
        let mut haystack = String::new();
        let mut starts = Vec::with_capacity(people.len());
        for known in &people {
            starts.push(haystack.len());
            push_lower(&mut haystack, &known.subject);
            for (_, value) in known.traits.iter() {
                haystack.push(TRAIT);
                match value {
                    AttributeValue::Text(text) => push_lower(&mut haystack, text),
                    AttributeValue::List(items) => items.iter().for_each(|item| {
                        push_lower(&mut haystack, item);
                        haystack.push(TRAIT);
                    }),
                    AttributeValue::Boolean(_) | AttributeValue::Number(_) => {
                        haystack.push_str(&value.display());
                    }
                }
            }
            haystack.push(PERSON);
        }
        haystack.shrink_to_fit();
        Self { people, haystack, starts }
    }

    pub(super) fn people(&self) -> &[Known] {
        &self.people
    }

    pub(super) fn find(&self, subject: &str) -> Option<&Known> {
        let at = self.people.binary_search_by(|known| (*known.subject).cmp(subject)).ok()?;
        self.people.get(at)
    }

    pub(super) fn haystack(&self) -> &str {
        &self.haystack
    }

    /// Who stands at a place of the haystack, their part of it, and where the next one begins.
    pub(super) fn person_at(&self, place: usize) -> Option<(&Known, &str, usize)> {
        let at = self.starts.partition_point(|start| *start <= place).checked_sub(1)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(self.haystack.len());
        let text = self.haystack.get(*self.starts.get(at)?..end)?;
        Some((self.people.get(at)?, text.trim_end_matches(PERSON), end))
    }

    /// These people with `changes` in the order of the keys, as one shard or several.
    pub(super) fn with(
        &self,
        changes: &[(Arc<str>, Option<Arc<Attributes>>)],
    ) -> impl Iterator<Item = (Arc<str>, Arc<Self>)> + use<> {
        let mut people = Vec::with_capacity(self.people.len() + changes.len());
        let mut old = self.people.iter().peekable();
        for (at, (subject, traits)) in changes.iter().enumerate() {
            while let Some(known) = old.next_if(|known| known.subject < *subject) {
                people.push(known.clone());
            }
            old.next_if(|known| known.subject == *subject);
            let is_last = changes.get(at + 1).is_none_or(|(next, _)| next != subject);
            if let (Some(traits), true) = (traits, is_last) {
                people.push(Known { subject: Arc::clone(subject), traits: Arc::clone(traits) });
            }
        }
        people.extend(old.cloned());
        let size = if people.len() > SHARD_PEOPLE_MAX { SHARD_PEOPLE_MAX / 2 } else { SHARD_PEOPLE_MAX };
        let shards: Vec<_> = people.chunks(size).map(|chunk| Self::new(chunk.to_vec())).collect();
        shards.into_iter().filter_map(|shard| {
            let first = Arc::clone(&shard.people.first()?.subject);
            Some((first, Arc::new(shard)))
        })
    }
}

fn push_lower(haystack: &mut String, text: &str) {
    if text.is_ascii() {
        haystack.extend(text.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        haystack.push_str(&text.to_lowercase());
    }
}
