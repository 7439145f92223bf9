//! Known people by what a list calls them: by key in any case, by e-mail address, by name. One pass over everybody, however
//! many are looked for, in pieces between which others have their turn.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use engine::{Traits, ValueRef};

use super::{People, shard::Shard};
use crate::columns::Column;

/// Pieces of some hundreds of people each; in between, what waits on the same thread goes on.
const PIECES_AT_ONCE: usize = 16;

/// Who is called so. The better kind counts: a key before an address before a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub subject: Arc<str>,
    /// How many are, all in all.
    pub count: usize,
    kind: Column,
    /// The last of them: somebody may be called so twice, by two of their traits.
    latest: Arc<str>,
}

/// As texts are compared here.
pub(crate) fn lower(text: &str) -> String {
    text.trim().to_lowercase()
}

impl People {
    /// Those who are called one of the texts, each in the form of [`lower`].
    pub(crate) async fn named(&self, wanted: &HashSet<String>) -> HashMap<String, Named> {
        let mut found = HashMap::new();
        let lengths: HashSet<usize> = wanted.iter().map(String::len).collect();
        for pieces in self.shards.chunks(PIECES_AT_ONCE) {
            for piece in pieces {
                look(&piece.shard, wanted, &lengths, &mut found);
            }
            tokio::task::yield_now().await;
        }
        found
    }
}

fn look(
    shard: &Shard,
    wanted: &HashSet<String>,
    lengths: &HashSet<usize>,
    found: &mut HashMap<String, Named>,
) {
    let text = shard.text();
    let mut begin = 0;
    // Keys and values stand between tabs ([`engine::VALUE_SEPARATOR`]), people between line feeds.
    let ends = memchr::memchr2_iter(b'\t', b'\n', text.as_bytes());
    for end in ends.chain([text.len()]) {
        let (place, part) = (begin, &text[begin..end]);
        begin = (end + 1).min(text.len());
        if !lengths.contains(&part.len()) || !wanted.contains(part) {
            continue;
        }
        let Some((known, _, _)) = shard.person_at(place) else { continue };
        if let Some(kind) = called(known.subject(), known.into(), part) {
            note(found, part, known.subject(), kind);
        }
    }
}

/// What of somebody the text is; `None` when it is something else, their country perhaps.
fn called(subject: &str, traits: Traits<'_>, part: &str) -> Option<Column> {
    if lower(subject) == part {
        return Some(Column::Key);
    }
    let of_trait = |(name, value): (&str, ValueRef<'_>)| match value {
        ValueRef::Text(text) if lower(text) == part => {
            Some(Column::called(name)).filter(|it| matches!(it, Column::Email | Column::Name))
        }
        ValueRef::Text(_) | ValueRef::Boolean(_) | ValueRef::Number(_) | ValueRef::List(_) => None,
    };
    traits.iter().filter_map(of_trait).min()
}

fn note(found: &mut HashMap<String, Named>, part: &str, subject: &str, kind: Column) {
    let new = || {
        let subject: Arc<str> = subject.into();
        Named { latest: Arc::clone(&subject), subject, count: 1, kind }
    };
    let Some(named) = found.get_mut(part) else {
        found.insert(part.to_owned(), new());
        return;
    };
    if kind < named.kind {
        *named = new();
    } else if kind == named.kind && *named.latest != *subject {
        named.latest = subject.into();
        named.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use engine::Attributes;
    use serde_json::{Value as Json, json};

    use super::*;

    fn people(of: &[(&str, Json)]) -> People {
        let traits = |json: &Json| Attributes::from_json(json.as_object().expect("object"));
        People::default().with(of.iter().map(|(key, json)| ((*key).into(), Some(traits(json)))).collect())
    }

    #[tokio::test]
    async fn somebody_is_found_by_key_address_or_name_in_any_case() {
        let people = people(&[
            ("Ada.Moreau", json!({"name": "Ada Moreau", "E-mail": "Ada@Belvedere.example", "country": "fr"})),
            ("u-2", json!({"full_name": "Nils Holm", "email": "nils@holm.example", "tags": ["Ada Moreau"]})),
            ("u-3", json!({"name": "Nils Holm", "tenant": "ada.moreau"})),
            ("fr", json!({"name": "u-2"})),
        ]);
        let wanted =
            ["ada.moreau", "ada moreau", "ada@belvedere.example", "nils holm", "fr", "u-2", "nobody"];
        let found = people.named(&wanted.into_iter().map(str::to_owned).collect()).await;
        let told = |text: &str| found.get(text).map(|it| (&*it.subject, it.count));
        assert_eq!(told("ada.moreau"), Some(("Ada.Moreau", 1)));
        assert_eq!(told("ada moreau"), Some(("Ada.Moreau", 1)), "a tag is no name");
        assert_eq!(told("ada@belvedere.example"), Some(("Ada.Moreau", 1)));
        assert_eq!(told("nils holm"), Some(("u-2", 2)), "two of them");
        assert_eq!(told("fr"), Some(("fr", 1)), "a country is nobody");
        assert_eq!(told("u-2"), Some(("u-2", 1)), "a key before a name");
        assert_eq!(told("nobody"), None);
    }

    #[tokio::test]
    async fn a_list_costs_one_pass_however_long_it_is() {
        let everybody: Vec<_> =
            (0..20_000).map(|n| (format!("u-{n:05}"), format!("p{n}@mail.example"))).collect();
        let of: Vec<_> = everybody.iter().map(|(key, mail)| (key.as_str(), json!({"email": mail}))).collect();
        let people = people(&of);
        let wanted = everybody.iter().step_by(2).map(|(_, mail)| mail.clone()).collect();
        let found = people.named(&wanted).await;
        assert_eq!(found.len(), 10_000);
        assert_eq!(&*found["p19998@mail.example"].subject, "u-19998");
    }
}
