//! Release plans: definitions and how far they are. Every edit and every move is one transaction that checks the version
//! it was made on, so that a step is entered once, whoever comes first.

mod approvals;
mod follow;
mod moves;
mod outlook;
mod row;
mod save;

use engine::{
    EnvironmentKey, FlagKey, Rollout, RuleId, audience_phrase,
    plan::{Plan, PlanState},
};

pub use approvals::ApprovalRequest;
pub use follow::{Decided, Followed};
pub use moves::PlanMove;
pub use outlook::PlanOutlook;
pub(crate) use row::PlanRow;

use crate::{
    Conflict, Invalid, Store, StoreError, UserId, Viewer, change::Work, db::args, live::State,
    rollouts::group_names,
};

/// A release plan and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasePlan {
    pub plan: Plan,
    pub state: PlanState,
    /// Grows with every edit and every move; handed back with both.
    pub version: u64,
    pub changed_ms: i64,
    /// Who moved or edited it last; `Guard` when it moved by itself.
    pub changed_by: String,
    /// The person who wrote it as it is.
    pub proposed_by: UserId,
    pub proposed_by_name: String,
    /// Who else had a hand in it since the last one ended: wrote it before, started, resumed or jumped.
    pub moved_by: Vec<UserId>,
}

impl ReleasePlan {
    /// Whether this person may approve its steps: never one's own plan, whichever of one's tokens wrote it. Whoever is
    /// nobody in particular approves nothing.
    pub fn may_be_approved_by(&self, person: Option<UserId>) -> bool {
        person.is_some_and(|person| self.proposed_by != person && !self.moved_by.contains(&person))
    }

    fn require_version(&self, expected: u64) -> Result<(), StoreError> {
        if self.version == expected {
            return Ok(());
        }
        Err(Conflict {
            expected,
            current: self.version,
            by: self.changed_by.clone(),
            at_ms: self.changed_ms,
            changes: Vec::new(),
        }
        .into())
    }
}

impl Store {
    pub async fn find_plan(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<ReleasePlan>, StoreError> {
        by.require_in(environment)?;
        self.plan(environment, flag).await
    }

    pub(crate) async fn plan(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<ReleasePlan>, StoreError> {
        let row: Option<PlanRow> =
            self.db().optional(row::ONE, args![environment.as_str(), flag.as_str()]).await?;
        row.map(|row| row.parse(flag.as_str())).transpose()
    }
}

impl Work<'_> {
    async fn plan(
        &mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<ReleasePlan>, StoreError> {
        let row: Option<PlanRow> =
            self.tx.optional(row::ONE, args![environment.as_str(), flag.as_str()]).await?;
        row.map(|row| row.parse(flag.as_str())).transpose()
    }

    async fn require_plan(
        &mut self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<ReleasePlan, StoreError> {
        self.plan(environment, flag).await?.ok_or_else(|| Invalid::NoPlan.into())
    }
}

/// What rules are called in sentences: by their audience; a rule that is gone by its id.
pub(crate) fn rule_names(
    state: &State,
    environment: &EnvironmentKey,
    rollout: &Rollout,
) -> impl Fn(&RuleId) -> String + use<> {
    let groups = group_names(state, environment);
    let names: Vec<(RuleId, String)> = rollout
        .rules
        .iter()
        .map(|rule| (rule.id.clone(), audience_phrase(&rule.audience, &groups)))
        .collect();
    move |id| names.iter().find(|(rule, _)| rule == id).map_or_else(|| id.to_string(), |(_, it)| it.clone())
}
