//! `Idempotency-Key`: what is sent again with the same key is done once and answered as it was.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::{
    app::{TestApp, environment_key},
    fixtures::everyone,
};

const FLAGS: &str = "/api/v1/flags";
const EVERYONE: &str = "/api/v1/flags/fast-payment/rules/everyone";

/// Status, whether it was replayed, and the body as it is.
type Answer = (u16, bool, String);

impl TestApp {
    async fn keyed(&self, token: &str, key: &str, method: Method, path: &str, body: &Json) -> Answer {
        let request = self.request(method, path).bearer_auth(token).header("Idempotency-Key", key).json(body);
        let answer = request.send().await.expect("an answer");
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed, answer.text().await.expect("a body"))
    }

    async fn entries(&self) -> usize {
        let by = store::Principal::command_line().audit_reader().expect("may read");
        self.store.list_audit(&by, &store::AuditFilter::default()).await.expect("reads").len()
    }
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let new = json!({"key": "fast-payment", "name": "Fast payment"});
    let (status, replayed, first) = app.keyed(&token, "a-1", Method::POST, FLAGS, &new).await;
    assert_eq!((status, replayed), (201, false), "{first}");
    let entries = app.entries().await;
    let again = app.keyed(&token, "a-1", Method::POST, FLAGS, &new).await;
    assert_eq!(again, (201, true, first.clone()), "and not a 409");
    assert_eq!(app.entries().await, entries);
    let (status, replayed, _) = app.keyed(&token, "a-2", Method::POST, FLAGS, &new).await;
    assert_eq!((status, replayed), (409, false), "another key is another request");
    let (status, replayed, _) = app.keyed(&token, "a-2", Method::POST, FLAGS, &new).await;
    assert_eq!((status, replayed), (409, true), "a refusal stays one");

    let other = json!({"key": "fast-payment", "name": "Another"});
    let (status, _, answer) = app.keyed(&token, "a-1", Method::POST, FLAGS, &other).await;
    assert!(status == 422 && answer.contains("came with another request"), "{answer}");
    let elsewhere = format!("{FLAGS}?environment=staging");
    assert_eq!(app.keyed(&token, "a-1", Method::POST, &elsewhere, &new).await.0, 422);
    let colleague = app.workspace_token(Role::Admin).await;
    assert_eq!(
        app.keyed(&colleague, "a-1", Method::POST, FLAGS, &new).await.0,
        409,
        "keys are a token's own"
    );

    app.clock.advance(24 * 3_600_000);
    assert_eq!(app.keyed(&token, "a-1", Method::POST, FLAGS, &other).await.0, 409, "a day later it is free");
}

#[tokio::test]
async fn a_secret_is_told_once_and_never_kept() {
    let app = TestApp::start().await;
    let admin = app.workspace_token(Role::Admin).await;
    let new = json!({"name": "Shop", "kind": "server", "environment": "production"});
    let (status, _, first) = app.keyed(&admin, "t", Method::POST, "/api/v1/tokens", &new).await;
    assert_eq!(status, 201, "{first}");
    let entries = app.entries().await;
    let (status, replayed, again) = app.keyed(&admin, "t", Method::POST, "/api/v1/tokens", &new).await;
    assert_eq!((status, replayed), (409, true), "{again}");
    assert!(again.contains("told in the first answer only") && !again.contains("fdr_"), "{again}");
    assert_eq!(app.entries().await, entries, "and there is one token");
}

#[tokio::test]
async fn a_change_back_and_forth_is_not_made_again() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(10)])).await;
    let token = app.owned(Role::Product, environment_key("production").into()).await;
    let to = |percentage: u32| json!({"percentage": percentage});
    let first = app.keyed(&token, "up", Method::PATCH, EVERYONE, &to(50)).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_eq!(app.keyed(&token, "down", Method::PATCH, EVERYONE, &to(10)).await.0, 200);
    let late = app.keyed(&token, "up", Method::PATCH, EVERYONE, &to(50)).await;
    assert_eq!(late, (200, true, first.2), "a repetition that was on its way for long");
    let (_, now) = app.rest(&token, Method::GET, "/api/v1/flags/fast-payment/rollout", None).await;
    assert_eq!(now["rules"][0]["percentage"], 10, "{now}");
}

#[tokio::test]
async fn what_was_not_done_may_be_tried_again() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(10)])).await;
    let support = app.management_token(Role::Support).await;
    let body = json!({"percentage": 50});
    for _ in 0..2 {
        let (status, replayed, _) = app.keyed(&support, "k", Method::PATCH, EVERYONE, &body).await;
        assert_eq!((status, replayed), (403, false), "who may is asked each time");
    }
    let nobody = app.keyed("fdr_admin_none", "k", Method::PATCH, EVERYONE, &body).await;
    assert_eq!(nobody.0, 401);
    let long = "x".repeat(256);
    for bad in ["", "a b", &long] {
        let (status, _, answer) = app.keyed(&support, bad, Method::PATCH, EVERYONE, &body).await;
        assert!(status == 400 && answer.contains("visible ASCII"), "{bad}: {answer}");
    }
}

#[tokio::test]
async fn two_at_once_are_one() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let new = json!({"key": "fast-payment", "name": "Fast payment"});
    let one = || app.keyed(&token, "k", Method::POST, FLAGS, &new);
    let answers = tokio::join!(one(), one(), one(), one());
    let answers = [answers.0, answers.1, answers.2, answers.3];
    let done: Vec<_> = answers.iter().filter(|it| it.0 == 201 && !it.1).collect();
    assert_eq!(done.len(), 1, "{answers:?}");
    for (status, replayed, body) in &answers {
        let waits = *status == 409 && body.contains("under way");
        assert!(*status == 201 || waits, "{status} {replayed} {body}");
    }
    assert_eq!(app.keyed(&token, "k", Method::POST, FLAGS, &new).await.2, done[0].2);
}

/// A server that ended between the change and its answer.
#[tokio::test]
async fn a_lost_answer_is_told_and_the_change_is_not_made_again() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let new = json!({"key": "fast-payment", "name": "Fast payment"});
    assert_eq!(app.keyed(&token, "k", Method::POST, FLAGS, &new).await.0, 201);
    app.sql("UPDATE once_keys SET status = NULL, body = NULL").await;
    let (status, _, answer) = app.keyed(&token, "k", Method::POST, FLAGS, &new).await;
    assert!(status == 409 && answer.contains("under way"), "its answer may still be made: {answer}");
    app.clock.advance(60_000);
    let (status, _, answer) = app.keyed(&token, "k", Method::POST, FLAGS, &new).await;
    assert!(status == 409 && answer.contains("this was done (audit entry "), "{answer}");
    app.sql("UPDATE once_keys SET audit_seq = NULL").await;
    let (status, _, answer) = app.keyed(&token, "k", Method::POST, FLAGS, &new).await;
    assert!(status == 409 && answer.contains("exists already"), "nobody did anything: it is tried: {answer}");
}

#[tokio::test]
async fn the_document_says_which_operations_take_a_key() {
    let app = TestApp::start().await;
    let document: Json = app.get("/api/v1/openapi.json").await.json().await.expect("JSON");
    let without = ["check", "events", "feedback", "explain", "preview", "group-previews"];
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let takes = parameters.iter().any(|it| it["name"] == "Idempotency-Key" && it["in"] == "header");
            let last = path.rsplit('/').next().unwrap_or_default();
            assert_eq!(takes, method != "get" && !without.contains(&last), "{method} {path}");
        }
    }
}
