//! Verifying the whole log at once, as `fader audit verify` does.

use super::{
    AuditHead, AuditSecret, AuditVerdict, BrokenChain,
    key::Keys,
    rows,
    walk::{self, Anchors, Step, Walk},
};
use crate::{
    Invalid, Store, StoreError,
    db::{Db, Tx},
    number,
};

/// What verifying found, and where the log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    pub verdict: AuditVerdict,
    /// The last entry that is as it was written.
    pub head: AuditHead,
    /// The first entry that nobody can compute who has not the secret.
    pub keyed_from: Option<u64>,
}

impl Store {
    /// Checks every entry, its link to the one before and the versions it wrote, and that what is in force is what the
    /// log says; names the first that is not.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        Ok(self.audit_report(&[]).await?.verdict)
    }

    /// The same, and that each of `anchors` is an entry of the log.
    pub async fn audit_report(&self, anchors: &[AuditHead]) -> Result<AuditReport, StoreError> {
        report_of(&self.db(), self.0.audit_secret.as_ref(), anchors).await
    }
}

/// The same of any database.
pub(crate) async fn report_of(
    db: &Db,
    secret: Option<&AuditSecret>,
    anchors: &[AuditHead],
) -> Result<AuditReport, StoreError> {
    let (keys, anchors) = (walk::keys_of(db, secret).await?, Anchors::new(anchors));
    let mut walk = Walk::default();
    let verdict = loop {
        let mut tx = db.begin_read().await?;
        let verdict = match walk.step(&mut tx, &keys, &anchors).await? {
            Step::More => None,
            Step::End => Some(verdict_at_end(&mut tx, &walk).await?),
            Step::Broken { seq, why } => Some(AuditVerdict::Broken { seq, why }),
        };
        tx.rollback().await?;
        if let Some(verdict) = verdict {
            break verdict;
        }
    };
    Ok(AuditReport { verdict, head: walk.head(), keyed_from: walk.keyed_from() })
}

/// The chain is whole up to the head, as this transaction sees it: now for what it does not hold itself.
pub(super) async fn verdict_at_end(tx: &mut Tx, walk: &Walk) -> Result<AuditVerdict, StoreError> {
    if let Some(seq) = walk::stray_version(tx).await? {
        return Ok(AuditVerdict::Broken { seq: number(seq), why: BrokenChain::StrayVersions });
    }
    Ok(match rows::first_that_differs(tx).await? {
        Some(row) => AuditVerdict::Differs { row },
        None => AuditVerdict::Intact { entries: walk.head().seq },
    })
}

impl AuditSecret {
    /// Refuses to go on with another secret than the log was keyed with.
    pub(crate) async fn check(&self, db: &Db) -> Result<(), StoreError> {
        let mut tx = db.begin_read().await?;
        let last = walk::last(&mut tx).await?;
        tx.rollback().await?;
        let keys = Keys::new(None, Some(self));
        match last.filter(|row| row.format() == Some(keys.best())) {
            Some(row) if row.computed_hash(&keys).as_ref() != Some(&row.hash) => {
                Err(Invalid::AuditSecretWrong.into())
            }
            Some(_) | None => Ok(()),
        }
    }
}
