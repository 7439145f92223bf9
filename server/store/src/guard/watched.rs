//! What there is to guard: every rollout with its guardrails and its plan, in one read.

use engine::{EnvironmentKey, Flag, FlagKey, Lifecycle, Rollout};

use super::GuardrailSet;
use crate::{
    ActorKind, GuardLease, ReleasePlan, Store, StoreError, db::args, number, plans::PlanRow, versioned::parse,
};

/// One rollout to be guarded.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub rollout: Rollout,
    pub version: u64,
    /// When the rollout became what it is.
    pub changed_ms: i64,
    /// When a person made the rollout what it is; `None` when the guard or a plan by itself did.
    pub person_ms: Option<i64>,
    pub set: GuardrailSet,
    pub plan: Option<ReleasePlan>,
    /// The guardrails or the plan cannot be read, and are left out: nothing can be said, and nothing moves.
    pub broken: bool,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    environment: String,
    flag: String,
    definition: String,
    rollout: String,
    version: i64,
    changed_ms: i64,
    actor_kind: String,
    guardrails: Option<String>,
    #[sqlx(flatten)]
    plan: OptionalPlan,
}

#[derive(sqlx_macros::FromRow)]
struct OptionalPlan {
    document: Option<String>,
    state: Option<String>,
    plan_version: Option<i64>,
    plan_changed_ms: Option<i64>,
    plan_changed_by: Option<String>,
    proposed_by: Option<i64>,
    proposed_by_name: Option<String>,
    moved_by: Option<String>,
}

impl OptionalPlan {
    fn row(self) -> Option<PlanRow> {
        Some(PlanRow {
            document: self.document?,
            state: self.state?,
            version: self.plan_version?,
            changed_ms: self.plan_changed_ms?,
            changed_by: self.plan_changed_by?,
            proposed_by: self.proposed_by?,
            proposed_by_name: self.proposed_by_name?,
            moved_by: self.moved_by?,
        })
    }
}

impl Row {
    /// `None` for an archived flag: nobody is served it.
    fn parse(self, defaults: &GuardrailSet) -> Result<Option<Watched>, StoreError> {
        let id = format!("{}/{}", self.environment, self.flag);
        let corrupt = |table| StoreError::CorruptRow { table, id: id.clone() };
        let definition: Flag = parse("flags", &self.flag, &self.definition)?;
        if definition.lifecycle == Lifecycle::Archived {
            return Ok(None);
        }
        let kind = ActorKind::parse(&self.actor_kind).map_err(|_| corrupt("audit"))?;
        let set = match &self.guardrails {
            Some(document) => parse("guardrails", &id, document),
            None => Ok(defaults.clone()),
        };
        let plan = self.plan.row().map(|row| row.parse(&id)).transpose();
        let broken = set.is_err() || plan.is_err();
        Ok(Some(Watched {
            environment: EnvironmentKey::try_from(self.environment).map_err(|_| corrupt("rollouts"))?,
            flag: FlagKey::try_from(self.flag).map_err(|_| corrupt("rollouts"))?,
            rollout: parse("rollouts", &id, &self.rollout)?,
            version: number(self.version),
            changed_ms: self.changed_ms,
            person_ms: (kind != ActorKind::System).then_some(self.changed_ms),
            set: set.unwrap_or_default(),
            plan: plan.unwrap_or_default(),
            broken,
        }))
    }
}

impl Store {
    /// Every rollout that is not archived, in a fixed order. One that cannot be read is an error of its own, with
    /// `environment/flag`: the others are guarded nevertheless.
    pub async fn list_watched(
        &self,
        _by: &GuardLease,
    ) -> Result<Vec<Result<Watched, (String, StoreError)>>, StoreError> {
        let defaults = self.default_guardrails().await?.set;
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT rollouts.environment, rollouts.flag, flags.document AS definition, \
                 rollouts.document AS rollout, rollouts.version, rollouts.changed_ms, audit.actor_kind, \
                 guardrails.document AS guardrails, plans.document, plans.state, plans.version AS plan_version, \
                 plans.changed_ms AS plan_changed_ms, plans.changed_by AS plan_changed_by, plans.proposed_by, \
                 plans.proposed_by_name, plans.moved_by \
                 FROM rollouts \
                 JOIN flags ON flags.key = rollouts.flag \
                 JOIN audit ON audit.seq = rollouts.audit_seq \
                 LEFT JOIN guardrails ON guardrails.environment = rollouts.environment \
                     AND guardrails.flag = rollouts.flag \
                 LEFT JOIN plans ON plans.environment = rollouts.environment AND plans.flag = rollouts.flag \
                 ORDER BY rollouts.environment, rollouts.flag",
                args![],
            )
            .await?;
        let each = rows.into_iter().filter_map(|row| {
            let id = format!("{}/{}", row.environment, row.flag);
            row.parse(&defaults).map_err(|error| (id, error)).transpose()
        });
        Ok(each.collect())
    }
}
