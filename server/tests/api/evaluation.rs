//! What is decided, and in which shape it is answered.

use serde_json::{Value as Json, json};
use store::TokenKind;

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

#[tokio::test]
async fn every_value_type_is_answered_as_it_is() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    let object = json!({"colour": "#0a0", "sizes": [1, 2.5], "deep": {"a": null}});
    for (key, value_type, on, off) in [
        ("boolean", "boolean", json!(true), json!(false)),
        ("text", "string", json!("grüße \"x\""), json!("")),
        ("integer", "number", json!(42), json!(0)),
        ("float", "number", json!(0.25), json!(-1.5)),
        ("object", "object", object, json!({})),
    ] {
        app.flag(key, value_type, json!({"off": off, "on": on})).await;
        let before = app.decision(&token, key, json!({"targetingKey": "u-1"})).await;
        assert_eq!(
            (&before["value"], &before["reason"], &before["variant"]),
            (&off, &json!("STATIC"), &json!("off"))
        );
        app.everyone(key).await;
        let after = app.decision(&token, key, json!({"targetingKey": "u-1"})).await;
        assert_eq!(
            (&after["key"], &after["value"], &after["variant"]),
            (&json!(key), &on, &json!("on")),
            "{key}"
        );
    }
}

#[tokio::test]
async fn the_reason_and_the_metadata_say_how_it_was_decided() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("vip-agencies"), everyone(0)])).await;
    let vip = json!({"targetingKey": "u-1", "tier": "vip"});
    let revision = app.store.live().environment("production").expect("there").revision;

    let matched = app.decision(&token, "fast-payment", vip.clone()).await;
    assert_eq!(
        matched,
        json!({
            "key": "fast-payment", "value": true, "variant": "on", "reason": "TARGETING_MATCH",
            "metadata": {"revision": revision, "environment": "production", "rule": "vip-agencies", "arm": "treatment"},
        })
    );
    let control = app.decision(&token, "fast-payment", json!({"targetingKey": "u-2"})).await;
    assert_eq!((&control["reason"], &control["value"]), (&json!("DEFAULT"), &json!(false)));
    assert_eq!(
        (&control["metadata"]["rule"], &control["metadata"]["arm"]),
        (&json!("everyone"), &json!("control"))
    );

    app.rules("fast-payment", json!([everyone(50)])).await;
    let mut reasons = Vec::new();
    for n in 0..40 {
        let decision = app.decision(&token, "fast-payment", json!({"targetingKey": format!("u-{n}")})).await;
        assert_eq!(decision["value"], json!(decision["metadata"]["arm"] == "treatment"));
        reasons.push(decision["reason"].clone());
    }
    assert!(reasons.contains(&json!("SPLIT")) && reasons.contains(&json!("DEFAULT")), "{reasons:?}");

    app.stop_flag("fast-payment").await;
    let stopped = app.decision(&token, "fast-payment", vip).await;
    assert_eq!((&stopped["reason"], &stopped["value"]), (&json!("DISABLED"), &json!(false)));
}

#[tokio::test]
async fn a_token_sees_its_environment_only() {
    let app = TestApp::start().await;
    let production = app.server_token().await;
    let staging = app.token(TokenKind::Server, "staging", &[]).await;
    app.boolean_flag("fast-payment").await;
    app.rules_in("staging", "fast-payment", json!([everyone(100)])).await;
    let context = json!({"targetingKey": "u-1"});
    let here = app.decision(&production, "fast-payment", context.clone()).await;
    let there = app.decision(&staging, "fast-payment", context).await;
    assert_eq!((&here["value"], &here["metadata"]["environment"]), (&json!(false), &json!("production")));
    assert_eq!((&there["value"], &there["metadata"]["environment"]), (&json!(true), &json!("staging")));
}

#[tokio::test]
async fn all_flags_come_at_once_without_the_archived_ones() {
    let app = TestApp::start().await;
    let token = app.client_token().await;
    for key in ["b-flag", "a-flag", "gone", "needs-a-key"] {
        app.boolean_flag(key).await;
    }
    app.archive("gone").await;
    app.rules("needs-a-key", json!([everyone(50)])).await;
    let answer = app.evaluate_all(&token, &json!({})).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("etag"));
    let bulk: Json = answer.json().await.expect("JSON");
    let keys: Vec<_> =
        bulk["flags"].as_array().expect("a list").iter().map(|flag| flag["key"].clone()).collect();
    assert_eq!(keys, ["a-flag", "b-flag", "needs-a-key"]);
    assert_eq!(bulk["flags"][0]["value"], json!(false));
    assert_eq!(bulk["flags"][2]["errorCode"], json!("TARGETING_KEY_MISSING"), "one failure is an item");
    assert!(bulk["flags"][2].get("value").is_none());
    let revision = app.store.live().environment("production").expect("there").revision;
    assert_eq!(bulk["metadata"], json!({"revision": revision, "environment": "production"}));
    let stream = &bulk["eventStreams"][0];
    assert_eq!((&stream["type"], stream.get("url")), (&json!("sse"), None));
    assert!(
        stream["endpoint"]["requestUri"].as_str().is_some_and(|uri| uri.starts_with("/ofrep/v1/stream/"))
    );
    assert!(stream["inactivityDelaySec"].is_u64());
}

#[tokio::test]
async fn what_cannot_be_decided_has_its_own_code() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    for key in ["gone", "percentage"] {
        app.boolean_flag(key).await;
    }
    app.archive("gone").await;
    app.rules("percentage", json!([everyone(50)])).await;
    for (flag, status, code) in [
        ("unknown", 404, "FLAG_NOT_FOUND"),
        ("gone", 404, "FLAG_NOT_FOUND"),
        ("percentage", 400, "TARGETING_KEY_MISSING"),
    ] {
        let answer = app.evaluate(&token, flag, &json!({})).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{flag}");
        let failure: Json = answer.json().await.expect("JSON");
        assert_eq!((&failure["key"], &failure["errorCode"]), (&json!(flag), &json!(code)));
        assert!(failure["errorDetails"].as_str().is_some_and(|details| !details.is_empty()));
    }
}

#[tokio::test]
async fn a_browser_cannot_make_itself_a_vip() {
    let app = TestApp::start().await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("vip-agencies")])).await;
    app.person("known-vip", json!({"tier": "vip"})).await;
    app.person("known-basic", json!({"tier": "basic"})).await;
    let value = async |token: &str, context: Json| {
        let one = app.decision(token, "fast-payment", context.clone()).await["value"].clone();
        let all: Json =
            app.evaluate_all(token, &context).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(all["flags"][0]["value"], one, "both evaluations agree");
        one
    };
    let claims_vip = json!({"targetingKey": "somebody", "tier": "vip"});
    assert_eq!(value(&client, claims_vip.clone()).await, json!(false), "a client's claim does not count");
    assert_eq!(value(&server, claims_vip).await, json!(true), "a server's does");
    let basic_claims_vip = json!({"targetingKey": "known-basic", "tier": "vip"});
    assert_eq!(value(&client, basic_claims_vip).await, json!(false));
    assert_eq!(
        value(&client, json!({"targetingKey": "known-vip"})).await,
        json!(true),
        "stored traits count"
    );
    assert_eq!(value(&client, json!({"targetingKey": "known-vip", "tier": "basic"})).await, json!(true));
    assert_eq!(value(&server, json!({"targetingKey": "known-vip", "tier": "basic"})).await, json!(false));
}

#[tokio::test]
async fn tokens_are_taken_from_either_header() {
    let app = TestApp::start().await;
    let (token, other) = (app.server_token().await, app.client_token().await);
    app.boolean_flag("fast-payment").await;
    let request = || {
        let path = "/ofrep/v1/evaluate/flags/fast-payment";
        app.request(reqwest::Method::POST, path).json(&json!({"context": {"targetingKey": "u-1"}}))
    };
    for (name, request, status) in [
        ("bearer", request().bearer_auth(&token), 200),
        ("key", request().header("X-API-Key", &token), 200),
        ("both the same", request().bearer_auth(&token).header("X-API-Key", &token), 200),
        ("both different", request().bearer_auth(&token).header("X-API-Key", &other), 401),
        ("none", request(), 401),
        ("wrong", request().bearer_auth("fdr_server_production_0000"), 401),
        ("not a bearer", request().header("Authorization", "Basic eDp5"), 401),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}");
        if status == 401 {
            assert!(answer.headers().contains_key("www-authenticate"));
            let failure: Json = answer.json().await.expect("JSON");
            assert!(failure["errorDetails"].is_string(), "{name}");
        }
    }
    app.revoke("Server").await;
    assert_eq!(request().bearer_auth(&token).send().await.expect("an answer").status(), 401, "revoked");
}
