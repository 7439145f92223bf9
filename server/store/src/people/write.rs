//! Storing people: all or none, as one change; who is as they were is left alone.

use std::collections::BTreeMap;

use engine::{AttributeSchema, AttributeValue, Attributes, SubjectKey, Traits, ValueRef, is_dots};

use super::People;
use crate::{
    Action, Invalid, ObjectKind, ObjectRef, PeopleReader, PeopleWriter, Store, StoreError,
    change::{Entry, Revisions, Work},
    db::{Tx, args},
    limits::{PEOPLE_BATCH_MAX, TRAITS_BYTES_MAX, TRAITS_MAX},
    to_json,
};

/// How what is sent stands to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    New,
    Changed,
    Unchanged,
}

/// How many of a batch are new, changed and unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    pub new: usize,
    pub changed: usize,
    pub unchanged: usize,
}

impl People {
    pub fn standing(&self, subject: &str, traits: &Attributes) -> Standing {
        match self.traits(subject) {
            None => Standing::New,
            Some(stored) if stored == *traits => Standing::Unchanged,
            Some(_) => Standing::Changed,
        }
    }
}

impl Compared {
    fn count(&mut self, standing: Standing) {
        match standing {
            Standing::New => self.new += 1,
            Standing::Changed => self.changed += 1,
            Standing::Unchanged => self.unchanged += 1,
        }
    }
}

/// Traits as they are stored.
pub(crate) fn traits_json(traits: &Attributes) -> Result<String, StoreError> {
    let finite = |value: &AttributeValue| !matches!(value, AttributeValue::Number(n) if !n.is_finite());
    let document = to_json("people", traits)?;
    let fits = traits.len() <= TRAITS_MAX && document.len() <= TRAITS_BYTES_MAX;
    if fits && traits.iter().all(|(_, value)| finite(value)) {
        Ok(document)
    } else {
        Err(Invalid::Traits.into())
    }
}

/// Whoever is there already stays.
fn check_name(standing: Standing, subject: &str) -> Result<(), StoreError> {
    if standing == Standing::New && is_dots(subject) {
        return Err(Invalid::SubjectIsDots(subject.to_owned()).into());
    }
    Ok(())
}

/// Refuses a value that is not of the type its attribute has, unless it is stored already: the type came later then, and
/// somebody who changes another value need not know of it.
fn check_types(
    schema: Option<&AttributeSchema>,
    stored: Option<Traits<'_>>,
    subject: &str,
    traits: &Attributes,
) -> Result<(), StoreError> {
    let is_stored = |name: &str, value: &AttributeValue| {
        stored.and_then(|stored| stored.get(name)).is_some_and(|stored| stored == ValueRef::from(value))
    };
    let mut mistyped = schema.into_iter().flat_map(|schema| schema.mistyped(traits));
    let Some((definition, value)) = mistyped.find(|(it, value)| !is_stored(it.name.as_str(), value)) else {
        return Ok(());
    };
    let wrong = Invalid::TraitType {
        subject: subject.to_owned(),
        attribute: definition.name.to_string(),
        expected: definition.value_type.expected(),
        actual: value.display(),
    };
    Err(wrong.into())
}

impl Store {
    /// Adds people or replaces their traits, all or none, as one change. Of one subject named twice the last counts.
    /// Nothing is written when everybody is as they were.
    pub async fn put_people(
        &self,
        by: impl Into<PeopleWriter>,
        people: Vec<(SubjectKey, Attributes)>,
    ) -> Result<Compared, StoreError> {
        let by = by.into();
        if people.len() > PEOPLE_BATCH_MAX {
            return Err(Invalid::TooManyPeople.into());
        }
        let people: BTreeMap<_, _> = people.iter().map(|(subject, traits)| (subject, traits)).collect();
        let known = self.live().people();
        if people.iter().all(|(key, traits)| known.standing(key.as_str(), traits) == Standing::Unchanged) {
            return Ok(Compared { unchanged: people.len(), ..Compared::default() });
        }
        let mut work = self.begin(by.principal()).await?;
        let state = work.state().await?;
        let (mut compared, mut rows) = (Compared::default(), Vec::new());
        for (subject, traits) in people {
            let subject = subject.as_str();
            let standing = state.people.standing(subject, traits);
            compared.count(standing);
            if standing != Standing::Unchanged {
                check_name(standing, subject)?;
                check_types(state.schema(), state.people.traits(subject), subject, traits)?;
                rows.push((subject, traits_json(traits)?));
            }
        }
        let Some((first, _)) = rows.first() else {
            work.cancel().await?;
            return Ok(compared);
        };
        let (key, sentence) = match rows.len() {
            1 => ((*first).to_owned(), format!("saved the known person {first}")),
            n => (String::new(), format!("saved {} known people", engine::grouped(n))),
        };
        work.write_people(&to_json("people", &rows)?).await?;
        work.bump(Revisions::All).await?;
        let entry =
            Entry::new(Action::PeopleSaved, ObjectRef::new(ObjectKind::Person, &*key), &key, sentence);
        work.finish(entry).await?;
        Ok(compared)
    }

    /// What [`Store::put_people`] would do. Nothing is written.
    pub fn compare_people(
        &self,
        _by: &PeopleWriter,
        people: &[(SubjectKey, Attributes)],
    ) -> Result<Compared, StoreError> {
        if people.len() > PEOPLE_BATCH_MAX {
            return Err(Invalid::TooManyPeople.into());
        }
        let state = self.live().state();
        let people: BTreeMap<_, _> = people.iter().map(|(subject, traits)| (subject, traits)).collect();
        let mut compared = Compared::default();
        for (subject, traits) in people {
            let stored = state.people.traits(subject.as_str());
            check_types(state.schema(), stored, subject.as_str(), traits)?;
            let standing = state.people.standing(subject.as_str(), traits);
            check_name(standing, subject.as_str())?;
            compared.count(standing);
        }
        Ok(compared)
    }

    /// What was stored with somebody at an instant; `None` when they were not known then.
    pub async fn traits_as_of(
        &self,
        _by: &PeopleReader,
        subject: &SubjectKey,
        at_ms: i64,
    ) -> Result<Option<Attributes>, StoreError> {
        let row: Option<(String,)> = self
            .db()
            .optional(
                "SELECT traits FROM person_traits WHERE subject = $1 AND at_ms <= $2 \
                 ORDER BY audit_seq DESC LIMIT 1",
                args![subject.as_str(), at_ms],
            )
            .await?;
        row.map(|(traits,)| crate::versioned::parse("person_traits", subject.as_str(), &traits)).transpose()
    }
}

impl Work<'_> {
    /// `rows`: a JSON array of pairs of key and traits.
    async fn write_people(&mut self, rows: &str) -> Result<(), StoreError> {
        let (now_ms, seq) = (self.now_ms(), self.seq());
        self.tx.execute(upsert_sql(&self.tx), args![rows, now_ms, seq]).await?;
        self.tx.execute(history_sql(&self.tx), args![rows, now_ms, seq]).await?;
        Ok(())
    }
}

/// One bound JSON text, an array of pairs, has no limit on the number of parameters.
fn upsert_sql(tx: &Tx) -> &'static str {
    match tx {
        Tx::Sqlite(_) => {
            "INSERT INTO people (subject, traits, changed_ms, audit_seq) \
             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), $2, $3 FROM json_each($1) WHERE true \
             ON CONFLICT (subject) DO UPDATE SET traits = excluded.traits, changed_ms = excluded.changed_ms, \
             audit_seq = excluded.audit_seq"
        }
        Tx::Pg(_) => {
            "INSERT INTO people (subject, traits, changed_ms, audit_seq) \
             SELECT pair ->> 0, pair ->> 1, $2, $3 FROM json_array_elements($1::json) AS pair \
             ON CONFLICT (subject) DO UPDATE SET traits = excluded.traits, changed_ms = excluded.changed_ms, \
             audit_seq = excluded.audit_seq"
        }
    }
}

fn history_sql(tx: &Tx) -> &'static str {
    match tx {
        Tx::Sqlite(_) => {
            "INSERT INTO person_traits (subject, traits, at_ms, audit_seq) \
             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), $2, $3 FROM json_each($1)"
        }
        Tx::Pg(_) => {
            "INSERT INTO person_traits (subject, traits, at_ms, audit_seq) \
             SELECT pair ->> 0, pair ->> 1, $2, $3 FROM json_array_elements($1::json) AS pair"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_have_limits() {
        let mut traits = Attributes::default();
        traits.set("n", AttributeValue::Number(f64::NAN.into()));
        assert!(matches!(traits_json(&traits), Err(StoreError::Invalid(Invalid::Traits))));
        let many: Attributes =
            (0..=TRAITS_MAX).map(|n| (n.to_string(), AttributeValue::Boolean(true))).collect();
        assert!(traits_json(&many).is_err());
    }
}
