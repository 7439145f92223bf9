//! Guardrails of a flag in one environment, and the workspace's defaults for every rollout without its own: what they
//! are, and which are in force.

mod write;

use engine::{
    Change, EnvironmentKey, FlagKey, GuardrailId,
    guardrail::{Accepts, GuardAction, Guardrail, Limit, Metric, Proof},
};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, Versioned, Viewer, db::args, versioned::VersionedRow};

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
            let accepts = Accepts::usual_for(action);
            Some(Guardrail { id, metric: Metric::ErrorRate, limit, action, accepts })
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

/// The guardrails in force for one rollout, or those of the workspace for every rollout without its own.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardrailsInForce {
    pub set: GuardrailSet,
    /// `None`: nobody has saved any here. The workspace's defaults apply, and without those the built-in ones.
    pub saved: Option<Versioned<GuardrailSet>>,
    /// What was saved cannot be read: `set` is what stands beneath it.
    pub unreadable: bool,
}

impl GuardrailsInForce {
    /// Handed back when saving: the audit entry that made them, so that no version ever comes twice, also after they
    /// were taken away; 0 when nobody has saved any.
    pub fn version(&self) -> u64 {
        self.saved.as_ref().map_or(0, |saved| saved.version)
    }
}

/// A rollout that has guardrails of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnGuardrails {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub changed_ms: i64,
    pub changed_by: String,
}

#[derive(sqlx_macros::FromRow)]
struct OwnRow {
    environment: String,
    flag: String,
    changed_ms: i64,
    changed_by: String,
}

impl TryFrom<OwnRow> for OwnGuardrails {
    type Error = StoreError;

    fn try_from(row: OwnRow) -> Result<Self, StoreError> {
        let id = format!("{}/{}", row.environment, row.flag);
        let corrupt = || StoreError::CorruptRow { table: "guardrails", id: id.clone() };
        Ok(Self {
            environment: EnvironmentKey::try_from(row.environment).map_err(|_| corrupt())?,
            flag: FlagKey::try_from(row.flag).map_err(|_| corrupt())?,
            changed_ms: row.changed_ms,
            changed_by: row.changed_by,
        })
    }
}

const OWN: &str = "SELECT document, version, changed_ms, changed_by, audit_seq FROM guardrails \
                   WHERE environment = $1 AND flag = $2";
const DEFAULTS: &str = "SELECT document, version, changed_ms, changed_by, audit_seq FROM guardrail_defaults \
                        WHERE id = 1";

/// What was saved, or that it cannot be read.
fn readable(
    row: Option<VersionedRow>,
    table: &'static str,
    id: &str,
) -> (Option<Versioned<GuardrailSet>>, bool) {
    match row.map(|row| row.parse(table, id)).transpose() {
        Ok(saved) => (saved, false),
        Err(error) => {
            tracing::error!(%error, "guardrails cannot be read");
            (None, true)
        }
    }
}

impl Store {
    pub async fn find_guardrails(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<GuardrailsInForce, StoreError> {
        by.require_in(environment)?;
        let row: Option<VersionedRow> =
            self.db().optional(OWN, args![environment.as_str(), flag.as_str()]).await?;
        let (saved, unreadable) = readable(row, "guardrails", flag.as_str());
        if let Some(own) = saved {
            return Ok(GuardrailsInForce { set: own.value.clone(), saved: Some(own), unreadable });
        }
        let GuardrailsInForce { set, unreadable: defaults, .. } = self.default_guardrails().await?;
        Ok(GuardrailsInForce { set, saved: None, unreadable: unreadable || defaults })
    }

    /// What guards every rollout that has no guardrails of its own.
    pub async fn find_default_guardrails(&self, _by: &Viewer) -> Result<GuardrailsInForce, StoreError> {
        self.default_guardrails().await
    }

    pub(super) async fn default_guardrails(&self) -> Result<GuardrailsInForce, StoreError> {
        let row: Option<VersionedRow> = self.db().optional(DEFAULTS, args![]).await?;
        // Without them every rollout would go unguarded.
        let (saved, unreadable) = readable(row, "guardrail_defaults", "1");
        let set = saved.as_ref().map_or_else(GuardrailSet::built_in, |saved| saved.value.clone());
        Ok(GuardrailsInForce { set, saved, unreadable })
    }

    /// Every rollout with guardrails of its own, also of archived flags; at most one line for each rollout.
    pub async fn list_own_guardrails(&self, _by: &Viewer) -> Result<Vec<OwnGuardrails>, StoreError> {
        let rows: Vec<OwnRow> = self
            .db()
            .all(
                "SELECT environment, flag, changed_ms, changed_by FROM guardrails ORDER BY flag, environment",
                args![],
            )
            .await?;
        rows.into_iter().map(OwnGuardrails::try_from).collect()
    }
}
