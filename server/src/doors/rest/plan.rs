//! `/api/v1/flags/{key}/plan`: a flag's release plan and its transitions.

use std::sync::Arc;

use axum::{Json, extract::Path};
use engine::plan::{Pace, Plan, PlanDecision, PlanState, Step, open_gates_sentence};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{PlanMove, PlanOutlook, StepForecast};
use utoipa::ToSchema;

use super::{
    at_flag::AtFlag,
    document::{Comment, Milliseconds, PlanStep, PlanTransition, Version},
    error::{Problem, RestError},
    frame::at,
};
use crate::edge::body::Unread;

/// A release plan and how far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Release {
    name: String,
    /// Sent back with a change or a transition.
    version: u64,
    /// `draft`, `scheduled`, `running`, `paused`, `holding`, `finished`, `abandoned` or `rolled_back`.
    state: &'static str,
    /// What it is doing, in a sentence.
    sentence: String,
    /// What it waits for, in a sentence; empty when it does not move by itself.
    waiting: String,
    /// The present step, counted from 1; `null` before the start and when abandoned.
    step: Option<usize>,
    /// Subjects who had the feature at the present percentages.
    subjects: u64,
    steps: Vec<StepState>,
    proposed_by: String,
    changed_by: String,
    changed_ms: i64,
    /// The same in RFC 3339, UTC.
    changed_at: String,
}

/// One step.
#[derive(Serialize, ToSchema)]
struct StepState {
    /// `everyone 20 % for 1 day, at least 2,000 subjects`.
    sentence: String,
    /// How long it takes, at the traffic of the last 24 hours, to notice that errors doubled; `null`: it would not.
    notices_doubled_errors_in_ms: Option<i64>,
    /// As it is sent back with a change.
    #[schema(value_type = PlanStep)]
    definition: Value,
}

/// A plan to be saved.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read; 0 for the first plan.
    #[schema(value_type = Version)]
    version: u64,
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// `{"percentages": {"everyone": 20000}, "gates": [{"hold": {"hold_ms": 86400000}}, {"sample": {"subjects_min": 2000}}, "healthy", "approval"]}`.
    #[schema(value_type = Vec<PlanStep>, min_items = 1, max_items = 20)]
    steps: Vec<Step>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// A transition's circumstances.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// Counted from 1; for `jump` and `approve`.
    #[schema(minimum = 1, maximum = 1000)]
    step: Option<usize>,
    /// Epoch milliseconds; for `start_at`.
    #[schema(value_type = Option<Milliseconds>)]
    at_ms: Option<i64>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// A flag's release plan.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/plan",
    tag = "plans",
    params(("key" = String, Path, description = "The flag's key")),
    responses(
        (status = 200, body = Release),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn get(at: AtFlag) -> Result<Json<Release>, RestError> {
    answer(&at).await
}

/// Saves a flag's release plan. While it runs, its steps up to the present one stay as they are.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/plan",
    tag = "plans",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = Change,
    responses(
        (status = 200, body = Release),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn save(at: AtFlag, body: Unread) -> Result<Json<Release>, RestError> {
    let editor = at.there.flag_editor()?;
    let sent = at.body::<Change>(body).await?;
    let Change { version, name, steps, comment } = sent.value;
    let plan = Plan { name, steps };
    at.store.save_plan(&editor, &at.environment, &at.flag, version, plan, &comment).await?;
    answer(&at).await
}

/// Moves a flag's release plan: `start`, `start_at`, `pause`, `resume`, `jump`, `step_back`, `approve`, `finish` or
/// `abandon`. Approving is for somebody who neither wrote nor started the plan.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/plan/{transition}",
    tag = "plans",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("transition" = inline(PlanTransition), Path, description = "What to do"),
    ),
    request_body = Transition,
    responses(
        (status = 200, body = Release),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn transit(
    at: AtFlag,
    Path((_, transition)): Path<(String, String)>,
    body: Unread,
) -> Result<Json<Release>, RestError> {
    let sent = at.body::<Transition>(body).await?;
    let body = &sent.value;
    if transition == "approve" {
        let (approver, step) = (at.there.approver()?, step(body)?);
        let approved =
            at.store.approve_step(&approver, &at.environment, &at.flag, body.version, step, &body.comment);
        approved.await?;
    } else {
        let (editor, what) = (at.there.flag_editor()?, plan_move(&transition, body)?);
        let moved = at.store.move_plan(&editor, &at.environment, &at.flag, body.version, what, &body.comment);
        moved.await?;
    }
    answer(&at).await
}

fn step(body: &Transition) -> Result<usize, RestError> {
    let number = body.step.ok_or_else(|| RestError::Refused("send \"step\", counted from 1".to_owned()))?;
    number.checked_sub(1).ok_or_else(|| RestError::Refused("steps are counted from 1".to_owned()))
}

fn plan_move(word: &str, body: &Transition) -> Result<PlanMove, RestError> {
    Ok(match word {
        "start" => PlanMove::Start,
        "start_at" => {
            let at_ms = body.at_ms;
            let missing = || RestError::Refused("send \"at_ms\", in epoch milliseconds".to_owned());
            PlanMove::StartAt { at_ms: at_ms.ok_or_else(missing)? }
        }
        "pause" => PlanMove::Pause,
        "resume" => PlanMove::Resume,
        "jump" => PlanMove::Jump { to: step(body)? },
        "step_back" => PlanMove::StepBack,
        "finish" => PlanMove::Finish,
        "abandon" => PlanMove::Abandon,
        _ => return Err(RestError::NotFound("transition")),
    })
}

async fn answer(at: &AtFlag) -> Result<Json<Release>, RestError> {
    let (viewer, store, flag) = (at.viewer(), &at.store, &at.flag);
    let outlook = store.find_plan_outlook(&viewer, &at.environment, flag).await?;
    let outlook = outlook.ok_or(RestError::NotFound("release plan"))?;
    let forecasts = store.forecast_plan(&viewer, &at.environment, flag, &outlook.release.plan).await?;
    let snapshot = at.snapshot()?;
    let group = engine::group_name(&snapshot);
    let rollout = snapshot.flag(flag.as_str()).map(|flag| Arc::clone(flag.rollout()));
    let names = |rule: &engine::RuleId| {
        let rule_of = rollout.as_ref().and_then(|rollout| rollout.rule(rule.as_str()));
        rule_of.map_or_else(|| rule.to_string(), |rule| engine::audience_phrase(&rule.audience, &group))
    };
    Ok(Json(release(&outlook, &forecasts, &names)))
}

fn release(outlook: &PlanOutlook, forecasts: &[StepForecast], names: engine::plan::RuleNames<'_>) -> Release {
    let PlanOutlook { release, decision, subjects, pace, at_ms, .. } = outlook;
    let steps = release.plan.steps.iter().enumerate().map(|(at, step)| StepState {
        sentence: step.phrase(names),
        notices_doubled_errors_in_ms: forecasts.get(at).and_then(|forecast| forecast.notice_ms),
        definition: serde_json::to_value(step).unwrap_or_default(),
    });
    Release {
        name: release.plan.name.clone(),
        version: release.version,
        state: release.state.as_str(),
        sentence: release.state.sentence(release.plan.steps.len()),
        waiting: waiting(&release.state, decision, (*pace, *at_ms)),
        step: release.state.progress().map(|progress| progress.step + 1),
        subjects: *subjects,
        steps: steps.collect(),
        proposed_by: release.proposed_by_name.clone(),
        changed_by: release.changed_by.clone(),
        changed_ms: release.changed_ms,
        changed_at: at(release.changed_ms),
    }
}

fn waiting(state: &PlanState, decision: &PlanDecision, (pace, now_ms): (Option<Pace>, i64)) -> String {
    match decision {
        PlanDecision::Wait { .. } if !state.is_active() => String::new(),
        PlanDecision::Wait { open } if open.is_empty() => String::new(),
        PlanDecision::Wait { open } => open_gates_sentence(open, pace, now_ms),
        PlanDecision::Hold { reason } => reason.sentence().to_owned(),
        PlanDecision::Advance(_) | PlanDecision::Finish => open_gates_sentence(&[], None, now_ms),
        PlanDecision::Breach(breach) => breach.sentence().to_owned(),
    }
}
