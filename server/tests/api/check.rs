//! The line before a critical API acts: a plain yes for whoever may now, and no for everything else.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

impl TestApp {
    async fn check(&self, token: &str, question: Json) -> (u16, Json) {
        self.rest(token, Method::POST, "/api/v1/check", Some(question)).await
    }

    /// Whether it is allowed, and the reason.
    async fn may(&self, token: &str, flag: &str, subject: &str, attributes: Json) -> (bool, String) {
        let question = json!({"subject": subject, "flag": flag, "attributes": attributes});
        let (status, answer) = self.check(token, question).await;
        assert_eq!(status, 200, "{answer}");
        let allowed = answer["allowed"].as_bool().expect("a boolean");
        (allowed, answer["reason"].as_str().expect("a reason").to_owned())
    }
}

#[tokio::test]
async fn a_yes_is_for_whoever_may_now() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("vip-agencies")])).await;
    app.person("ada", json!({"tier": "vip"})).await;
    let token = app.server_token().await;
    let said = |allowed: bool, reason: &str| (allowed, reason.to_owned());
    let vip = json!({"tier": "vip"});
    assert_eq!(app.may(&token, "fast-payment", "ada", json!({})).await, said(true, "TARGETING_MATCH"));
    assert_eq!(app.may(&token, "fast-payment", "tom", vip.clone()).await, said(true, "TARGETING_MATCH"));
    assert_eq!(app.may(&token, "fast-payment", "tom", json!({})).await, said(false, "DEFAULT"));
    let question = json!({"subject": "ada", "flag": "fast-payment"});
    let before = app.check(&token, question.clone()).await.1["revision"].as_u64().expect("a revision");
    app.stop_flag("fast-payment").await;
    assert_eq!(app.may(&token, "fast-payment", "tom", vip).await, said(false, "DISABLED"));
    let (_, after) = app.check(&token, question).await;
    assert_eq!(after["revision"], before + 1, "of the moment in which it was decided");
}

#[tokio::test]
async fn what_is_stopped_is_denied_whatever_its_off_variant_says() {
    let app = TestApp::start().await;
    app.flag("legacy-payment", "boolean", json!({"on": false, "off": true})).await;
    let token = app.server_token().await;
    let before = app.may(&token, "legacy-payment", "ada", json!({})).await;
    assert_eq!(before, (true, "STATIC".to_owned()), "off is a plain yes");
    app.stop_flag("legacy-payment").await;
    let stopped = app.may(&token, "legacy-payment", "ada", json!({})).await;
    assert_eq!(stopped, (false, "DISABLED".to_owned()));
}

#[tokio::test]
async fn whatever_is_unknown_or_no_question_of_yes_and_no_is_denied() {
    let app = TestApp::start().await;
    app.flag("theme", "string", json!({"dark": "dark", "off": "light"})).await;
    app.everyone("theme").await;
    app.boolean_flag("gone").await;
    app.everyone("gone").await;
    app.archive("gone").await;
    let token = app.server_token().await;
    for (flag, reason) in [
        ("nothing", "FLAG_NOT_FOUND"),
        ("", "FLAG_NOT_FOUND"),
        ("gone", "FLAG_NOT_FOUND"),
        ("theme", "TYPE_MISMATCH"),
    ] {
        assert_eq!(app.may(&token, flag, "ada", json!({})).await, (false, reason.to_owned()), "{flag}");
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_read_gets_no_yes() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.everyone("fast-payment").await;
    let token = app.server_token().await;
    for (question, status) in [
        (json!({"flag": "fast-payment"}), 400),
        (json!({"subject": "ada"}), 400),
        (json!({"subject": "ada", "flag": "fast-payment", "attributes": 7}), 400),
        (json!({"subject": "ada", "flag": "fast-payment", "user": "eve"}), 400),
        (json!({"subject": "", "flag": "fast-payment"}), 422),
        (json!({"subject": "\u{200b}", "flag": "fast-payment"}), 422),
        (json!([]), 400),
    ] {
        let (answered, answer) = app.check(&token, question.clone()).await;
        assert_eq!(answered, status, "{question}: {answer}");
        assert!(answer["allowed"].is_null(), "{answer}");
    }
    let client = app.token(store::TokenKind::Client, "production", &["*"]).await;
    let asked = json!({"subject": "ada", "flag": "fast-payment"});
    assert_eq!(app.check(&client, asked).await.0, 403, "a browser's answer is no proof");
}

#[tokio::test]
async fn what_was_checked_was_served() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let token = app.server_token().await;
    app.may(&token, "fast-payment", "ada", json!({})).await;
    app.ledger(1).await;
    let manager = app.management_token(store::Role::Product).await;
    let path = "/api/v1/flags/fast-payment/exposures";
    let (status, seen) = app.rest(&manager, Method::GET, path, None).await;
    assert_eq!(status, 200, "{seen}");
    assert!(seen.to_string().contains("\"ada\""), "{seen}");
}
