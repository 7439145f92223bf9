//! How far the log is verified, kept in memory: the whole chain is walked beside the requests, and pages only go on with
//! the entries that came since. Readers at the same time share one look.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Mutex;

use super::{
    AuditHead, AuditVerdict, verify,
    walk::{Anchors, Step, Walk},
};
use crate::{AuditReader, Store, StoreError};

/// What is known of the log without walking it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStanding {
    /// Of the entries up to `head`.
    pub verdict: AuditVerdict,
    /// The last entry that was verified.
    pub head: AuditHead,
    /// When the whole chain was verified last; `None` while it is walked for the first time.
    pub whole_ms: Option<i64>,
    /// Newer entries that have not been looked at yet.
    pub behind: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Held while somebody looks at new entries; everybody else waits and finds them verified.
    going_on: Mutex<Option<Verified>>,
    /// How far the first walk over the whole chain is.
    walked: RwLock<AuditHead>,
    read: AtomicU64,
}

#[derive(Debug, Clone)]
struct Verified {
    walk: Walk,
    verdict: AuditVerdict,
    whole_ms: i64,
}

impl Verified {
    fn standing(&self, newest: u64) -> AuditStanding {
        let head = self.walk.head();
        let verdict = match &self.verdict {
            AuditVerdict::Intact { .. } => AuditVerdict::Intact { entries: head.seq },
            found @ (AuditVerdict::Broken { .. } | AuditVerdict::Differs { .. }) => found.clone(),
        };
        AuditStanding {
            verdict,
            behind: newest.saturating_sub(head.seq),
            head,
            whole_ms: Some(self.whole_ms),
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self.verdict, AuditVerdict::Intact { .. })
    }
}

impl Store {
    /// Walks the whole chain from the first entry and compares what is in force, piece by piece; `pause` is waited for
    /// between pieces. Whatever it finds is what [`Self::audit_standing`] says from then on.
    pub async fn walk_whole_audit<F: Future<Output = ()>>(
        &self,
        pause: impl Fn() -> F,
    ) -> Result<AuditVerdict, StoreError> {
        let (keys, none) = (self.audit_keys().await?, Anchors::default());
        let mut walk = Walk::default();
        let verdict = loop {
            let mut tx = self.db().begin_read().await?;
            let before = walk.head().seq;
            let verdict = match walk.step(&mut tx, &keys, &none).await? {
                Step::More => None,
                Step::End => Some(verify::verdict_at_end(&mut tx, &walk).await?),
                Step::Broken { seq, why } => Some(AuditVerdict::Broken { seq, why }),
            };
            tx.rollback().await?;
            self.note_walked(before, &walk);
            match verdict {
                Some(verdict) => break verdict,
                None => pause().await,
            }
        };
        let whole_ms = self.clock().now_ms();
        let verified = Verified { walk, verdict: verdict.clone(), whole_ms };
        *self.0.watch.going_on.lock().await = Some(verified);
        Ok(verdict)
    }

    /// What is known of the log, after a look at the entries that came since: at most one piece of them. Nothing is
    /// read when there are none, nor before the first walk over the whole chain has ended.
    pub async fn audit_standing(&self, _by: &AuditReader) -> Result<AuditStanding, StoreError> {
        self.look_at_audit().await
    }

    async fn look_at_audit(&self) -> Result<AuditStanding, StoreError> {
        let newest = self.live().seq();
        let mut going_on = self.0.watch.going_on.lock().await;
        let Some(verified) = going_on.as_mut() else {
            let head = self.0.watch.walked.read().unwrap_or_else(PoisonError::into_inner).clone();
            let verdict = AuditVerdict::Intact { entries: head.seq };
            let behind = newest.saturating_sub(head.seq);
            return Ok(AuditStanding { verdict, head, whole_ms: None, behind });
        };
        if verified.walk.head().seq != newest && verified.is_whole() {
            self.go_on(verified).await?;
        }
        Ok(verified.standing(newest))
    }

    /// The same, after a look at all new entries, and at whether those verified before are still there.
    pub async fn audit_standing_now(&self) -> Result<AuditStanding, StoreError> {
        let mut going_on = self.0.watch.going_on.lock().await;
        let Some(verified) = going_on.as_mut() else {
            drop(going_on);
            return self.look_at_audit().await;
        };
        while verified.is_whole() && self.go_on(verified).await? == Step::More {}
        Ok(verified.standing(verified.walk.head().seq))
    }

    /// The database is another one: what was verified says nothing of it until the next whole walk.
    pub(crate) async fn forget_verified(&self) {
        *self.0.watch.going_on.lock().await = None;
        *self.0.watch.walked.write().unwrap_or_else(PoisonError::into_inner) = AuditHead::default();
    }

    /// Entries read to verify them, since the start.
    pub fn audit_entries_read(&self) -> u64 {
        self.0.watch.read.load(Ordering::Relaxed)
    }

    async fn go_on(&self, verified: &mut Verified) -> Result<Step, StoreError> {
        let keys = self.audit_keys().await?;
        let before = verified.walk.head().seq;
        let mut tx = self.db().begin_read().await?;
        let step = verified.walk.step(&mut tx, &keys, &Anchors::default()).await?;
        tx.rollback().await?;
        self.note_walked(before, &verified.walk);
        if let Step::Broken { seq, why } = step {
            verified.verdict = AuditVerdict::Broken { seq, why };
        }
        Ok(step)
    }

    fn note_walked(&self, before: u64, walk: &Walk) {
        let (watch, head) = (&self.0.watch, walk.head());
        watch.read.fetch_add(head.seq.saturating_sub(before), Ordering::Relaxed);
        *watch.walked.write().unwrap_or_else(PoisonError::into_inner) = head;
    }
}
