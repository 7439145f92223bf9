//! Known people: subjects with stored traits, all in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use engine::{AttributeValue, Attributes, Context, SubjectKey};

use crate::{
    Action, Administrator, Invalid, ObjectKind, ObjectRef, Store, StoreError,
    change::{Entry, Revisions},
    db::{Tx, args},
    limits::{ATTRIBUTE_VALUES_MAX, PEOPLE_BATCH_MAX, TRAITS_BYTES_MAX, TRAITS_MAX},
    to_json,
};

/// Everybody known, by targeting key.
#[derive(Debug, Default, Clone)]
pub struct People(BTreeMap<Box<str>, Arc<Attributes>>);

impl People {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The stored traits of one subject.
    pub fn traits(&self, subject: &str) -> Option<&Attributes> {
        self.0.get(subject).map(|traits| &**traits)
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        self.0.iter().map(|(subject, traits)| (&**subject, &**traits))
    }

    /// Everybody as the engine sees them through their stored traits.
    pub fn contexts(&self) -> impl Iterator<Item = Context<'_>> {
        self.iter().map(|(subject, traits)| Context::from_traits(subject, traits))
    }

    /// Distinct values of one attribute in order, at most [`ATTRIBUTE_VALUES_MAX`]; a list counts with its elements.
    pub fn attribute_values(&self, name: &str) -> Vec<String> {
        let mut values = BTreeSet::new();
        for value in self.0.values().filter_map(|traits| traits.get(name)) {
            match value {
                AttributeValue::List(items) => values.extend(items.iter().cloned()),
                AttributeValue::Boolean(_) | AttributeValue::Number(_) | AttributeValue::Text(_) => {
                    values.insert(value.display());
                }
            }
        }
        values.into_iter().take(ATTRIBUTE_VALUES_MAX).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    subject: String,
    traits: String,
}

pub(crate) async fn load(
    tx: &mut Tx,
    current: &People,
    since: i64,
    report: &mut (dyn FnMut(&str, &str) + Send),
) -> Result<People, StoreError> {
    let rows: Vec<Row> =
        tx.all("SELECT subject, traits FROM people WHERE audit_seq > $1", args![since]).await?;
    let mut people = current.clone();
    for row in rows {
        if let Ok(traits) = serde_json::from_str(&row.traits) {
            people.0.insert(row.subject.into(), Arc::new(traits));
        } else {
            report("people", &row.subject);
            people.0.remove(&*row.subject);
        }
    }
    Ok(people)
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

impl Store {
    /// Adds people or replaces their traits, all or none, as one change.
    pub async fn put_people(
        &self,
        by: &Administrator,
        people: Vec<(SubjectKey, Attributes)>,
    ) -> Result<(), StoreError> {
        if people.len() > PEOPLE_BATCH_MAX {
            return Err(Invalid::TooManyPeople.into());
        }
        let mut rows = BTreeMap::new();
        for (subject, traits) in &people {
            rows.insert(subject.as_str(), traits_json(traits)?);
        }
        let rows: Vec<(&str, String)> = rows.into_iter().collect();
        let Some(first) = rows.first().map(|(subject, _)| (*subject).to_owned()) else {
            return Ok(());
        };
        let mut work = self.begin(by).await?;
        let (now_ms, seq) = (work.now_ms(), work.seq());
        work.tx.execute(upsert_sql(&work.tx), args![&to_json("people", &rows)?, now_ms, seq]).await?;
        work.bump(Revisions::All).await?;
        let (key, sentence) = match rows.len() {
            1 => (first.clone(), format!("saved the known person {first}")),
            n => (String::new(), format!("saved {} known people", engine::grouped(n))),
        };
        let entry =
            Entry::new(Action::PeopleSaved, ObjectRef::new(ObjectKind::Person, &*key), &key, sentence);
        work.finish(entry).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_distinct_and_lists_count_by_element() {
        let person =
            |json: serde_json::Value| Arc::new(Attributes::from_json(json.as_object().expect("object")));
        let people = People(BTreeMap::from([
            ("a".into(), person(serde_json::json!({"tier": "vip", "beta_features": ["x", "y"]}))),
            ("b".into(), person(serde_json::json!({"tier": "vip", "beta_features": ["y"]}))),
            ("c".into(), person(serde_json::json!({"tier": "basic"}))),
        ]));
        assert_eq!(people.attribute_values("tier"), ["basic", "vip"]);
        assert_eq!(people.attribute_values("beta_features"), ["x", "y"]);
        assert!(people.attribute_values("unknown").is_empty());
    }

    #[test]
    fn traits_have_limits() {
        let mut traits = Attributes::default();
        traits.set("n", AttributeValue::Number(f64::NAN));
        assert!(matches!(traits_json(&traits), Err(StoreError::Invalid(Invalid::Traits))));
        let many: Attributes =
            (0..=TRAITS_MAX).map(|n| (n.to_string(), AttributeValue::Boolean(true))).collect();
        assert!(traits_json(&many).is_err());
    }
}
