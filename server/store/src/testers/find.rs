//! Lists name testers as their makers know them: an e-mail address or a name becomes the key of the known person it is of.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine::{GroupKey, SubjectKey, grouped};

use super::list::{EnrolmentLine, EnrolmentList, RawLine};
use crate::{
    PeopleReader, Store, StoreError,
    people::{Named, People, lower},
};

impl Store {
    /// The list with the keys of those whom it names by address, by name or by a key in other letters. Whoever is not known
    /// stays as written; whom several people could be is left out with the reason. Audited, once for each reader and group in
    /// ten minutes, when there is anybody to look for.
    pub async fn find_listed(
        &self,
        by: &PeopleReader,
        group: &GroupKey,
        list: EnrolmentList,
    ) -> Result<EnrolmentList, StoreError> {
        let sentence = format!("looked for the testers of a list for group {group}");
        self.with_keys(by, list, &format!("list {group}"), &sentence).await
    }

    /// The same of one tester, or why the text is nobody's key.
    pub async fn find_tester(
        &self,
        by: &PeopleReader,
        text: &str,
    ) -> Result<Result<SubjectKey, String>, StoreError> {
        if let Ok(key) = SubjectKey::parse(text)
            && self.live().people().traits(text).is_some()
        {
            return Ok(Ok(key));
        }
        let list = EnrolmentList::parse(text, RawLine::default(), self.clock().now_ms());
        let mut list = self.with_keys(by, list, "tester", "looked for a tester").await?;
        Ok(match (list.lines.pop(), list.malformed.pop()) {
            (Some(line), None) if list.lines.is_empty() => Ok(line.subject),
            (_, Some(wrong)) => Err(wrong.why),
            (_, None) => {
                Err("write the targeting key, the e-mail address or the name of one tester".to_owned())
            }
        })
    }

    async fn with_keys(
        &self,
        by: &PeopleReader,
        list: EnrolmentList,
        place: &str,
        sentence: &str,
    ) -> Result<EnrolmentList, StoreError> {
        let people = self.live().people();
        let wanted = wanted(&list, &people);
        if wanted.is_empty() || people.is_empty() {
            return Ok(list);
        }
        self.audit_place(by, place, sentence).await?;
        let named = people.named(&wanted).await;
        Ok(found(list, &people, &named))
    }
}

/// Everything in the list that is no key of a known person as it stands.
fn wanted(list: &EnrolmentList, people: &People) -> HashSet<String> {
    let unknown = list.lines.iter().filter(|line| people.traits(line.subject.as_str()).is_none());
    let texts = unknown.flat_map(texts).map(lower);
    texts.chain(list.whole.values().map(|whole| lower(whole))).collect()
}

fn texts(line: &EnrolmentLine) -> impl Iterator<Item = &str> {
    [line.subject.as_str()].into_iter().chain(line.also.iter().map(String::as_str))
}

fn found(list: EnrolmentList, people: &People, named: &HashMap<String, Named>) -> EnrolmentList {
    let EnrolmentList { lines, malformed, refused, columns, whole } = list;
    let mut found = EnrolmentList { malformed, refused, columns, ..EnrolmentList::default() };
    let mut rows: BTreeMap<usize, Vec<EnrolmentLine>> = BTreeMap::new();
    for line in lines {
        rows.entry(line.number).or_default().push(line);
    }
    for (number, mut row) in rows {
        // `Moreau, Ada` is one person when somebody is called so.
        let one = whole.get(&number).and_then(|text| Some((text, named.get(&lower(text))?)));
        if let Some((text, somebody)) = one.filter(|(_, it)| it.count == 1)
            && let Some(mut line) = row.drain(..).next()
        {
            mean(&mut line, text, somebody);
            found.lines.push(line);
            continue;
        }
        let mut seen = HashSet::new();
        for mut line in row {
            if people.traits(line.subject.as_str()).is_none()
                && let Err((text, count)) = take(&mut line, named)
            {
                let why = format!(
                    "{} known people are called so; write the targeting key of the one you mean",
                    grouped(count)
                );
                found.refuse(number, &text, why);
                continue;
            }
            // A line that names the same person twice, by key and by address, means one.
            if seen.insert(line.subject.clone()) || line.written.is_none() {
                found.lines.push(line);
            }
        }
    }
    found
}

/// Puts the known person into the line whom its first text names, or an address beside it. Refuses what names several: the
/// text, and how many.
fn take(line: &mut EnrolmentLine, named: &HashMap<String, Named>) -> Result<(), (String, usize)> {
    // Beside a key or an address that nobody has, a name is no way to somebody: it may be another person's.
    let own = named.get(&lower(line.subject.as_str())).map(|it| (line.subject.to_string(), it));
    let beside = || {
        let addresses = line.also.iter().filter(|text| text.contains('@'));
        addresses.into_iter().find_map(|text| Some((text.clone(), named.get(&lower(text))?)))
    };
    let who = own.or_else(beside);
    match who {
        None => Ok(()),
        Some((text, several)) if several.count > 1 => Err((text, several.count)),
        Some((text, somebody)) => {
            mean(line, &text, somebody);
            Ok(())
        }
    }
}

fn mean(line: &mut EnrolmentLine, text: &str, somebody: &Named) {
    if let Ok(subject) = SubjectKey::parse(&somebody.subject) {
        line.written = (subject.as_str() != text).then(|| text.to_owned());
        line.subject = subject;
    }
}

#[cfg(test)]
mod tests {
    use engine::Attributes;
    use serde_json::json;

    use super::*;
    use crate::RawLine;

    async fn read(text: &str) -> EnrolmentList {
        let person = |key: &str, traits: serde_json::Value| {
            (key.into(), Some(Attributes::from_json(traits.as_object().expect("object"))))
        };
        let people = People::default().with(vec![
            person("ada", json!({"name": "Moreau, Ada", "email": "ada@belvedere.example"})),
            person("u-2", json!({"name": "Nils Holm"})),
            person("u-3", json!({"name": "Nils Holm"})),
            person("Moreau", json!({})),
        ]);
        let list = EnrolmentList::parse(text, RawLine::default(), 0);
        let named = people.named(&wanted(&list, &people)).await;
        found(list, &people, &named)
    }

    async fn told(text: &str) -> Vec<(String, Option<String>)> {
        let list = read(text).await;
        list.lines.into_iter().map(|it| (it.subject.to_string(), it.written)).collect()
    }

    fn as_written(key: &str) -> (String, Option<String>) {
        (key.to_owned(), None)
    }

    fn found_by(key: &str, written: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(written.to_owned()))
    }

    #[tokio::test]
    async fn an_address_or_a_name_is_the_known_person() {
        let ada = found_by("ada", "Ada@Belvedere.example");
        assert_eq!(told("Ada@Belvedere.example").await, [ada]);
        assert_eq!(
            told("id;email\nnobody;ada@belvedere.example").await,
            [found_by("ada", "ada@belvedere.example")]
        );
        assert_eq!(told("Ada M <ada@belvedere.example>").await, [found_by("ada", "ada@belvedere.example")]);
        assert_eq!(told("ADA\nnew.one").await, [found_by("ada", "ADA"), as_written("new.one")]);
    }

    #[tokio::test]
    async fn a_name_with_a_comma_is_one_person_when_somebody_is_called_so() {
        assert_eq!(told("Moreau, Ada").await, [found_by("ada", "Moreau, Ada")]);
        assert_eq!(told("Moreau, Eva").await, [as_written("Moreau"), as_written("Eva")]);
        assert_eq!(told("ada, ada@belvedere.example, ada").await, [as_written("ada"), as_written("ada")]);
    }

    #[tokio::test]
    async fn a_name_beside_a_key_or_an_address_leads_to_nobody_else() {
        assert_eq!(told("id;name\nnobody;Moreau, Ada").await, [as_written("nobody")]);
        assert_eq!(told("email;name\nnils@new.example;Nils Holm").await, [as_written("nils@new.example")]);
    }

    #[tokio::test]
    async fn whom_several_people_could_be_is_left_out_with_the_reason() {
        let list = read("name\nNils Holm\nada").await;
        assert_eq!(list.lines.len(), 1);
        assert_eq!((list.malformed[0].number, &*list.malformed[0].text), (2, "Nils Holm"));
        assert!(list.malformed[0].why.starts_with("2 known people are called so"), "{list:?}");
    }
}
