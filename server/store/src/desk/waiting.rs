//! What stands still until somebody does something: what the guard did and nobody has answered, and plans under way. Read
//! once after each change, however many pages ask.

use std::sync::Arc;

use engine::{EnvironmentKey, FlagKey, guardrail::GuardAction, plan::PlanState};

use crate::{
    ReleasePlan, Store, StoreError, Viewer,
    db::args,
    limits::WAITING_MAX,
    plans::{PlanRow, rule_names},
    versioned::parse,
};

/// The guard took something away from a rollout, and nobody has decided since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    /// To stop or to step back.
    pub action: GuardAction,
    pub at_ms: i64,
}

/// A plan that was started or scheduled and has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanUnderWay {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub release: ReleasePlan,
    /// The step that comes next, in words: `everyone 100 % for 1 day`.
    pub next_phrase: Option<String>,
}

/// What may need somebody, in the environments that the reader reaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waiting {
    pub halts: Vec<Halt>,
    pub plans: Vec<Arc<PlanUnderWay>>,
}

#[derive(sqlx_macros::FromRow)]
struct HaltRow {
    environment: String,
    flag: String,
    acted: String,
    acted_ms: i64,
}

#[derive(sqlx_macros::FromRow)]
struct UnderWayRow {
    environment: String,
    flag: String,
    #[sqlx(flatten)]
    plan: PlanRow,
}

impl Store {
    /// At most [`WAITING_MAX`] of each. What cannot be read is left out and logged; its own page says so.
    pub async fn waiting(&self, by: &Viewer) -> Result<Waiting, StoreError> {
        let all = self.0.desk.waiting.of((), self.desk_stamp(), self.read_waiting()).await?;
        let reaches = |environment: &EnvironmentKey| by.require_in(environment).is_ok();
        Ok(Waiting {
            halts: all.halts.iter().filter(|it| reaches(&it.environment)).cloned().collect(),
            plans: all.plans.iter().filter(|it| reaches(&it.environment)).cloned().collect(),
        })
    }

    async fn read_waiting(&self) -> Result<Waiting, StoreError> {
        let halts: Vec<HaltRow> = self
            .db()
            .all(
                "SELECT environment, flag, acted, acted_ms FROM guards \
                 WHERE acted IN ('step_back', 'stop') AND acted_ms IS NOT NULL \
                 ORDER BY environment, flag LIMIT $1",
                args![WAITING_MAX],
            )
            .await?;
        // The state is a document that begins with its word; those that ended are most of the table.
        let plans: Vec<UnderWayRow> = self
            .db()
            .all(
                "SELECT environment, flag, document, state, version, changed_ms, changed_by, proposed_by, \
                 proposed_by_name, moved_by \
                 FROM plans \
                 WHERE state NOT LIKE '{\"state\":\"draft\"%' \
                 AND state NOT LIKE '{\"state\":\"finished\"%' \
                 AND state NOT LIKE '{\"state\":\"abandoned\"%' \
                 ORDER BY environment, flag LIMIT $1",
                args![WAITING_MAX],
            )
            .await?;
        let read_halt = |row: HaltRow| left_out(halt(row));
        let read_plan = |row: UnderWayRow| left_out(self.under_way(row)).map(Arc::new);
        Ok(Waiting {
            halts: halts.into_iter().filter_map(read_halt).collect(),
            plans: plans.into_iter().filter_map(read_plan).collect(),
        })
    }

    fn under_way(&self, row: UnderWayRow) -> Result<PlanUnderWay, StoreError> {
        let (environment, flag) = place("plans", &row.environment, &row.flag)?;
        let release = row.plan.parse(&row.flag)?;
        let next = match &release.state {
            PlanState::Scheduled { .. } => Some(0),
            state => state.progress().map(|progress| progress.step + 1),
        };
        let state = self.live().state();
        let rollout = state.snapshot(environment.as_str()).and_then(|it| it.flag(flag.as_str()));
        let next_phrase = next.zip(rollout).and_then(|(step, compiled)| {
            let names = rule_names(&state, &environment, compiled.rollout());
            release.plan.steps.get(step).map(|step| step.phrase(&names))
        });
        Ok(PlanUnderWay { environment, flag, release, next_phrase })
    }
}

fn halt(row: HaltRow) -> Result<Halt, StoreError> {
    let (environment, flag) = place("guards", &row.environment, &row.flag)?;
    let action = parse("guards", &row.flag, &format!("\"{}\"", row.acted))?;
    Ok(Halt { environment, flag, action, at_ms: row.acted_ms })
}

fn place(
    table: &'static str,
    environment: &str,
    flag: &str,
) -> Result<(EnvironmentKey, FlagKey), StoreError> {
    let corrupt = || StoreError::CorruptRow { table, id: flag.to_owned() };
    let environment = EnvironmentKey::parse(environment).map_err(|_| corrupt())?;
    Ok((environment, FlagKey::parse(flag).map_err(|_| corrupt())?))
}

fn left_out<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "left out of what needs somebody")).ok()
}
