//! What waits for somebody's approval.

use engine::{EnvironmentKey, FlagKey, plan::PlanState};

use super::{PlanRow, ReleasePlan, rule_names};
use crate::{Store, StoreError, UserId, Viewer, db::args, limits::APPROVALS_MAX};

/// A step that its plan may not enter before somebody approves it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalRequest {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub flag_name: String,
    pub plan_name: String,
    /// Counted from 0.
    pub step: usize,
    /// `everyone 100 % for 1 day`.
    pub phrase: String,
    /// Whether it is the very next step.
    pub next: bool,
    /// The plan's version, handed back when approving.
    pub version: u64,
    pub proposed_by: String,
    /// Who wrote or moved it last, and when.
    pub changed_by: String,
    pub changed_ms: i64,
    /// False for everybody who wrote at the plan or set it going.
    pub may_be_mine: bool,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    environment: String,
    flag: String,
    #[sqlx(flatten)]
    plan: PlanRow,
}

impl Store {
    /// Every step of a started plan that waits for an approval, the next ones first. One plan that cannot be read
    /// is left out and logged.
    pub async fn list_approvals(&self, by: &Viewer) -> Result<Vec<ApprovalRequest>, StoreError> {
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT environment, flag, document, state, version, changed_ms, changed_by, proposed_by, \
                 proposed_by_name, moved_by \
                 FROM plans ORDER BY environment, flag LIMIT $1",
                args![APPROVALS_MAX],
            )
            .await?;
        let mut requests = Vec::new();
        for row in rows {
            let id = format!("{}/{}", row.environment, row.flag);
            match self.requests_of(row, by.person()) {
                Ok(found) => requests.extend(found),
                Err(error) => tracing::error!(%error, id, "a plan is left out of the approvals"),
            }
        }
        requests.sort_by_key(|request| !request.next);
        Ok(requests)
    }

    fn requests_of(&self, row: Row, reader: Option<UserId>) -> Result<Vec<ApprovalRequest>, StoreError> {
        let corrupt = || StoreError::CorruptRow { table: "plans", id: row.flag.clone() };
        let environment = EnvironmentKey::parse(&row.environment).map_err(|_| corrupt())?;
        let flag = FlagKey::parse(&row.flag).map_err(|_| corrupt())?;
        let release = row.plan.parse(&row.flag)?;
        let state = self.live().state();
        let compiled = state.snapshot(environment.as_str()).and_then(|snapshot| snapshot.flag(flag.as_str()));
        let Some(compiled) = compiled.filter(|flag| !flag.is_archived()) else { return Ok(Vec::new()) };
        let names = rule_names(&state, &environment, compiled.rollout());
        let may_be_mine = release.may_be_approved_by(reader);
        let requests = waiting(&release).into_iter().map(|step| ApprovalRequest {
            environment: environment.clone(),
            flag: flag.clone(),
            flag_name: compiled.flag().name.clone(),
            plan_name: release.plan.name.clone(),
            step,
            phrase: release.plan.steps.get(step).map_or_else(String::new, |step| step.phrase(&names)),
            next: release.state.progress().is_some_and(|progress| progress.step + 1 == step),
            version: release.version,
            proposed_by: release.proposed_by_name.clone(),
            changed_by: release.changed_by.clone(),
            changed_ms: release.changed_ms,
            may_be_mine,
        });
        Ok(requests.collect())
    }
}

impl ReleasePlan {
    /// The very next step, counted from 0, when it may not be entered before somebody approves it.
    pub fn awaits_approval(&self) -> Option<usize> {
        let next = self.state.progress()?.step + 1;
        waiting(self).into_iter().find(|step| *step == next)
    }
}

/// The steps ahead that nobody has approved yet. What was rolled back first needs somebody who goes on.
fn waiting(release: &ReleasePlan) -> Vec<usize> {
    let is_ahead = release.state.takes_approvals() && !matches!(release.state, PlanState::RolledBack { .. });
    let Some(progress) = release.state.progress().filter(|_| is_ahead) else {
        return Vec::new();
    };
    let steps = release.plan.steps.iter().enumerate();
    steps
        .filter(|(at, step)| *at > progress.step && step.needs_approval() && !progress.is_approved(*at))
        .map(|(at, _)| at)
        .collect()
}
