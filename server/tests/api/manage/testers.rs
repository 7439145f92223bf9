//! Testers over REST: lists in two steps, invitations, exclusions, previews.

use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use store::Role;

use super::pointers;
use crate::{app::TestApp, fixtures::everyone};

const LISTS: &str = "/api/v1/groups/testers/tester-lists";

impl TestApp {
    async fn members_of(&self, token: &str) -> Vec<String> {
        let (_, answer) = self.rest(token, Method::GET, "/api/v1/groups/testers/enrolments", None).await;
        let list = answer["enrolments"].as_array().expect("a list").iter();
        list.filter_map(|it| it["subject"].as_str()).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_list_is_read_in_a_report_and_confirmed_by_its_fingerprint() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.person("ada", json!({"email": "ada@example.test"})).await;
    let token = app.workspace_token(Role::Qa).await;
    let list = |fingerprint: Option<&Json>| {
        let mut body =
            json!({"list": "ada@example.test, u-1\nu-2", "with_unknown": true, "purpose": "pilot"});
        if let Some(fingerprint) = fingerprint {
            body["fingerprint"] = fingerprint.clone();
        }
        body
    };
    let (status, report) = app.rest(&token, Method::POST, LISTS, Some(list(None))).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!((&report["dry_run"], &report["counts"]["new"]), (&json!(true), &json!(2)));
    assert_eq!(report["lines"][0]["subject"], "ada", "found by address: {report}");
    assert_eq!(app.members_of(&token).await, ["u-1"], "nothing was written");

    app.person("u-2", json!({"tier": "vip"})).await;
    let (status, changed) =
        app.rest(&token, Method::POST, LISTS, Some(list(Some(&report["fingerprint"])))).await;
    assert_eq!((status, &changed["code"]), (409, &json!("conflict")), "u-2 is known now: {changed}");
    assert_eq!(app.members_of(&token).await, ["u-1"]);
    let (_, report) = app.rest(&token, Method::POST, LISTS, Some(list(None))).await;
    let (status, done) =
        app.rest(&token, Method::POST, LISTS, Some(list(Some(&report["fingerprint"])))).await;
    assert_eq!((status, &done["dry_run"], &done["enrolled"]), (200, &json!(false), &json!(2)), "{done}");
    let mut members = app.members_of(&token).await;
    members.sort();
    assert_eq!(members, ["ada", "u-1", "u-2"]);
}

#[tokio::test]
async fn a_list_that_is_wrong_is_told_by_field() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let token = app.workspace_token(Role::Qa).await;
    for (body, expected) in [
        (json!({"list": "  "}), "/list"),
        (json!({"list": "u-2", "until": "some day"}), "/until"),
        (json!({"list": "u-2", "purpose": "x".repeat(300)}), "/purpose"),
    ] {
        let (status, problem) = app.rest(&token, Method::POST, LISTS, Some(body)).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{problem}");
    }
    let path = "/api/v1/groups/gone/tester-lists";
    assert_eq!(app.rest(&token, Method::POST, path, Some(json!({"list": "u-2"}))).await.0, 404);
}

#[tokio::test]
async fn enrolments_get_another_end() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let token = app.workspace_token(Role::Qa).await;
    let path = "/api/v1/groups/testers/extensions";
    let body = json!({"subjects": ["u-1", "nobody"], "until": "2027-03-01T00:00:00Z", "comment": "longer"});
    let (status, answer) = app.rest(&token, Method::POST, path, Some(body)).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(1)), "{answer}");
    assert_eq!(app.newest().await.1, "longer");
    let past = json!({"subjects": ["u-1"], "until": "2020-01-01"});
    assert_eq!(app.rest(&token, Method::POST, path, Some(past)).await.0, 422);
    let bad = json!({"subjects": ["u-1", ""]});
    let (status, problem) = app.rest(&token, Method::POST, path, Some(bad)).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/subjects/1"]), "{problem}");
}

#[tokio::test]
async fn an_invitation_is_a_link_that_is_told_once_and_can_be_shut() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let token = app.workspace_token(Role::Qa).await;
    let path = "/api/v1/groups/testers/invitations";
    let new = json!({"purpose": "pilot", "capacity": 2, "closes_at": "2027-02-01T00:00:00Z"});
    let answer = app.asked(&token, Method::POST, path, Some(new)).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let made: Json = answer.json().await.expect("JSON");
    let link = made["link"].as_str().expect("a link");
    let joined = link.strip_prefix(&app.url).unwrap_or(link);
    assert!(joined.contains("/join/"), "{link}");
    let listed = app.all(&token, path, "invitations", 1).await;
    assert_eq!(
        (&listed[0]["state"], &listed[0]["closes_at"]),
        (&json!("open"), &json!("2027-02-01T00:00:00Z"))
    );
    assert!(!listed[0].to_string().contains("/join/"), "the link is told once: {}", listed[0]);
    let one = format!("{path}/{}", listed[0]["id"]);
    assert_eq!(app.rest(&token, Method::DELETE, &one, None).await.0, 204);
    assert_eq!(app.all(&token, path, "invitations", 1).await[0]["state"], "revoked");
    assert_eq!(app.rest(&token, Method::DELETE, &format!("{path}/999"), None).await.0, 404);
    for (body, expected) in [
        (json!({"purpose": "", "capacity": 2, "closes_at": "2027-02-01"}), "/purpose"),
        (json!({"purpose": "x", "capacity": 0, "closes_at": "2027-02-01"}), "/capacity"),
        (json!({"purpose": "x", "capacity": 1, "closes_at": "soon"}), "/closes_at"),
    ] {
        let (status, problem) = app.rest(&token, Method::POST, path, Some(body)).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{problem}");
    }
}

#[tokio::test]
async fn somebody_is_kept_from_a_flag_and_let_in_again() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.everyone("fast-payment").await;
    let (token, server) = (app.bound_to("production", Role::Qa).await, app.server_token().await);
    let path = "/api/v1/flags/fast-payment/exclusions/u-1";
    let served = async || app.decision(&server, "fast-payment", json!({"targetingKey": "u-1"})).await;
    assert_eq!(served().await["variant"], "on");
    let (status, answer) = app.rest(&token, Method::PUT, path, Some(json!({"comment": "crashes"}))).await;
    assert_eq!((status, &answer["excluded"]), (200, &json!(true)), "{answer}");
    assert_eq!(served().await["variant"], "off");
    let (status, problem) = app.rest(&token, Method::PUT, path, Some(json!({"comment": ""}))).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/comment"]), "{problem}");
    let (status, _) = app.rest(&token, Method::DELETE, &format!("{path}?comment=fixed"), None).await;
    assert_eq!(status, 200);
    assert_eq!(served().await["variant"], "on");
    assert_eq!(app.newest().await.1, "fixed");
}

#[tokio::test]
async fn a_preview_shows_one_subject_what_nobody_has_yet() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(0)])).await;
    let (token, server) = (app.bound_to("production", Role::Qa).await, app.server_token().await);
    let path = "/api/v1/flags/fast-payment/previews";
    let new = |variant: &str, minutes: i64| json!({"subject": "u-1", "variant": variant, "minutes": minutes});
    let answer = app.asked(&token, Method::POST, path, Some(new("on", 5))).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let made: Json = answer.json().await.expect("JSON");
    assert_eq!(made["until_at"], "2027-01-15T08:05:00Z");
    let preview = made["token"].as_str().expect("a token").to_owned();
    let shown = async |subject: &str| {
        let context = json!({"targetingKey": subject});
        let request = app.evaluate(&server, "fast-payment", &context).header("X-Fader-Preview", &preview);
        request.send().await.expect("an answer").json::<Json>().await.expect("JSON")["variant"].clone()
    };
    assert_eq!((shown("u-1").await, shown("u-2").await), (json!("on"), json!("off")));
    app.clock.advance(300_000);
    assert_eq!(shown("u-1").await, "off", "it has ended");
    let (status, problem) = app.rest(&token, Method::POST, path, Some(new("on", 0))).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/minutes"]), "{problem}");
    assert_eq!(app.rest(&token, Method::POST, path, Some(new("gone", 5))).await.0, 422);
}
