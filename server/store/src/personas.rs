//! Saved personas of "Try it": a subject and attributes under a name.

use std::{fmt, str::FromStr};

use engine::{Attributes, SubjectKey};

use crate::{
    Action, Invalid, ObjectKind, ObjectRef, PeopleReader, Store, StoreError, Viewer,
    change::Entry,
    db::args,
    limits::{PERSONA_NAME_CHARS_MAX, PERSONAS_MAX},
    people::traits_json,
    signed, text,
    versioned::parse,
};

/// A persona's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonaId(i64);

impl PersonaId {
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for PersonaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PersonaId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    pub id: PersonaId,
    pub name: String,
    pub subject: Option<SubjectKey>,
    pub attributes: Attributes,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    name: String,
    subject: Option<String>,
    attributes: String,
}

impl TryFrom<Row> for Persona {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let subject = row.subject.map(SubjectKey::try_from).transpose();
        Ok(Self {
            id: PersonaId(row.id),
            name: row.name,
            subject: subject.map_err(|_| StoreError::CorruptRow { table: "personas", id: id.clone() })?,
            attributes: parse("personas", &id, &row.attributes)?,
        })
    }
}

impl Store {
    /// By name.
    pub async fn list_personas(&self, _by: &Viewer) -> Result<Vec<Persona>, StoreError> {
        let sql = "SELECT id, name, subject, attributes FROM personas ORDER BY lower(name) LIMIT $1";
        let rows: Vec<Row> = self.db().all(sql, args![signed(PERSONAS_MAX as u64)]).await?;
        rows.into_iter().map(Persona::try_from).collect()
    }

    /// Saves under the name; a persona that has it already is replaced.
    pub async fn save_persona(
        &self,
        by: &PeopleReader,
        name: &str,
        subject: Option<SubjectKey>,
        attributes: Attributes,
    ) -> Result<PersonaId, StoreError> {
        let name = text::name(name, PERSONA_NAME_CHARS_MAX, Invalid::PersonaName)?;
        let document = traits_json(&attributes)?;
        let mut work = self.begin(by).await?;
        let subject = subject.as_ref().map(SubjectKey::as_str);
        let replaced: Option<(i64,)> = work
            .tx
            .optional(
                "UPDATE personas SET name = $1, subject = $2, attributes = $3 WHERE lower(name) = lower($1) RETURNING id",
                args![&name, subject, &document],
            )
            .await?;
        let id = if let Some((id,)) = replaced {
            id
        } else {
            let (count,): (i64,) = work.tx.one("SELECT COUNT(*) FROM personas", args![]).await?;
            if count >= signed(PERSONAS_MAX as u64) {
                return Err(Invalid::TooManyPersonas.into());
            }
            let sql = "INSERT INTO personas (name, subject, attributes) VALUES ($1, $2, $3) RETURNING id";
            work.tx.one::<(i64,)>(sql, args![&name, subject, &document]).await?.0
        };
        let object = ObjectRef::new(ObjectKind::Persona, id.to_string());
        let entry = Entry {
            after: Some(document),
            ..Entry::new(Action::PersonaSaved, object, &name, format!("saved the persona {name}"))
        };
        work.finish(entry).await?;
        Ok(PersonaId(id))
    }

    pub async fn delete_persona(&self, by: &PeopleReader, id: PersonaId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let sql = "DELETE FROM personas WHERE id = $1 RETURNING name, attributes";
        let deleted: Option<(String, String)> = work.tx.optional(sql, args![id.0]).await?;
        let Some((name, attributes)) = deleted else {
            return Err(StoreError::NotFound { kind: ObjectKind::Persona, key: id.to_string() });
        };
        let object = ObjectRef::new(ObjectKind::Persona, id.to_string());
        let entry = Entry {
            before: Some(attributes),
            ..Entry::new(Action::PersonaDeleted, object, &name, format!("deleted the persona {name}"))
        };
        work.finish(entry).await?;
        Ok(())
    }
}
