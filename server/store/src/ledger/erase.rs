//! Erasing one subject everywhere it is known by its key. The audit entry keeps nothing of what was erased.

use engine::SubjectKey;

use crate::{
    Action, Administrator, ObjectKind, ObjectRef, Store, StoreError, change::Entry, db::args,
    secret::sha256_hex,
};

/// So many digits of the key's SHA-256 stand in the audit log: enough to check a request for erasure against it.
const DIGEST_CHARS: usize = 12;

/// Every place that knows a subject by its key (`$1`); all are emptied in one transaction, with what is known of them
/// (see [`crate::People`]).
const PLACES: [&str; 3] = [
    "DELETE FROM exposures WHERE environment IN (SELECT key FROM environments) AND subject = $1",
    "DELETE FROM learned_subjects WHERE subject = $1",
    "DELETE FROM feedback WHERE subject = $1",
];

/// What an erasure found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Rows, in all tables and environments.
    pub rows: u64,
}

impl Store {
    /// Erases what is stored of one subject. `NotFound` when there is nothing. What the server still has in its buffer
    /// is written a second later: flush it before.
    pub async fn erase_subject(
        &self,
        by: &Administrator,
        subject: &SubjectKey,
    ) -> Result<Erased, StoreError> {
        let mut work = self.begin(by).await?;
        let mut rows = 0;
        for sql in PLACES {
            rows += work.tx.execute(sql, args![subject.as_str()]).await?;
        }
        rows += work.erase_person(subject).await?;
        if rows == 0 {
            work.cancel().await?;
            return Err(StoreError::NotFound { kind: ObjectKind::Person, key: subject.to_string() });
        }
        let digest = sha256_hex(subject.as_str());
        let digest = &digest[..DIGEST_CHARS];
        let sentence = format!("erased one person (SHA-256 {digest}…)");
        let object = ObjectRef::new(ObjectKind::Person, format!("sha256:{digest}"));
        work.finish(Entry::new(Action::PersonErased, object, "an erased person", sentence)).await?;
        Ok(Erased { rows })
    }
}
