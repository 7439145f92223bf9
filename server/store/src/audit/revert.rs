//! Undoing one change: the object as it was before that entry becomes its next version.

use engine::{Flag, FlagKey, GroupKey};

use super::AuditEntry;
use crate::{
    Denied, Invalid, ObjectKind, Principal, Store, StoreError, Viewer, flags::flag_line, text::reason,
    versioned::parse,
};

impl Principal {
    /// Whether they may undo what an entry did: for showing the button.
    pub fn may_revert(&self, entry: &AuditEntry) -> bool {
        entry.is_revertible() && self.reverter(Some(entry)).is_ok()
    }

    /// With the proof that undoing an entry takes; of one that cannot be undone, that of whoever edits flags.
    fn reverter(&self, entry: Option<&AuditEntry>) -> Result<Self, Denied> {
        let Some(entry) = entry else { return Ok(self.flag_editor()?.principal().clone()) };
        if entry.is_of_testers() {
            return Ok(self.enroller()?.principal().clone());
        }
        match &entry.environment {
            Some(environment) => Ok(self.within(environment)?.flag_editor()?.principal().clone()),
            None => Ok(self.flag_editor()?.principal().clone()),
        }
    }
}

impl Store {
    /// Makes the state before the entry `seq` the object's next version, whatever happened since, and returns that
    /// version. Refused like any other change when it does not fit the workspace any more.
    ///
    /// It takes what changing the object takes: for a rollout in its environment, for testers that of enrolling them.
    pub async fn revert(&self, by: &Viewer, seq: u64, comment: &str) -> Result<u64, StoreError> {
        self.take_back(by, seq, comment, false).await
    }

    /// [`Store::revert`] for whoever means the last change of a rollout: a conflict when somebody changed it since,
    /// whose work would be taken back unseen.
    pub async fn undo(&self, by: &Viewer, seq: u64, comment: &str) -> Result<u64, StoreError> {
        self.take_back(by, seq, comment, true).await
    }

    async fn take_back(
        &self,
        by: &Viewer,
        seq: u64,
        comment: &str,
        only_last: bool,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let entry = self.stored_entry(seq).await?;
        let revertible = entry.as_ref().is_some_and(AuditEntry::is_revertible);
        let mut work = self.begin(&by.reverter(entry.as_ref().filter(|_| revertible))?).await?;
        let entry =
            entry.ok_or(StoreError::NotFound { kind: ObjectKind::Workspace, key: seq.to_string() })?;
        if !revertible {
            return Err(Invalid::NotRevertible.into());
        }
        if entry.is_of_testers() {
            let key = GroupKey::parse(&entry.object.key).map_err(|_| Invalid::NotRevertible)?;
            return work.revert_testers(&key, seq, reason).await;
        }
        let version = entry.version.ok_or(Invalid::NotRevertible)?;
        if entry.object.kind == ObjectKind::Group {
            let key = GroupKey::parse(&entry.object.key).map_err(|_| Invalid::NotRevertible)?;
            return work.revert_group(&key, (seq, version), reason).await;
        }
        let key = FlagKey::parse(&entry.object.key).map_err(|_| Invalid::NotRevertible)?;
        if let Some(environment) = &entry.environment {
            if only_last {
                let target = work.rollout_target(environment, &key).await?;
                work.check_rollout_version(&target, version).await?;
            }
            return work.revert_rollout(environment, &key, (seq, version), reason).await;
        }
        let current = work.require_flag(&key).await?;
        let before = flag_line(&key).document(&mut work.tx, crate::signed(version) - 1).await?;
        let flag: Flag = parse("versions", key.as_str(), &before.ok_or(Invalid::NotRevertible)?)?;
        work.write_flag(current, flag, reason, Some(seq)).await
    }
}
