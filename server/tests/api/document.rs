//! The `OpenAPI` document: every change of it is seen in review, every name in it leads somewhere, and numbers are read as
//! it says.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::app::TestApp;

async fn document(app: &TestApp) -> Json {
    app.get("/api/v1/openapi.json").await.json().await.expect("JSON")
}

/// To accept a change that is meant: `INSTA_UPDATE=always cargo nextest run -p server api::document`.
#[tokio::test]
async fn the_document_is_as_it_was_reviewed() {
    let app = TestApp::start().await;
    let text = serde_json::to_string_pretty(&document(&app).await).expect("text");
    insta::assert_snapshot!("openapi", text);
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn references<'d>(json: &'d Json, found: &mut Vec<&'d str>) {
        match json {
            Json::Object(members) => {
                found.extend(members.get("$ref").and_then(Json::as_str));
                members.values().for_each(|it| references(it, found));
            }
            Json::Array(items) => items.iter().for_each(|it| references(it, found)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    let app = TestApp::start().await;
    let document = document(&app).await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        let at = reference.trim_start_matches('#');
        assert!(document.pointer(at).is_some(), "{reference}");
    }
}

/// Two types of one name would describe each other's operations.
#[tokio::test]
async fn each_body_is_described_by_its_own_schema() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let members = |path: &str, method: &str| -> Vec<String> {
        let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        let at = body["$ref"].as_str().expect("a reference").trim_start_matches('#');
        let schema = document.pointer(at).expect("a schema");
        schema["properties"].as_object().expect("properties").keys().cloned().collect()
    };
    assert_eq!(members("/api/v1/flags/{key}/plan", "post"), ["comment", "name", "steps", "version"]);
    let guardrails = ["comment", "guardrails", "proof", "version"];
    assert_eq!(members("/api/v1/flags/{key}/guardrails", "put"), guardrails);
    assert_eq!(members("/api/v1/guardrails", "put"), guardrails);
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Admin).await;
    let body = r#"{"version": 0.0, "guardrails": [], "proof": {"trials_min": 1.5e2}}"#;
    let request = app.request(Method::PUT, "/api/v1/guardrails").bearer_auth(&token).body(body);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let saved: Json = answer.json().await.expect("JSON");
    assert_eq!(saved["proof"]["trials_min"], json!(150));
    let body = r#"{"version": 0.5, "guardrails": []}"#;
    let request = app.request(Method::PUT, "/api/v1/guardrails").bearer_auth(&token).body(body);
    assert_eq!(request.send().await.expect("an answer").status(), 400);
}
