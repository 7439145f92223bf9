//! Undoing one change: the object as it was before that entry becomes its next version.

use engine::{Flag, FlagKey, GroupKey};

use crate::{
    FlagEditor, Invalid, ObjectKind, Store, StoreError, flags::flag_line, text::reason, versioned::parse,
};

impl Store {
    /// Makes the state before the entry `seq` the object's next version, whatever happened since, and returns that
    /// version. Refused like any other change when it does not fit the workspace any more.
    pub async fn revert(&self, by: &FlagEditor, seq: u64, comment: &str) -> Result<u64, StoreError> {
        self.take_back(by, seq, comment, false).await
    }

    /// [`Store::revert`] for whoever means the last change of a rollout: a conflict when somebody changed it since,
    /// whose work would be taken back unseen.
    pub async fn undo(&self, by: &FlagEditor, seq: u64, comment: &str) -> Result<u64, StoreError> {
        self.take_back(by, seq, comment, true).await
    }

    async fn take_back(
        &self,
        by: &FlagEditor,
        seq: u64,
        comment: &str,
        only_last: bool,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let entry = self
            .entry_to_revert(seq)
            .await?
            .ok_or(StoreError::NotFound { kind: ObjectKind::Workspace, key: seq.to_string() })?;
        if !entry.is_revertible() {
            return Err(Invalid::NotRevertible.into());
        }
        let mut work = self.begin(by).await?;
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
