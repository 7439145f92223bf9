//! An answer's ETag holds exactly as long as the answer.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value as Json, json};
use store::TokenKind;

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::group,
};

const HOUR_MS: i64 = 3_600_000;

async fn etag_of(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.headers()["etag"].to_str().expect("text").to_owned()
}

impl TestApp {
    /// Whether the ETag still holds for this context.
    async fn holds(&self, token: &str, context: &Json, etag: &str) -> bool {
        let request = self.evaluate_all(token, context).header("If-None-Match", etag);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        assert!(answer.headers().contains_key("etag"));
        let body = answer.bytes().await.expect("a body");
        assert_eq!(status == StatusCode::NOT_MODIFIED, body.is_empty());
        status == StatusCode::NOT_MODIFIED
    }
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let context = json!({"targetingKey": "u-1", "country": "NO", "n": 1});
    let etag = etag_of(app.evaluate_all(&token, &context)).await;
    assert!(etag.starts_with('"') && etag.ends_with('"'), "strong: {etag}");
    assert!(app.holds(&token, &context, &etag).await);
    assert!(app.holds(&token, &context, &format!("W/{etag}")).await, "weakened by a proxy");
    assert!(app.holds(&token, &context, &format!("\"x\", {etag}")).await);
    assert!(
        app.holds(&token, &json!({"n": 1, "country": "NO", "targetingKey": "u-1"}), &etag).await,
        "any order"
    );
    assert!(!app.holds(&token, &context, "\"x\"").await);
}

#[tokio::test]
async fn whatever_the_answer_depends_on_changes_the_etag() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let context = json!({"targetingKey": "u-1", "country": "NO"});
    let etag = etag_of(app.evaluate_all(&token, &context)).await;
    for other in [
        json!({"targetingKey": "u-2", "country": "NO"}),
        json!({"targetingKey": "u-1", "country": "SE"}),
        json!({"targetingKey": "u-1", "country": ["NO"]}),
        json!({"targetingKey": "u-1"}),
    ] {
        assert!(!app.holds(&token, &other, &etag).await, "{other}");
    }
    let server = app.server_token().await;
    let staging = app.token(TokenKind::Client, "staging", &["https://shop.test"]).await;
    assert!(!app.holds(&server, &context, &etag).await, "another kind of token");
    assert!(!app.holds(&staging, &context, &etag).await, "another environment");

    app.rules("fast-payment", json!([group("vip-agencies")])).await;
    assert!(!app.holds(&token, &context, &etag).await, "a new revision");

    let etag = etag_of(app.evaluate_all(&token, &context)).await;
    app.person("u-1", json!({"tier": "vip"})).await;
    assert!(!app.holds(&token, &context, &etag).await, "other traits");
    let etag = etag_of(app.evaluate_all(&token, &context)).await;
    assert!(app.holds(&token, &context, &etag).await);
}

#[tokio::test]
async fn time_alone_makes_no_304_lie() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", Some(NOW_MS + HOUR_MS), Some(NOW_MS + 2 * HOUR_MS)).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("testers")])).await;
    let token = app.client_token().await;
    let context = json!({"targetingKey": "u-1"});
    let mut values = Vec::new();
    for _ in 0..3 {
        let answer = app.evaluate_all(&token, &context).send().await.expect("an answer");
        let etag = answer.headers()["etag"].to_str().expect("text").to_owned();
        let bulk: Json = answer.json().await.expect("JSON");
        values.push(bulk["flags"][0]["value"].clone());
        app.clock.advance(HOUR_MS - 1);
        assert!(app.holds(&token, &context, &etag).await, "nothing has happened yet");
        app.clock.advance(1);
        let passed = values.len() < 3;
        assert_eq!(app.holds(&token, &context, &etag).await, !passed, "an enrolment began or ended");
    }
    assert_eq!(values, [json!(false), json!(true), json!(false)]);
}

#[tokio::test]
async fn an_etag_does_not_outlive_its_stream_address() {
    let app = TestApp::start().await;
    let token = app.client_token().await;
    let context = json!({"targetingKey": "u-1"});
    let stream_of = async || {
        let bulk: Json =
            app.evaluate_all(&token, &context).send().await.expect("an answer").json().await.expect("JSON");
        bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path").to_owned()
    };
    let (etag, stream) = (etag_of(app.evaluate_all(&token, &context)).await, stream_of().await);
    for hours in 1..=25 {
        app.clock.advance(HOUR_MS);
        if app.holds(&token, &context, &etag).await {
            let kept = app.get(&stream).await;
            assert_eq!(kept.status(), 200, "whoever keeps the answer can use its address after {hours} h");
        }
    }
    assert!(!app.holds(&token, &context, &etag).await);
    assert_eq!(app.get(&stream).await.status(), 401, "and then it has a new one");
    assert_eq!(app.get(&stream_of().await).await.status(), 200);
}

#[tokio::test]
async fn a_refetch_is_never_answered_from_before_what_it_names() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let revision = app.store.live().environment("production").expect("there").revision;
    let path = |query: String| format!("/ofrep/v1/evaluate/flags?{query}");
    let changed_s = app.store.live().environment("production").expect("there").changed_ms / 1000;
    for (name, query, status) in [
        (
            "what is in force",
            format!("flagConfigEtag=%22production-{revision}-0%22&flagConfigLastModified={changed_s}"),
            200,
        ),
        ("an older one", "flagConfigEtag=%22production-0-0%22&flagConfigLastModified=1".to_owned(), 200),
        ("nothing of ours", "flagConfigEtag=abc&flagConfigLastModified=soon".to_owned(), 200),
        ("milliseconds by mistake", format!("flagConfigLastModified={changed_s}000"), 200),
        ("what is still to come", format!("flagConfigEtag=%22production-{}-0%22", revision + 1), 503),
    ] {
        let request = app.request(reqwest::Method::POST, &path(query)).bearer_auth(&token);
        let answer =
            request.json(&json!({"context": {"targetingKey": "u-1"}})).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}");
        if status == 503 {
            assert!(answer.headers().contains_key("retry-after"));
            let failure: Json = answer.json().await.expect("JSON");
            assert!(failure["errorDetails"].is_string());
        }
    }
}

#[tokio::test]
async fn a_refetch_waits_for_the_change_that_it_names() {
    let app = TestApp::start().await;
    let token = app.client_token().await;
    let revision = app.store.live().environment("production").expect("there").revision;
    let path = format!("/ofrep/v1/evaluate/flags?flagConfigEtag=%22production-{}-0%22", revision + 1);
    let request = app.request(reqwest::Method::POST, &path).bearer_auth(&token);
    let answer = request.json(&json!({"context": {"targetingKey": "u-1"}})).send();
    let (answer, ()) = tokio::join!(answer, app.boolean_flag("fast-payment"));
    let bulk: Json = answer.expect("an answer").json().await.expect("JSON");
    assert_eq!(bulk["flags"][0]["key"], json!("fast-payment"));
}
