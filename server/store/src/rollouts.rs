//! Rollouts: what decides who gets a flag in one environment. Stopping never conflicts; everything else says which
//! version it was made on.

mod checks;
mod write;

use std::collections::BTreeMap;

use engine::{EnvironmentKey, Flag, FlagKey, Percentage, Rollout, RuleId};

pub(crate) use checks::{group_names, prerequisite_problems};

use crate::{
    FlagEditor, Invalid, Principal, Stopper, Store, StoreError, Versioned, Viewer,
    change::Work,
    db::args,
    secret::random_hex,
    text::reason,
    versioned::{VersionKey, VersionedRow, parse},
};

const SEED_BYTES: usize = 8;

pub(crate) fn rollout_line<'a>(environment: &'a EnvironmentKey, flag: &'a FlagKey) -> VersionKey<'a> {
    VersionKey { kind: "rollout", key: flag.as_str(), environment: environment.as_str() }
}

/// The flag and its rollout as they are under the lock.
pub(crate) struct Target {
    pub(crate) environment: EnvironmentKey,
    pub(crate) flag: Versioned<Flag>,
    pub(crate) rollout: Versioned<Rollout>,
}

#[derive(sqlx_macros::FromRow)]
struct AtRevision {
    #[sqlx(flatten)]
    row: VersionedRow,
    revision: i64,
}

impl Store {
    pub async fn find_rollout(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<Versioned<Rollout>>, StoreError> {
        by.require_in(environment)?;
        let row: Option<VersionedRow> = self
            .db()
            .optional(
                "SELECT document, version, changed_ms, changed_by, audit_seq FROM rollouts \
                 WHERE environment = $1 AND flag = $2",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        row.map(|row| row.parse("rollouts", flag.as_str())).transpose()
    }

    /// The same with the environment's revision, both of one moment.
    pub async fn find_rollout_with_revision(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<(Versioned<Rollout>, u64)>, StoreError> {
        by.require_in(environment)?;
        let row: Option<AtRevision> = self
            .db()
            .optional(
                "SELECT rollouts.document, rollouts.version, rollouts.changed_ms, rollouts.changed_by, \
                 rollouts.audit_seq, environments.revision \
                 FROM rollouts JOIN environments ON environments.key = rollouts.environment \
                 WHERE rollouts.environment = $1 AND rollouts.flag = $2",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        row.map(|it| Ok((it.row.parse("rollouts", flag.as_str())?, crate::number(it.revision)))).transpose()
    }

    /// The rollout as it was at one version.
    pub async fn find_rollout_version(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        version: u64,
    ) -> Result<Option<Versioned<Rollout>>, StoreError> {
        by.require_in(environment)?;
        let row: Option<VersionedRow> = self
            .db()
            .optional(
                "SELECT versions.document, versions.version, versions.at_ms AS changed_ms, \
                 audit.actor AS changed_by, versions.audit_seq \
                 FROM versions \
                 JOIN audit ON audit.seq = versions.audit_seq \
                 WHERE versions.object_kind = 'rollout' \
                 AND versions.object_key = $1 AND versions.environment = $2 AND versions.version = $3",
                args![flag.as_str(), environment.as_str(), crate::signed(version)],
            )
            .await?;
        row.map(|row| row.parse("versions", flag.as_str())).transpose()
    }

    /// Saves a rollout. A draft flag becomes active when a rule serves somebody. The seed stays: see
    /// [`Store::re_randomise`]. Returns the new version, or the present one when nothing differs.
    pub async fn save_rollout(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        rollout: Rollout,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let (mut work, target) = self.begin_rollout(by, environment, flag).await?;
        work.check_rollout_version(&target, expected).await?;
        if rollout.seed != target.rollout.value.seed {
            return Err(Invalid::SeedChanged.into());
        }
        work.write_rollout(target, rollout, reason, None).await
    }

    /// Sets one rule's percentage, in the version that was read or, without one, in whatever is in force. Returns the new
    /// version, or the present one when nothing differs; `None` when the rollout has no such rule.
    pub async fn set_percentage(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (rule, percentage): (&RuleId, Percentage),
        expected: Option<u64>,
        comment: &str,
    ) -> Result<Option<u64>, StoreError> {
        let reason = reason(comment)?;
        let (mut work, target) = self.begin_rollout(by, environment, flag).await?;
        if let Some(expected) = expected {
            work.check_rollout_version(&target, expected).await?;
        }
        if target.rollout.value.rule(rule.as_str()).is_none() {
            work.cancel().await?;
            return Ok(None);
        }
        let one = BTreeMap::from([(rule.clone(), percentage)]);
        let rollout = target.rollout.value.clone().with_percentages(&one);
        work.write_rollout(target, rollout, reason, None).await.map(Some)
    }

    /// Makes an earlier version the next one, with its seed: everybody has the place of then. The kill switch stays as it is:
    /// going back to old percentages switches nothing on. `None` when there is no such version.
    pub async fn return_to_version(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (version, expected): (u64, u64),
        comment: &str,
    ) -> Result<Option<u64>, StoreError> {
        let reason = reason(comment)?;
        let (mut work, target) = self.begin_rollout(by, environment, flag).await?;
        work.check_rollout_version(&target, expected).await?;
        let line = rollout_line(environment, flag);
        let Some(document) = line.document(&mut work.tx, crate::signed(version)).await? else {
            work.cancel().await?;
            return Ok(None);
        };
        let before: Rollout = parse("versions", flag.as_str(), &document)?;
        let rollout = Rollout { enabled: target.rollout.value.enabled, ..before };
        work.write_rollout(target, rollout, reason, None).await.map(Some)
    }

    /// Draws everybody's position anew: people lose and gain the flag at every percentage between 0 and 100.
    pub async fn re_randomise(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let (mut work, target) = self.begin_rollout(by, environment, flag).await?;
        work.check_rollout_version(&target, expected).await?;
        let rollout = Rollout { seed: random_hex::<SEED_BYTES>()?, ..target.rollout.value.clone() };
        work.write_rollout(target, rollout, reason, None).await
    }

    /// The kill switch: at once, whatever version the caller has seen. Everything below it stays as it is.
    pub async fn stop(
        &self,
        by: &Stopper,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        reason: &str,
    ) -> Result<u64, StoreError> {
        self.switch(by, environment, flag, false, reason).await
    }

    /// Brings back exactly the same people.
    pub async fn resume(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        reason: &str,
    ) -> Result<u64, StoreError> {
        self.switch(by, environment, flag, true, reason).await
    }

    /// Neither direction is checked against the rest of the workspace: it only ever returns to what was checked.
    async fn switch(
        &self,
        by: &Principal,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        enabled: bool,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let (work, target) = self.begin_rollout(by, environment, flag).await?;
        if target.rollout.value.enabled == enabled {
            work.cancel().await?;
            return Ok(target.rollout.version);
        }
        let rollout = Rollout { enabled, ..target.rollout.value.clone() };
        work.commit_rollout(target, rollout, reason, None).await
    }

    async fn begin_rollout(
        &self,
        by: &Principal,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<(Work<'_>, Target), StoreError> {
        let mut work = self.begin(by).await?;
        let target = work.rollout_target(environment, flag).await?;
        Ok((work, target))
    }
}
