//! REST: tokens and their roles, refusals in one shape, the `OpenAPI` document.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::app::{TestApp, environment_key};

impl TestApp {
    pub async fn management_token(&self, role: Role) -> String {
        self.owned(role, environment_key("production").into()).await
    }

    /// A request with a token, answered with its status and its JSON (null without a body).
    pub async fn rest(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        let request = self.request(method, path).bearer_auth(token);
        let request = body.iter().fold(request, reqwest::RequestBuilder::json);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Json::Null))
    }
}

#[tokio::test]
async fn a_token_says_what_it_is() {
    let app = TestApp::start().await;
    let token = app.management_token(Role::Support).await;
    let (status, body) = app.rest(&token, Method::GET, "/api/v1/token", None).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["kind"], "admin");
    assert_eq!((&body["role"], &body["environment"]), (&json!("support"), &json!("production")));
}

#[tokio::test]
async fn only_management_tokens_manage_and_they_evaluate_nothing() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (server, manager) = (app.server_token().await, app.management_token(Role::Viewer).await);
    let (status, body) = app.rest(&server, Method::GET, "/api/v1/flags", None).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let (status, body) = app.rest(&manager, Method::GET, "/api/v1/flags", None).await;
    assert_eq!((status, &body["flags"][0]["key"]), (200, &json!("fast-payment")));
    let refused = app.evaluate(&manager, "fast-payment", &json!({"targetingKey": "u"})).send().await;
    assert_eq!(refused.expect("an answer").status(), 403);
}

#[tokio::test]
async fn a_refusal_is_a_problem_document() {
    let app = TestApp::start().await;
    for (path, status, code) in [("/api/v1/flags", 401, "unauthorized"), ("/api/nothing", 404, "not_found")] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body: Json = answer.json().await.expect("JSON");
        assert_eq!(body["code"], code, "{path}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{body}");
    }
}

/// Answers are for the holder of a token: whatever they are, no cache on the way keeps them.
#[tokio::test]
async fn no_cache_keeps_an_answer() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.person("ada", json!({"tier": "vip"})).await;
    let token = app.workspace_token(Role::Admin).await;
    for (path, status) in [
        ("/api/v1/people/ada?environment=production", 200),
        ("/api/v1/people/ada/exposures?environment=production", 200),
        ("/api/v1/flags?environment=production", 200),
        ("/api/v1/flags/fast-payment/exposures?environment=production", 200),
        ("/api/v1/token", 200),
        ("/api/v1/people/ada", 422),
        ("/api/v1/nothing", 404),
    ] {
        let answer = app.request(Method::GET, path).bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (status, &"no-store".parse().expect("a value")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_document_describes_every_operation() {
    let app = TestApp::start().await;
    let document: Json = app.get("/api/v1/openapi.json").await.json().await.expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{document}");
    let paths = document["paths"].as_object().expect("paths");
    assert!(!paths.is_empty());
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|it| !it.is_empty()), "{what} has no summary");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                ["400", "401", "403", "429", "500", "503"].iter().all(|it| responses.contains_key(*it)),
                "{what}"
            );
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let kinds: Vec<_> = response["content"].as_object().expect("content").keys().collect();
                assert_eq!(kinds, ["application/problem+json"], "{what}: {status}");
            }
            // Whatever is documented is there: without a token it asks for one.
            let method = method.to_uppercase().parse().expect("a method");
            let address = path.replace(['{', '}'], "");
            let answer = app.request(method, &address).send().await.expect("an answer");
            assert!(![404, 405].contains(&answer.status().as_u16()), "{what}: {}", answer.status());
        }
    }
}
