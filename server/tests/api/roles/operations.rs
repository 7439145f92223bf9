//! Operations of REST, each with what it takes.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Operation;

/// Operations of REST: method, path, body, and what it takes. `{place}` is the environment.
pub fn operations() -> Vec<(Method, &'static str, Option<Json>, Operation)> {
    let guardrails = || Some(json!({"version": 99, "guardrails": []}));
    let plan = || Some(json!({"version": 99, "name": "Plan", "steps": []}));
    let step = || Some(json!({"version": 99, "step": 1}));
    let rollout = || Some(json!({"version": 99, "rollout": {}}));
    let percentage = || Some(json!({"version": 99, "percentage": 20}));
    let version = || Some(json!({"version": 99}));
    let preview = || Some(json!({"rollout": {}}));
    let back = || Some(json!({"version": 99, "to_version": 98}));
    let anew = || Some(json!({"version": 99, "confirm": ""}));
    vec![
        (Method::GET, "/api/v1/flags/fast-payment", None, Operation::View),
        (Method::POST, "/api/v1/flags", Some(json!({})), Operation::EditFlags),
        (
            Method::PUT,
            "/api/v1/flags/fast-payment",
            Some(json!({"version": 99, "flag": {}})),
            Operation::EditFlags,
        ),
        (Method::POST, "/api/v1/flags/fast-payment/archive", version(), Operation::EditFlags),
        (Method::POST, "/api/v1/flags/fast-payment/restore", version(), Operation::EditFlags),
        (Method::POST, "/api/v1/flags/fast-payment/explain", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/history", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/rollout/versions/1", None, Operation::View),
        (Method::POST, "/api/v1/flags/fast-payment/rollout/preview", preview(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/rollout/revert", back(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/rollout/re-randomise", anew(), Operation::RollOut),
        (Method::GET, "/api/v1/flags/fast-payment/health", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/exposures", None, Operation::ReadPeople),
        (Method::PUT, "/api/v1/flags/fast-payment/guardrails", guardrails(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/plan", plan(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/plan/start", step(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/plan/approve", step(), Operation::Approve),
        (Method::GET, "/api/v1/flags/fast-payment/rollout", None, Operation::View),
        (Method::PUT, "/api/v1/flags/fast-payment/rollout", rollout(), Operation::RollOut),
        (Method::PATCH, "/api/v1/flags/fast-payment/rules/everyone", percentage(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/stop", None, Operation::Stop),
        (Method::POST, "/api/v1/flags/fast-payment/resume", None, Operation::RollOut),
        (Method::GET, "/api/v1/people/nobody", None, Operation::ReadPeople),
        (Method::PUT, "/api/v1/people/nobody", Some(json!({"traits": 7})), Operation::Administer),
        (Method::GET, "/api/v1/groups/testers/enrolments", None, Operation::ReadPeople),
        (Method::POST, "/api/v1/groups/testers/enrolments", Some(json!({"testers": []})), Operation::Enrol),
        (Method::PUT, "/api/v1/guardrails", guardrails(), Operation::Administer),
        (Method::GET, "/api/v1/audit/head", None, Operation::ReadTrail),
    ]
}
