//! Guardrails of a flag in one environment, and the workspace's defaults for every rollout without its own.

use engine::{
    Change, EnvironmentKey, FlagKey, GuardrailId,
    guardrail::{GuardAction, Guardrail, Limit, Metric, Proof, guardrail_problems},
};
use serde::{Deserialize, Serialize};

use crate::{
    Action, Administrator, Conflict, FlagEditor, ObjectKind, ObjectRef, Store, StoreError, Versioned, Viewer,
    change::{Entry, Work, lead},
    db::args,
    flags::refuse,
    text::reason,
    to_json,
    versioned::VersionedRow,
};

/// All guardrails of one rollout, and what counts as proof that a step is healthy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSet {
    pub guardrails: Vec<Guardrail>,
    #[serde(default)]
    pub proof: Proof,
}

impl GuardrailSet {
    /// What guards every rollout until an admin sets other defaults: stop above 5 % errors, step back when errors are
    /// worse than control.
    pub fn built_in() -> Self {
        let of = |id: &str, limit, action| {
            let id = GuardrailId::parse(id).ok()?;
            Some(Guardrail { id, metric: Metric::ErrorRate, limit, action })
        };
        let guardrails = [
            of("errors-limit", Limit::Ceiling { limit: 0.05 }, GuardAction::Stop),
            of("errors-worse", Limit::Comparison { margin: 0.0 }, GuardAction::StepBack),
        ];
        Self { guardrails: guardrails.into_iter().flatten().collect(), proof: Proof::default() }
    }

    fn changes(&self, after: &Self) -> Vec<Change> {
        let find = |set: &Self, id: &GuardrailId| set.guardrails.iter().find(|one| one.id == *id).cloned();
        let mut changes = Vec::new();
        for guardrail in &after.guardrails {
            let (now, was) = (guardrail.sentence(), find(self, &guardrail.id).map(|it| it.sentence()));
            match was {
                Some(was) if was == now => {}
                Some(was) => changes.push(change(
                    format!("changed the guardrail “{was}” to “{now}”"),
                    Some(was),
                    Some(now),
                )),
                None => changes.push(change(format!("added the guardrail “{now}”"), None, Some(now))),
            }
        }
        for guardrail in self.guardrails.iter().filter(|one| find(after, &one.id).is_none()) {
            let was = guardrail.sentence();
            changes.push(change(format!("removed the guardrail “{was}”"), Some(was), None));
        }
        if self.proof != after.proof {
            changes.push(change("changed what counts as healthy".to_owned(), None, None));
        }
        changes
    }
}

fn change(phrase: String, before: Option<String>, after: Option<String>) -> Change {
    Change { phrase, before, after }
}

/// What guards a flag's rollout in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagGuardrails {
    /// In force: its own, else the workspace's defaults.
    pub set: GuardrailSet,
    /// `None`: the defaults apply. Its version is handed back when saving; 0 without one.
    pub own: Option<Versioned<GuardrailSet>>,
}

impl FlagGuardrails {
    /// What [`Store::save_guardrails`] expects.
    pub fn version(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.version)
    }
}

const OWN: &str = "SELECT document, version, changed_ms, changed_by, audit_seq FROM guardrails \
                   WHERE environment = $1 AND flag = $2";
const DEFAULTS: &str = "SELECT document, version, changed_ms, changed_by, audit_seq FROM guardrail_defaults \
                        WHERE id = 1";

impl Store {
    pub async fn find_guardrails(
        &self,
        _by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<FlagGuardrails, StoreError> {
        let row: Option<VersionedRow> =
            self.db().optional(OWN, args![environment.as_str(), flag.as_str()]).await?;
        let own: Option<Versioned<GuardrailSet>> =
            row.map(|row| row.parse("guardrails", flag.as_str())).transpose()?;
        let set = match &own {
            Some(own) => own.value.clone(),
            None => self.default_guardrails().await?.0,
        };
        Ok(FlagGuardrails { set, own })
    }

    /// The workspace's defaults and their version; version 0 for the built-in ones.
    pub async fn find_default_guardrails(&self, _by: &Viewer) -> Result<(GuardrailSet, u64), StoreError> {
        self.default_guardrails().await
    }

    pub(super) async fn default_guardrails(&self) -> Result<(GuardrailSet, u64), StoreError> {
        let row: Option<VersionedRow> = self.db().optional(DEFAULTS, args![]).await?;
        match row {
            Some(row) => {
                let set: Versioned<GuardrailSet> = row.parse("guardrail_defaults", "1")?;
                Ok((set.value, set.version))
            }
            None => Ok((GuardrailSet::built_in(), 0)),
        }
    }

    /// Gives the rollout guardrails of its own. Its evidence begins anew: a limit is chosen before the data are seen.
    pub async fn save_guardrails(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        set: GuardrailSet,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        refuse(guardrail_problems(&set.guardrails))?;
        let mut work = self.begin(by).await?;
        let target = work.rollout_target(environment, flag).await?;
        let own: Option<Versioned<GuardrailSet>> =
            work.read(OWN, args![environment.as_str(), flag.as_str()], "guardrails", flag.as_str()).await?;
        require_version(own.as_ref(), expected)?;
        let before = match &own {
            Some(own) if own.value == set => {
                work.cancel().await?;
                return Ok(expected);
            }
            Some(own) => own.value.clone(),
            None => work.default_guardrails().await?,
        };
        let document = to_json("guardrails", &set)?;
        let (now_ms, seq, author) = (work.now_ms(), work.seq(), work.by().to_owned());
        let version = expected + 1;
        work.tx
            .execute(
                "INSERT INTO guardrails (environment, flag, document, version, changed_ms, changed_by, audit_seq) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (environment, flag) DO UPDATE SET document = excluded.document, \
                 version = excluded.version, changed_ms = excluded.changed_ms, \
                 changed_by = excluded.changed_by, audit_seq = excluded.audit_seq",
                args![
                    environment.as_str(),
                    flag.as_str(),
                    &document,
                    crate::signed(version),
                    now_ms,
                    &author,
                    seq
                ],
            )
            .await?;
        let name = &target.flag.value.name;
        let changes = before.changes(&set);
        let sentence = lead(&changes, |phrase| format!("{phrase} on {name} in {environment}"))
            .unwrap_or_else(|| format!("gave {name} in {environment} guardrails of its own"));
        let object = ObjectRef::new(ObjectKind::Flag, flag.as_str());
        let entry = Entry {
            changes,
            reason,
            environment: Some(environment.clone()),
            before: Some(to_json("guardrails", &before)?),
            after: Some(document),
            ..Entry::new(Action::GuardrailsChanged, object, name, sentence)
        };
        work.finish(entry).await?;
        Ok(version)
    }

    /// Sets what guards every rollout that has no guardrails of its own.
    pub async fn save_default_guardrails(
        &self,
        by: &Administrator,
        expected: u64,
        set: GuardrailSet,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        refuse(guardrail_problems(&set.guardrails))?;
        let mut work = self.begin(by).await?;
        let current: Option<Versioned<GuardrailSet>> =
            work.read(DEFAULTS, args![], "guardrail_defaults", "1").await?;
        require_version(current.as_ref(), expected)?;
        let before = current.map_or_else(GuardrailSet::built_in, |current| current.value);
        if before == set {
            work.cancel().await?;
            return Ok(expected);
        }
        let document = to_json("guardrail_defaults", &set)?;
        let (now_ms, seq, author) = (work.now_ms(), work.seq(), work.by().to_owned());
        let version = expected + 1;
        work.tx
            .execute(
                "INSERT INTO guardrail_defaults (id, document, version, changed_ms, changed_by, audit_seq) \
                 VALUES (1, $1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET document = excluded.document, version = excluded.version, \
                 changed_ms = excluded.changed_ms, changed_by = excluded.changed_by, \
                 audit_seq = excluded.audit_seq",
                args![&document, crate::signed(version), now_ms, &author, seq],
            )
            .await?;
        let changes = before.changes(&set);
        let sentence = lead(&changes, |phrase| format!("{phrase} for every rollout without its own"))
            .unwrap_or_else(|| "changed the guardrails of every rollout without its own".to_owned());
        let object = ObjectRef::new(ObjectKind::Workspace, "guardrails");
        let entry = Entry {
            changes,
            reason,
            before: Some(to_json("guardrail_defaults", &before)?),
            after: Some(document),
            ..Entry::new(Action::GuardrailsChanged, object, "default guardrails", sentence)
        };
        work.finish(entry).await?;
        Ok(version)
    }
}

impl Work<'_> {
    async fn default_guardrails(&mut self) -> Result<GuardrailSet, StoreError> {
        let current: Option<Versioned<GuardrailSet>> =
            self.read(DEFAULTS, args![], "guardrail_defaults", "1").await?;
        Ok(current.map_or_else(GuardrailSet::built_in, |current| current.value))
    }
}

/// Refuses a set made on another version than the current one.
fn require_version(current: Option<&Versioned<GuardrailSet>>, expected: u64) -> Result<(), StoreError> {
    match current {
        None if expected == 0 => Ok(()),
        Some(current) if current.version == expected => Ok(()),
        Some(current) => Err(Conflict {
            expected,
            current: current.version,
            by: current.changed_by.clone(),
            at_ms: current.changed_ms,
            changes: Vec::new(),
        }
        .into()),
        None => {
            Err(Conflict { expected, current: 0, by: String::new(), at_ms: 0, changes: Vec::new() }.into())
        }
    }
}
