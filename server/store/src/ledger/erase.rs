//! Erasing one subject everywhere it is known by its key. The audit entry keeps nothing of what was erased; a hash
//! stays for the other copies of the server, and for exposures that were still on their way.

use std::collections::HashMap;

use engine::SubjectKey;

use crate::{
    Action, ObjectKind, ObjectRef, RecentAdministrator, Store, StoreError,
    change::Entry,
    db::{Tx, args},
    limits::{ERASURES_HEEDED_MAX, ERASURES_HEEDED_MS},
    secret::sha256_hex,
    signed,
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

/// Who was erased lately: SHA-256 of the key, and when (epoch ms).
#[derive(Debug, Default)]
pub(super) struct ErasedLately(HashMap<String, i64>);

impl ErasedLately {
    /// Read in the transaction that writes exposures, so that an erasure by any copy of the server counts, and none
    /// happens until that transaction ends.
    pub(super) async fn load(tx: &mut Tx, now_ms: i64) -> Result<Self, StoreError> {
        if let Tx::Pg(_) = tx {
            // SQLite has one writer anyway.
            tx.execute("SELECT pg_advisory_xact_lock_shared($1)", args![WRITING_LOCK]).await?;
        }
        let rows: Vec<(String, i64)> = tx
            .all(
                "SELECT lately.subject_hash, audit.at_ms FROM ( \
                     SELECT subject_hash, audit_seq FROM erased_people ORDER BY audit_seq DESC LIMIT $1 \
                 ) AS lately JOIN audit ON audit.seq = lately.audit_seq \
                 WHERE audit.at_ms >= $2 ORDER BY audit.at_ms",
                args![signed(ERASURES_HEEDED_MAX as u64), now_ms.saturating_sub(ERASURES_HEEDED_MS)],
            )
            .await?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// Whether this was served before its subject was erased.
    pub(super) fn covers(&self, subject: &SubjectKey, at_ms: i64) -> bool {
        !self.0.is_empty()
            && self.0.get(&sha256_hex(subject.as_str())).is_some_and(|erased_ms| at_ms <= *erased_ms)
    }
}

/// Writers of exposures share it, an erasure has it alone: PostgreSQL would not delete what another transaction is
/// about to commit.
const WRITING_LOCK: i64 = 0x6661_6465_7200_0004;

impl Store {
    /// Erases what is stored of one subject. `NotFound` when there is nothing. Exposures from before that arrive within
    /// [`ERASURES_HEEDED_MS`] are left out of the ledger.
    pub async fn erase_subject(
        &self,
        by: &RecentAdministrator,
        subject: &SubjectKey,
    ) -> Result<Erased, StoreError> {
        let mut work = self.begin(by).await?;
        if let Tx::Pg(_) = work.tx {
            work.tx.execute("SELECT pg_advisory_xact_lock($1)", args![WRITING_LOCK]).await?;
        }
        let mut rows = 0;
        for sql in PLACES {
            rows += work.tx.execute(sql, args![subject.as_str()]).await?;
        }
        rows += work.erase_person(subject).await?;
        if rows == 0 {
            work.cancel().await?;
            return Err(StoreError::NotFound { kind: ObjectKind::Person, key: subject.to_string() });
        }
        let (digest, seq) = (sha256_hex(subject.as_str()), work.seq());
        work.tx
            .execute(
                "INSERT INTO erased_people (subject_hash, audit_seq) VALUES ($1, $2)",
                args![&digest, seq],
            )
            .await?;
        let digest = &digest[..DIGEST_CHARS];
        let sentence = format!("erased one person (SHA-256 {digest}…)");
        let object = ObjectRef::new(ObjectKind::Person, format!("sha256:{digest}"));
        work.finish(Entry::new(Action::PersonErased, object, "an erased person", sentence)).await?;
        Ok(Erased { rows })
    }
}
