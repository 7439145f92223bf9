//! What the guard makes of evidence: it stops, says why, and announces it.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::State, routing::post};
use engine::{FlagKey, MetricKey};
use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{CELL_MS, Reach, Role};
use tokio::{net::TcpListener, sync::Mutex};

use super::{FINE, FLAG, OUTAGE, app, ceiling, config, eventually, guardrail};
use crate::{
    app::{TestApp, administrator, environment_key, viewer},
    fixtures::everyone,
};

#[tokio::test]
async fn a_ceiling_stops_the_flag_and_clients_are_told() {
    let app = app().await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.clock.advance(1_000);
    let (server, viewer) = (app.server_token().await, app.management_token(Role::Viewer).await);
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    let context = || json!({"targetingKey": "u-1"});
    let told = async || app.decision(&server, FLAG, context()).await["reason"] == "DISABLED";
    eventually("clients are told", told).await;
    let health = app.health(&viewer).await;
    let verdict = &health["verdicts"][0];
    assert_eq!((&verdict["taken"], &verdict["health"]), (&json!("stopped"), &json!("breach")), "{health}");
    assert!(
        verdict["sentence"].as_str().is_some_and(|it| it.starts_with("Errors 75 % (150 of 200) within "))
    );
    assert_eq!(verdict["evidence"][0]["numbers"]["treatment"]["events"], 150);
}

#[tokio::test]
async fn a_broken_definition_never_stops_the_others() {
    let app = app().await;
    app.boolean_flag("another").await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([guardrail("stop", ceiling())])).await;
    for flag in [FLAG, "another"] {
        app.rules(flag, json!([everyone(50)])).await;
    }
    app.sql("UPDATE guardrails SET document = 'nonsense'").await;
    // Any change makes the guard read again.
    app.boolean_flag("a-third").await;
    app.clock.advance(1_000);
    for flag in [FLAG, "another"] {
        app.measure(flag, OUTAGE).await;
    }
    let (environment, another) = (environment_key("production"), FlagKey::parse("another").expect("a key"));
    let by = viewer();
    let stopped = async || {
        let found = app.store.find_rollout(&by, &environment, &another).await.expect("reads");
        !found.expect("a rollout").value.enabled
    };
    eventually("the other is stopped", stopped).await;
    eventually("it is shown", async || app.health(&token).await["health"] == "inconclusive").await;
    assert!(!app.is_stopped().await, "nothing is known about it");
}

/// Without what cannot be read, the rest is judged; and everybody hears that something cannot be.
#[tokio::test]
async fn evidence_that_cannot_be_read_is_an_alarm_and_blinds_nothing() {
    let app = app().await;
    let token = app.management_token(Role::Product).await;
    let cookie = app.sign_in(Role::Viewer).await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.measure(FLAG, FINE).await;
    app.sql("UPDATE cells SET document = '{\"tally\":[400,2],\"sum\":null}' WHERE arm = 'treatment'").await;
    let alarm = async || {
        let health = app.health(&token).await;
        let told = health["sentence"].as_str().is_some_and(|it| it.contains("cannot be read"));
        told && health["verdicts"]
            .as_array()
            .is_some_and(|all| all.iter().any(|it| it["taken"] == "notified"))
    };
    eventually("the alarm", alarm).await;
    for page in ["", "/health", "/plan", "/exposures"] {
        let path = format!("/flags/{FLAG}{page}");
        let request = app.request(Method::GET, &path).header("Cookie", &cookie);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let html = answer.text().await.expect("a page");
        assert!(html.contains("cannot be read"), "{path} says nothing");
    }
    let desk = app.request(Method::GET, "/").header("Cookie", &cookie).send().await.expect("an answer");
    assert_eq!(desk.status(), 200);
    app.clock.advance(CELL_MS);
    app.measure(FLAG, OUTAGE).await;
    eventually("the guard stops it all the same", async || app.is_stopped().await).await;
}

/// Through the doors, as applications do it, and all within one cell of ten seconds.
#[tokio::test]
async fn what_failed_before_a_person_went_on_never_stops_it_again() {
    for resumed_after_ms in [1, 1_500, 3_000, 6_000] {
        let app = app().await;
        app.rules(FLAG, json!([everyone(100)])).await;
        let (token, viewer) = (app.server_token().await, app.management_token(Role::Viewer).await);
        let requests = async |group: &str, ok: bool| {
            let outcome = |n: u32| {
                let subject = format!("{group}-{n}");
                let features = json!([{ "flag": FLAG, "rule": "everyone", "arm": "treatment" }]);
                json!({ "type": "outcome", "metric": "error_rate", "ok": ok, "subject": subject,
                    "time": app.clock.now_ms(), "features": features })
            };
            let outcomes: Vec<_> = (0..40).map(outcome).collect();
            app.tell(&token, &outcomes).await;
        };
        app.clock.advance(500);
        requests("before", false).await;
        eventually("it stops", async || app.is_stopped().await).await;
        app.clock.advance(resumed_after_ms);
        let late = app.clock.now_ms() - 1;
        app.resume().await;
        // What ended before the decision may arrive after it.
        let features = json!([{ "flag": FLAG, "rule": "everyone", "arm": "treatment" }]);
        let straggler = |n: u32| {
            json!({ "type": "outcome", "metric": "error_rate", "ok": false, "subject": format!("late-{n}"),
                "time": late, "features": features })
        };
        app.tell(&token, &(0..20).map(straggler).collect::<Vec<_>>()).await;
        app.clock.advance(100);
        requests("fine", true).await;
        let seen = async || {
            let health = app.health(&viewer).await;
            health["rules"][0]["evidence"][0]["numbers"]["treatment"]["trials"] == 40
        };
        eventually("the guard has seen what came after", seen).await;
        app.look().await;
        assert!(!app.is_stopped().await, "resumed after {resumed_after_ms} ms");
        requests("after", false).await;
        eventually("new failures stop it at once", async || app.is_stopped().await).await;
    }
}

#[tokio::test]
async fn what_a_person_decides_stands_until_there_is_new_evidence() {
    let app = app().await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.run(3, FINE).await;
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    let viewer = app.management_token(Role::Viewer).await;
    eventually("it is shown", async || app.health(&viewer).await["health"] == "breach").await;
    app.clock.advance(60_000);
    app.resume().await;
    eventually("what was weighed is not told any more", async || {
        app.health(&viewer).await["health"] != "breach"
    })
    .await;
    app.clock.advance(CELL_MS);
    app.run(6, FINE).await;
    app.look().await;
    assert!(!app.is_stopped().await, "the old evidence was a person's to weigh");
    app.run(2, OUTAGE).await;
    eventually("new evidence stops it again", async || app.is_stopped().await).await;
}

#[tokio::test]
async fn guardrails_watch_what_is_measured() {
    let app = app().await;
    let (admin, token) = (app.management_token(Role::Admin).await, app.management_token(Role::Product).await);
    let path = format!("/api/v1/flags/{FLAG}/guardrails");
    let custom = json!({"custom": {"metric": "searches", "kind": "rate", "lower_is_worse": false}});
    let guardrail = json!({"id": "own", "metric": custom, "limit": ceiling(), "action": "stop"});
    let body = || json!({"version": 0, "guardrails": [guardrail]});
    let (status, answer) = app.rest(&token, Method::PUT, &path, Some(body())).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["detail"].as_str().is_some_and(|it| it.contains("not measured here")), "{answer}");
    let definition: engine::MetricDefinition = serde_json::from_value(
        json!({"key": "searches", "name": "Empty searches", "kind": "rate", "lower_is_better": true}),
    )
    .expect("a metric");
    app.store.put_metric(&administrator(), definition).await.expect("defined");
    assert_eq!(app.rest(&admin, Method::PUT, &path, Some(body())).await.0, 200);
    let refused =
        app.store.delete_metric(&administrator(), &MetricKey::parse("searches").expect("a key")).await;
    let watched = format!("{FLAG} in production");
    assert!(refused.expect_err("in use").to_string().contains(&watched));
}

#[tokio::test]
async fn every_operation_asks_for_its_role() {
    let app = app().await;
    app.rules(FLAG, json!([everyone(20)])).await;
    let guardrails = || json!({"version": 99, "guardrails": []});
    let plan = || json!({"version": 99, "name": "Plan", "steps": []});
    let transition = || json!({"version": 99, "step": 1});
    let of = |path: &str| format!("/api/v1/flags/{FLAG}/{path}");
    let editors = &[Role::Admin, Role::Product, Role::Qa][..];
    let approvers = &[Role::Admin, Role::Product][..];
    let table = [
        (Method::GET, of("health"), None, &Role::ALL[..]),
        (Method::GET, of("guardrails"), None, &Role::ALL[..]),
        (Method::PUT, of("guardrails"), Some(guardrails()), editors),
        (Method::POST, of("plan"), Some(plan()), editors),
        (Method::POST, of("plan/start"), Some(transition()), editors),
        (Method::POST, of("plan/jump"), Some(transition()), editors),
        (Method::POST, of("plan/approve"), Some(transition()), approvers),
        (Method::POST, of("plan/abandon"), Some(transition()), editors),
    ];
    for role in Role::ALL {
        let reads_audit = [Role::Admin, Role::Product, Role::Qa, Role::Support].contains(&role);
        let token = app.workspace_token(role).await;
        let (status, answer) = app.rest(&token, Method::GET, "/api/v1/audit/head", None).await;
        assert_eq!(status == 403, !reads_audit, "{role} reads the audit log's head: {status} {answer}");
        let token = app.management_token(role).await;
        for (method, path, body, who) in &table {
            let (status, answer) = app.rest(&token, method.clone(), path, body.clone()).await;
            let refused = status == 403;
            assert_eq!(refused, !who.contains(&role), "{role} {method} {path}: {status} {answer}");
            assert!(status < 500, "{role} {method} {path}: {status} {answer}");
        }
    }
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

#[tokio::test]
async fn what_the_guard_does_is_announced_and_signed() {
    let received = Received::default();
    let hook = async |State(received): State<Received>, headers: HeaderMap, body: Bytes| {
        received.0.lock().await.push((headers, body));
    };
    let router = Router::new().route("/hook", post(hook)).with_state(received.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let receiving = tokio::spawn(async move { axum::serve(listener, router).await });
    let app = TestApp::start_with(Config { webhooks: Reach::Private, ..config() }).await;
    app.boolean_flag(FLAG).await;
    let added = app.store.create_webhook(&administrator(), &url, Reach::Private).await;
    let (_, secret) = added.expect("a webhook");
    app.rules(FLAG, json!([everyone(50)])).await;
    app.clock.advance(1_000);
    app.measure(FLAG, OUTAGE).await;
    eventually("it arrives", async || !received.0.lock().await.is_empty()).await;
    let (headers, body) = received.0.lock().await[0].clone();
    let text = std::str::from_utf8(&body).expect("UTF-8");
    let message: Json = serde_json::from_str(text).expect("JSON");
    assert_eq!((&message["event"], &message["flag"]), (&json!("guard.stopped"), &json!(FLAG)));
    let timestamp = headers["x-fader-timestamp"].to_str().expect("ASCII");
    assert_eq!(
        headers["x-fader-signature"],
        format!("sha256={}", hmac(&secret, &format!("{timestamp}.{text}")))
    );
    eventually("it is noted", async || {
        app.store.list_webhooks(&administrator()).await.expect("reads")[0].last_done_ms.is_some()
    })
    .await;
    receiving.abort();
}

fn hmac(secret: &str, text: &str) -> String {
    use ::hmac::Mac as _;
    let mut mac = ::hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn guardrails_say_how_often_they_would_have_fired() {
    let app = app().await;
    let token = app.management_token(Role::Viewer).await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.stop_flag(FLAG).await;
    app.outage().await;
    let path = format!("/api/v1/flags/{FLAG}/guardrails");
    let (status, answer) = app.rest(&token, Method::GET, &path, None).await;
    assert_eq!((status, &answer["inherited"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["guardrails"][0]["sentence"], "Stop if errors are above 5 % (servers only)");
    assert_eq!(answer["guardrails"][0]["fired_in_7_days"], 2, "{answer}");
}
