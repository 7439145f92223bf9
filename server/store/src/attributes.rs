//! The attribute schema. The list itself is part of every snapshot.

mod uses;

use engine::{AttributeDefinition, AttributeName};

pub use self::uses::{AttributeUse, AttributeUses, Entry as RolloutEntry};

use crate::{
    Action, Administrator, Invalid, ObjectKind, ObjectRef, Store, StoreError,
    change::{Entry, Revisions},
    db::args,
    limits::{ATTRIBUTE_DESCRIPTION_CHARS_MAX, ATTRIBUTES_MAX},
    signed, text, to_json,
};

impl Store {
    /// Adds an attribute to the schema or replaces its line. Its type stays while something uses it. Whether it is trusted decides who may say it of themselves: a
    /// change of that is `PasswordNeeded` unless the password was given lately.
    pub async fn put_attribute(
        &self,
        by: &Administrator,
        mut definition: AttributeDefinition,
    ) -> Result<(), StoreError> {
        definition.description =
            text::shorten(definition.description.trim(), ATTRIBUTE_DESCRIPTION_CHARS_MAX);
        let mut work = self.begin(by).await?;
        let name = definition.name.to_string();
        let before: Option<(String,)> =
            work.tx.optional("SELECT document FROM attributes WHERE name = $1", args![&name]).await?;
        let before = before.map(|(document,)| document);
        let after = to_json("attributes", &definition)?;
        if before.as_deref() == Some(&after) {
            return work.cancel().await;
        }
        let read = before.as_deref().and_then(|it| serde_json::from_str::<AttributeDefinition>(it).ok());
        if read.is_some_and(|before| before.value_type != definition.value_type) {
            work.require_unused(&definition.name).await?;
        }
        let was_trusted = before.as_deref().map_or(Some(false), is_trusted);
        if was_trusted != Some(definition.trusted) {
            by.recent_administrator(work.now_ms())?;
        }
        let (count,): (i64,) = work.tx.one("SELECT COUNT(*) FROM attributes", args![]).await?;
        if before.is_none() && count >= signed(ATTRIBUTES_MAX as u64) {
            return Err(Invalid::TooManyAttributes.into());
        }
        let seq = work.seq();
        work.tx
            .execute(
                "INSERT INTO attributes (name, document, audit_seq) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET document = excluded.document, audit_seq = excluded.audit_seq",
                args![&name, &after, seq],
            )
            .await?;
        work.bump(Revisions::All).await?;
        let verb = if before.is_some() { "changed" } else { "added" };
        let sentence = format!("{verb} the attribute {name}");
        let object = ObjectRef::new(ObjectKind::Attribute, &*name);
        let entry = Entry {
            before,
            after: Some(after),
            ..Entry::new(Action::AttributeSaved, object, &name, sentence)
        };
        work.finish(entry).await?;
        Ok(())
    }

    /// Takes an attribute out of the schema, unless something uses it: it may still be sent and tested, and is untrusted from
    /// then on; for a trusted one the password has to be given lately.
    pub async fn delete_attribute(&self, by: &Administrator, name: &AttributeName) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let before: Option<(String,)> = work
            .tx
            .optional("DELETE FROM attributes WHERE name = $1 RETURNING document", args![name.as_str()])
            .await?;
        let Some((before,)) = before else {
            return Err(StoreError::NotFound { kind: ObjectKind::Attribute, key: name.to_string() });
        };
        work.require_unused(name).await?;
        if is_trusted(&before) != Some(false) {
            by.recent_administrator(work.now_ms())?;
        }
        work.bump(Revisions::All).await?;
        let object = ObjectRef::new(ObjectKind::Attribute, name.as_str());
        let sentence = format!("deleted the attribute {name}");
        let entry = Entry {
            before: Some(before),
            ..Entry::new(Action::AttributeDeleted, object, name.as_str(), sentence)
        };
        work.finish(entry).await?;
        Ok(())
    }
}

/// `None` when that cannot be read: it is still replaced or deleted, by somebody who gave the password lately.
fn is_trusted(document: &str) -> Option<bool> {
    serde_json::from_str::<AttributeDefinition>(document).ok().map(|definition| definition.trusted)
}
