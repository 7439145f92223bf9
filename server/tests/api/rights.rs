//! What each operation of REST takes, as a role has it: one line each, tried as everybody by `roles.rs`. What is sent is
//! incomplete on purpose: whoever may is told what is missing.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Operation;

type Row = (Method, &'static str, Option<Json>, Operation);

/// Method, path, body, and what it takes. The environment is named where each answers for itself.
pub fn operations() -> Vec<Row> {
    [flags(), groups(), told(), workspace()].concat()
}

fn flags() -> Vec<Row> {
    let guardrails = || Some(json!({"version": 99, "guardrails": []}));
    let plan = || Some(json!({"version": 99, "name": "Plan", "steps": []}));
    let step = || Some(json!({"version": 99, "step": 1}));
    let rollout = || Some(json!({"version": 99, "rollout": {}}));
    let percentage = || Some(json!({"version": 99, "percentage": 20}));
    let flag = || Some(json!({"version": 99, "flag": {}}));
    let version = || Some(json!({"version": 99}));
    let back = || Some(json!({"version": 99, "to_version": 98}));
    let anew = || Some(json!({"version": 99, "confirm": ""}));
    vec![
        (Method::POST, "/api/v1/flags", Some(json!({})), Operation::EditFlags),
        (Method::GET, "/api/v1/flags/fast-payment", None, Operation::View),
        (Method::PUT, "/api/v1/flags/fast-payment", flag(), Operation::EditFlags),
        (Method::POST, "/api/v1/flags/fast-payment/archive", version(), Operation::EditFlags),
        (Method::POST, "/api/v1/flags/fast-payment/restore", version(), Operation::EditFlags),
        (Method::POST, "/api/v1/flags/fast-payment/explain", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/history", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/rollout/versions/1", None, Operation::View),
        (
            Method::POST,
            "/api/v1/flags/fast-payment/rollout/preview",
            Some(json!({"rollout": {}})),
            Operation::RollOut,
        ),
        (Method::POST, "/api/v1/flags/fast-payment/rollout/revert", back(), Operation::RollOut),
        (Method::POST, "/api/v1/flags/fast-payment/rollout/re-randomise", anew(), Operation::RollOut),
        (Method::GET, "/api/v1/flags/fast-payment/health", None, Operation::View),
        (Method::POST, "/api/v1/flags/fast-payment/incidents/999999/share", None, Operation::ReadTrail),
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
        (Method::GET, "/api/v1/flags", None, Operation::View),
        (Method::GET, "/api/v1/flags/fast-payment/guardrails", None, Operation::View),
        (Method::DELETE, "/api/v1/flags/fast-payment/guardrails?version=99", None, Operation::RollOut),
        (Method::GET, "/api/v1/flags/fast-payment/plan", None, Operation::View),
        (Method::GET, "/api/v1/guardrails", None, Operation::View),
        (Method::DELETE, "/api/v1/guardrails?version=99", None, Operation::Administer),
        (Method::GET, "/api/v1/people/nobody/exposures", None, Operation::ReadPeople),
        (Method::DELETE, "/api/v1/people/nobody", None, Operation::Administer),
        (Method::POST, "/api/v1/people", Some(json!({"people": 7})), Operation::Administer),
    ]
}

fn groups() -> Vec<Row> {
    let empty = || Some(json!({}));
    vec![
        (Method::GET, "/api/v1/groups", None, Operation::View),
        (Method::POST, "/api/v1/groups", empty(), Operation::EditFlags),
        (Method::GET, "/api/v1/groups/testers", None, Operation::View),
        (Method::PUT, "/api/v1/groups/testers", empty(), Operation::EditFlags),
        (Method::DELETE, "/api/v1/groups/testers?version=99", None, Operation::EditFlags),
        (Method::GET, "/api/v1/groups/testers/uses", None, Operation::View),
        (Method::POST, "/api/v1/group-previews", empty(), Operation::View),
        (Method::GET, "/api/v1/groups/testers/invitations", None, Operation::View),
        (Method::POST, "/api/v1/groups/testers/invitations", empty(), Operation::Enrol),
        (Method::DELETE, "/api/v1/groups/testers/invitations/9", None, Operation::Enrol),
        (Method::POST, "/api/v1/groups/testers/tester-lists", empty(), Operation::Enrol),
        (Method::POST, "/api/v1/groups/testers/extensions", empty(), Operation::Enrol),
        (Method::DELETE, "/api/v1/groups/testers/enrolments/nobody", None, Operation::Enrol),
        (Method::PUT, "/api/v1/flags/fast-payment/exclusions/u-1", empty(), Operation::Exclude),
        (Method::DELETE, "/api/v1/flags/fast-payment/exclusions/u-1?comment=", None, Operation::Exclude),
        (Method::POST, "/api/v1/flags/fast-payment/previews", empty(), Operation::Exclude),
    ]
}

fn told() -> Vec<Row> {
    let empty = || Some(json!({}));
    vec![
        (Method::GET, "/api/v1/groups/testers/history", None, Operation::View),
        (Method::GET, "/api/v1/people?q=ada", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/people/nobody/changes", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/people/nobody/groups", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/people/nobody/feedback", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/feedback", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/feedback/999999", None, Operation::ReadPeople),
        (Method::PUT, "/api/v1/feedback/999999/triage", empty(), Operation::HandleFeedback),
        (Method::GET, "/api/v1/feedback-handlers", None, Operation::HandleFeedback),
        (Method::POST, "/api/v1/complaints", empty(), Operation::HandleFeedback),
        (Method::GET, "/api/v1/audit", None, Operation::ReadTrail),
        (Method::GET, "/api/v1/audit.csv", None, Operation::ReadTrail),
        (Method::GET, "/api/v1/audit.ndjson", None, Operation::ReadTrail),
        (Method::GET, "/api/v1/audit/999999", None, Operation::ReadTrail),
        (Method::POST, "/api/v1/audit/999999/revert", empty(), Operation::EditFlags),
    ]
}

fn workspace() -> Vec<Row> {
    let empty = || Some(json!({}));
    vec![
        (Method::GET, "/api/v1/attributes", None, Operation::View),
        (Method::GET, "/api/v1/attributes/nothing", None, Operation::Administer),
        (Method::PUT, "/api/v1/attributes/nothing", empty(), Operation::Administer),
        (Method::DELETE, "/api/v1/attributes/nothing", None, Operation::Administer),
        (Method::GET, "/api/v1/metrics", None, Operation::View),
        (Method::PUT, "/api/v1/metrics/nothing", empty(), Operation::Administer),
        (Method::DELETE, "/api/v1/metrics/nothing", None, Operation::Administer),
        (Method::GET, "/api/v1/personas", None, Operation::View),
        (Method::POST, "/api/v1/personas", empty(), Operation::ReadPeople),
        (Method::DELETE, "/api/v1/personas/999999", None, Operation::ReadPeople),
        (Method::GET, "/api/v1/environments", None, Operation::View),
        (Method::GET, "/api/v1/environments/nowhere/retention", None, Operation::Administer),
        (Method::PUT, "/api/v1/environments/nowhere/retention", empty(), Operation::Administer),
        (Method::GET, "/api/v1/webhooks", None, Operation::Administer),
        (Method::POST, "/api/v1/webhooks", empty(), Operation::Administer),
        (Method::DELETE, "/api/v1/webhooks/999999", None, Operation::Administer),
        (Method::POST, "/api/v1/webhooks/999999/test", None, Operation::Administer),
        (Method::GET, "/api/v1/tokens", None, Operation::Administer),
        (Method::POST, "/api/v1/tokens", empty(), Operation::Administer),
        (Method::DELETE, "/api/v1/tokens/999999", None, Operation::Administer),
        (Method::POST, "/api/v1/tokens/999999/rotate", empty(), Operation::Administer),
        (Method::PUT, "/api/v1/tokens/999999/grant", empty(), Operation::Administer),
        (Method::GET, "/api/v1/members", None, Operation::Administer),
        (Method::POST, "/api/v1/members", empty(), Operation::Administer),
        (Method::PATCH, "/api/v1/members/999999", empty(), Operation::Administer),
        (Method::POST, "/api/v1/members/999999/reset", None, Operation::Administer),
        (Method::POST, "/api/v1/members/999999/sign-out", None, Operation::Administer),
        (Method::GET, "/api/v1/roles", None, Operation::View),
        (Method::PATCH, "/api/v1/roles", empty(), Operation::Administer),
        (Method::POST, "/api/v1/roles/undo", empty(), Operation::Administer),
    ]
}
