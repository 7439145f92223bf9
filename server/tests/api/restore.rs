//! A backup is put back under a running server: what its clients see of it.

use std::{path::PathBuf, time::Duration};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{app::TestApp, fixtures::everyone, stand_in::until};

async fn bulk(app: &TestApp, token: &str, etag: Option<&str>) -> reqwest::Response {
    let request = app.evaluate_all(token, &json!({"targetingKey": "u-1"}));
    let request = etag.into_iter().fold(request, |request, etag| request.header("if-none-match", etag));
    request.send().await.expect("an answer")
}

/// How many of one exposure with one id were new.
async fn sent(app: &TestApp, token: &str) -> Json {
    let event = json!({"id": "e-1", "type": "exposure", "subject": "u-1", "flag": "fast-payment",
        "variant": "off", "revision": 1});
    let request = app.request(Method::POST, "/api/v1/events").bearer_auth(token);
    let answer = request.json(&json!({"events": [event]})).send().await.expect("an answer");
    answer.json::<Json>().await.expect("JSON")["accepted"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_and_keep_nothing_of_before() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(0)])).await;
    let (server_token, client_token) = (app.server_token().await, app.client_token().await);
    let database = PathBuf::from(app.database_url.strip_prefix("sqlite://").expect("a file"));
    let backup = database.with_extension("backup");
    app.sql(&format!("VACUUM INTO '{}'", backup.display())).await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let later = app.token(store::TokenKind::Server, "staging", &[]).await;
    assert_eq!(sent(&app, &server_token).await, 1);
    assert_eq!(sent(&app, &server_token).await, 0, "sent twice");
    let context = json!({"targetingKey": "u-1"});
    let before = app.decision(&server_token, "fast-payment", context.clone()).await;
    assert_eq!(before["value"], json!(true));
    let first = bulk(&app, &client_token, None).await;
    let etag = first.headers()["etag"].to_str().expect("text").to_owned();
    let first: Json = first.json().await.expect("JSON");
    let mut stream =
        app.get(first["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path")).await;
    stream.chunk().await.expect("a greeting");
    assert_eq!(bulk(&app, &client_token, Some(&etag)).await.status(), 304);

    std::fs::rename(&backup, &database).expect("put in its place");
    let heard = async {
        while let Some(chunk) = stream.chunk().await.expect("goes on") {
            if String::from_utf8_lossy(&chunk).contains("refetchEvaluation") {
                return;
            }
        }
        panic!("the stream ended");
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("the stream tells");
    assert_eq!(bulk(&app, &client_token, Some(&etag)).await.status(), 200, "another answer");
    let after = app.decision(&server_token, "fast-payment", context).await;
    assert_eq!(after["value"], json!(false));
    let revision = |decision: &Json| decision["metadata"]["revision"].as_u64().expect("a number");
    assert!(revision(&after) > revision(&before));
    until("a token of afterwards is not known any more", async || {
        let answer = app.evaluate(&later, "fast-payment", &json!({"targetingKey": "u-1"})).send().await;
        answer.expect("an answer").status() == 401
    })
    .await;
    // The event went with the database of before: it is as new as it was.
    until("the event is taken again", async || sent(&app, &server_token).await == 1).await;
    assert_eq!(sent(&app, &server_token).await, 0, "once");
}
