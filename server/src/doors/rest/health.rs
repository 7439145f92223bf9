//! `GET /api/v1/flags/{key}/health`: what the guard knows of a flag, rule by rule, and its verdicts with their evidence.

use axum::{
    Json,
    extract::{Query, rejection::QueryRejection},
};
use engine::guardrail::{Evidence, Judgement, together};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    at_flag::AtFlag,
    document::Milliseconds,
    error::{Problem, RestError},
    frame,
};

const DAY_MS: i64 = 24 * 3_600_000;
const VERDICTS_MAX: usize = 200;

/// Which verdicts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// Epoch milliseconds; without it, the last 24 hours.
    #[param(value_type = Option<Milliseconds>)]
    since: Option<i64>,
}

/// A flag's health in the token's environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagHealth {
    flag: String,
    environment: String,
    /// `healthy`, `watching`, `inconclusive` or `breach`: that of its worst rule.
    health: &'static str,
    sentence: String,
    rules: Vec<RuleState>,
    /// Newest first, at most 200.
    verdicts: Vec<Verdict>,
}

/// The latest judgement on one rule.
#[derive(Serialize, ToSchema)]
struct RuleState {
    rule: String,
    at_ms: i64,
    /// The same in RFC 3339, UTC.
    at: String,
    health: &'static str,
    /// What its strongest broken guardrail asks for: `notify`, `pause_plan`, `step_back` or `stop`.
    action: Option<&'static str>,
    sentence: String,
    /// What keeps it from being healthy, in sentences.
    warnings: Vec<&'static str>,
    evidence: Vec<GuardrailEvidence>,
}

/// What is known about one guardrail.
#[derive(Serialize, ToSchema)]
#[schema(as = GuardrailEvidence)]
struct GuardrailEvidence {
    sentence: String,
    /// All numbers: trials and events of both arms, evidence, difference with its interval.
    #[schema(value_type = Object)]
    numbers: Value,
}

/// A judgement that differed from the one before, or was acted on.
#[derive(Serialize, ToSchema)]
struct Verdict {
    rule: String,
    at_ms: i64,
    /// The same in RFC 3339, UTC.
    at: String,
    health: &'static str,
    /// What was done: `notified`, `plan_paused`, `stepped_back`, `stopped`, `plan_advanced` or `plan_finished`.
    taken: Option<&'static str>,
    sentence: String,
    evidence: Vec<GuardrailEvidence>,
}

/// What the guard knows of a flag.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/health",
    tag = "guard",
    params(("key" = String, Path, description = "The flag's key"), Since),
    responses(
        (status = 200, body = FlagHealth),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn of_flag(
    at: AtFlag,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Json<FlagHealth>, RestError> {
    let Query(Since { since }) = since?;
    let (store, viewer, environment, flag) = (&at.store, at.viewer(), &at.environment, &at.flag);
    let rules = store.list_rule_health(&viewer, environment, flag).await?;
    let now_ms = store.clock().now_ms();
    let since_ms = since.unwrap_or(now_ms - DAY_MS);
    let verdicts = store.list_verdicts(&viewer, environment, flag, since_ms, VERDICTS_MAX).await?;
    let all = together(rules.iter().map(|rule| &rule.judgement), now_ms);
    Ok(Json(FlagHealth {
        flag: flag.to_string(),
        environment: environment.to_string(),
        health: all.health.as_str(),
        sentence: all.sentence(),
        rules: rules.iter().map(|rule| state(rule.rule.as_str(), &rule.judgement)).collect(),
        verdicts: verdicts
            .into_iter()
            .map(|verdict| Verdict {
                rule: verdict.rule.to_string(),
                at_ms: verdict.at_ms,
                at: frame::at(verdict.at_ms),
                health: verdict.health.as_str(),
                taken: verdict.taken.map(store::Consequence::as_str),
                sentence: verdict.sentence,
                evidence: known(&verdict.judgement.evidence),
            })
            .collect(),
    }))
}

fn state(rule: &str, judgement: &Judgement) -> RuleState {
    RuleState {
        rule: rule.to_owned(),
        at_ms: judgement.at_ms,
        at: frame::at(judgement.at_ms),
        health: judgement.health.as_str(),
        action: judgement.action.map(engine::guardrail::GuardAction::as_str),
        sentence: judgement.sentence(),
        warnings: judgement.warnings.iter().map(|warning| warning.sentence()).collect(),
        evidence: known(&judgement.evidence),
    }
}

fn known(evidence: &[Evidence]) -> Vec<GuardrailEvidence> {
    let each = evidence.iter().map(|evidence| GuardrailEvidence {
        sentence: evidence.sentence(),
        numbers: serde_json::to_value(evidence).unwrap_or_default(),
    });
    each.collect()
}
