//! Writing the next version of a rollout: checked against the workspace, told as a sentence.

use engine::{Change, EnvironmentKey, Flag, FlagKey, Lifecycle, Percentage, Rollout, rollout_changes};

use super::{
    Target,
    checks::{group_names, prerequisite_problems},
    rollout_line,
};
use crate::{
    Action, Invalid, ObjectKind, ObjectRef, StoreError,
    change::{Entry, Revisions, Work, lead},
    db::args,
    flags::refuse,
    guard, to_json,
    versioned::parse,
};

/// A rollout's new version, and what differs from the one before.
pub(crate) struct Written {
    pub(crate) version: u64,
    pub(crate) changes: Vec<Change>,
    /// How many of them, from the front, are the rollout's own; the others are the flag's.
    own: usize,
}

impl Work<'_> {
    pub(crate) async fn rollout_target(
        &mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Target, StoreError> {
        self.require_in(environment)?;
        let sql = "SELECT document, version, changed_ms, changed_by, audit_seq FROM rollouts \
                   WHERE environment = $1 AND flag = $2";
        let definition = self.require_flag(flag).await?;
        let rollout =
            self.read(sql, args![environment.as_str(), flag.as_str()], "rollouts", flag.as_str()).await?;
        let rollout = rollout.ok_or_else(|| StoreError::NotFound {
            kind: ObjectKind::Environment,
            key: environment.to_string(),
        })?;
        Ok(Target { environment: environment.clone(), flag: definition, rollout })
    }

    pub(crate) async fn check_rollout_version(
        &mut self,
        target: &Target,
        expected: u64,
    ) -> Result<(), StoreError> {
        let state = self.state().await?;
        let names = group_names(&state, &target.environment);
        let line = rollout_line(&target.environment, &target.flag.value.key);
        self.check_version(line, expected, &target.rollout, |read, now| rollout_changes(read, now, &names))
            .await
    }

    /// Checks the rollout against the flag, the groups and the other flags, and saves it.
    pub(crate) async fn write_rollout(
        self,
        target: Target,
        rollout: Rollout,
        reason: String,
        reverted: Option<u64>,
    ) -> Result<u64, StoreError> {
        let flag = &target.flag.value;
        if flag.lifecycle == Lifecycle::Archived {
            return Err(Invalid::Archived.into());
        }
        if rollout == target.rollout.value {
            self.cancel().await?;
            return Ok(target.rollout.version);
        }
        self.check_rollout(&target, &rollout).await?;
        self.commit_rollout(target, rollout, reason, reverted).await
    }

    /// Refuses a rollout that does not fit the flag, the groups or the other flags.
    pub(crate) async fn check_rollout(&self, target: &Target, rollout: &Rollout) -> Result<(), StoreError> {
        let flag = &target.flag.value;
        let state = self.state().await?;
        let snapshot = state.snapshot(target.environment.as_str());
        let mut problems =
            rollout.problems(flag, |key| snapshot.is_some_and(|s| s.group(key.as_str()).is_some()));
        problems.extend(prerequisite_problems(&state, &target.environment, &flag.key, rollout));
        refuse(problems)
    }

    pub(super) async fn commit_rollout(
        mut self,
        target: Target,
        rollout: Rollout,
        reason: String,
        reverted: Option<u64>,
    ) -> Result<u64, StoreError> {
        let Written { version, changes, own } = self.apply_rollout(&target, &rollout).await?;
        let Target { environment, flag, rollout: before } = target;
        let (action, sentence) = match reverted {
            Some(seq) => {
                (Action::Reverted, format!("reverted change {seq} on {} in {environment}", flag.value.name))
            }
            None => {
                rollout_sentence(&before.value, &rollout, &changes[..own], &flag.value.name, &environment)
            }
        };
        let object = ObjectRef::new(ObjectKind::Flag, flag.value.key.as_str());
        let entry = Entry {
            changes,
            reason,
            version: Some(version),
            environment: Some(environment),
            ..Entry::new(action, object, &flag.value.name, sentence)
        };
        self.finish(entry).await?;
        Ok(version)
    }

    /// Writes the rollout as its next version and moves the revision; a draft flag that serves somebody from now on
    /// becomes active. The caller writes the audit entry.
    pub(crate) async fn apply_rollout(
        &mut self,
        target: &Target,
        rollout: &Rollout,
    ) -> Result<Written, StoreError> {
        let Target { environment, flag, rollout: before } = target;
        let version = before.version + 1;
        self.put_rollout(environment, &flag.value.key, rollout, version).await?;
        if rollout.enabled && !before.value.enabled {
            let (key, now_ms) = ((environment.as_str(), flag.value.key.as_str()), self.now_ms());
            guard::resumed(&mut self.tx, key, now_ms).await?;
        }
        let state = self.state().await?;
        let mut changes = rollout_changes(&before.value, rollout, &group_names(&state, environment));
        let own = changes.len();
        if flag.value.lifecycle == Lifecycle::Draft && serves_somebody(rollout) {
            let active = Flag { lifecycle: Lifecycle::Active, ..flag.value.clone() };
            self.put_flag(&active, flag.version + 1).await?;
            changes.extend(engine::flag_changes(&flag.value, &active));
        }
        self.bump(Revisions::Of(environment)).await?;
        Ok(Written { version, changes, own })
    }

    async fn put_rollout(
        &mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        rollout: &Rollout,
        version: u64,
    ) -> Result<(), StoreError> {
        let document = to_json("rollouts", rollout)?;
        let (environment, flag, version) = (environment.as_str(), flag.as_str(), crate::signed(version));
        let (now_ms, seq, author) = (self.now_ms(), self.seq(), self.by().to_owned());
        self.tx
            .execute(
                "UPDATE rollouts SET document = $1, version = $2, changed_ms = $3, changed_by = $4, audit_seq = $5 \
                 WHERE environment = $6 AND flag = $7",
                args![&document, version, now_ms, &author, seq, environment, flag],
            )
            .await?;
        self.add_version("rollout", flag, environment, version, &document).await
    }

    /// The rollout before the entry `seq`, made the next version. A stopped flag stays stopped, unless the entry is
    /// the stop itself: going back to old percentages must not switch anything on.
    pub(crate) async fn revert_rollout(
        mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (seq, version): (u64, u64),
        reason: String,
    ) -> Result<u64, StoreError> {
        let target = self.rollout_target(environment, flag).await?;
        let line = rollout_line(environment, flag);
        let version = crate::signed(version);
        let before = line.document(&mut self.tx, version - 1).await?.ok_or(Invalid::NotRevertible)?;
        let after = line.document(&mut self.tx, version).await?.ok_or(Invalid::NotRevertible)?;
        let mut rollout: Rollout = parse("versions", flag.as_str(), &before)?;
        let after: Rollout = parse("versions", flag.as_str(), &after)?;
        let undoes_stop = rollout.enabled && !after.enabled;
        if !target.rollout.value.enabled && !undoes_stop {
            rollout.enabled = false;
        }
        self.write_rollout(target, rollout, reason, Some(seq)).await
    }
}

fn serves_somebody(rollout: &Rollout) -> bool {
    rollout.enabled && rollout.rules.iter().any(|rule| rule.percentage > Percentage::NONE)
}

fn rollout_sentence(
    before: &Rollout,
    after: &Rollout,
    changes: &[Change],
    name: &str,
    environment: &EnvironmentKey,
) -> (Action, String) {
    let action = match (before.enabled, after.enabled) {
        (true, false) => Action::RolloutStopped,
        (false, true) => Action::RolloutResumed,
        (true, true) | (false, false) if before.seed != after.seed => Action::RolloutReRandomised,
        (true, true) | (false, false) => Action::RolloutChanged,
    };
    let sentence = lead(changes, |phrase| match phrase {
        "stopped" | "resumed" => format!("{phrase} {name} in {environment}"),
        phrase => format!("{phrase} on {name} in {environment}"),
    });
    (action, sentence.unwrap_or_else(|| format!("changed the rollout of {name} in {environment}")))
}
