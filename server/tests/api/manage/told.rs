//! What is told of people and of changes: search, what changed for one, feedback and its triage, the audit log.

use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use store::Role;

use super::pointers;
use crate::{app::TestApp, fixtures::everyone};

#[tokio::test]
async fn people_are_found_in_spite_of_a_slip_and_the_log_knows_who_looked() {
    let app = TestApp::start().await;
    app.person("ada.moreau", json!({"name": "Ada Moreau", "tier": "vip"})).await;
    app.person("bo", json!({"name": "Bo"})).await;
    let token = app.workspace_token(Role::Support).await;
    let (status, found) = app.rest(&token, Method::GET, "/api/v1/people?q=moreau", None).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(
        (&found["people"][0]["id"], &found["people"][0]["traits"]["tier"]),
        (&json!("ada.moreau"), &json!("vip"))
    );
    let (sentence, reason, actor) = app.newest().await;
    assert!(sentence.starts_with("looked for keys") || sentence.starts_with("searched people"), "{sentence}");
    assert!(!sentence.contains("moreau") && reason.is_empty(), "what was typed stands nowhere");
    assert!(actor.contains("support"), "{actor}");
    let (_, found) = app.rest(&token, Method::GET, "/api/v1/people?q=ada%20mreau", None).await;
    assert_eq!(found["people"], json!([]));
    assert_eq!(found["similar"][0]["id"], "ada.moreau", "nearly called so: {found}");
    assert_eq!(app.rest(&token, Method::GET, "/api/v1/people?q=%20", None).await.0, 422);
    assert_eq!(app.rest(&token, Method::GET, "/api/v1/people?q=a&limit=51", None).await.0, 422);
}

#[tokio::test]
async fn what_changed_for_somebody_names_the_change_that_did_it() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(0)])).await;
    app.person("ada", json!({"tier": "vip"})).await;
    app.clock.advance(3_600_000);
    app.rules("fast-payment", json!([everyone(100)])).await;
    app.clock.advance(3_600_000);
    let token = app.workspace_token(Role::Support).await;
    let path = "/api/v1/people/ada/changes?environment=production&from=2027-01-15T08:30:00Z";
    let (status, answer) = app.rest(&token, Method::GET, path, None).await;
    assert_eq!(status, 200, "{answer}");
    let flag = &answer["flags"][0];
    assert_eq!(
        (&flag["then"]["variant"], &flag["now"]["variant"]),
        (&json!("off"), &json!("on")),
        "{answer}"
    );
    let turn = &flag["turns"][0];
    assert_eq!((&turn["at"], &turn["cause"]["kind"]), (&json!("2027-01-15T09:00:00Z"), &json!("change")));
    assert!(turn["cause"]["sentence"].as_str().is_some_and(|it| it.contains("0 → 100 %")), "{turn}");
    for wrong in ["until=2090-01-01", "from=2027-01-15T10:00:00Z&until=2027-01-15T09:00:00Z", "from=then"] {
        let path = format!("/api/v1/people/ada/changes?environment=production&{wrong}");
        assert_eq!(app.rest(&token, Method::GET, &path, None).await.0, 422, "{wrong}");
    }
    app.testers("testers", "ada", None, None).await;
    let (_, answer) = app.rest(&token, Method::GET, "/api/v1/people/ada/groups", None).await;
    assert_eq!(answer["enrolments"][0]["group"], "testers", "{answer}");
    assert_eq!(answer["stays"][0]["group"], "testers");
}

#[tokio::test]
async fn a_complaint_is_logged_read_in_parts_and_triaged_once() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.everyone("fast-payment").await;
    let token = app.workspace_token(Role::Support).await;
    let place = "environment=production";
    let log = format!("/api/v1/complaints?{place}");
    let complaint = |subject: &str| {
        json!({"subject": subject, "time": "2027-01-15T07:00:00Z", "kinds": ["broken"], "comment": "Payment hangs",
               "flag": "fast-payment"})
    };
    for subject in ["ada", "bo", "cy"] {
        let (status, made) = app.rest(&token, Method::POST, &log, Some(complaint(subject))).await;
        assert_eq!(status, 201, "{made}");
    }
    let inbox = format!("/api/v1/feedback?{place}");
    for limit in [1, 2, 3, 200] {
        let all = app.all(&token, &inbox, "feedback", limit).await;
        let subjects: Vec<_> = all.iter().filter_map(|it| it["subject"].as_str()).collect();
        assert_eq!(subjects, ["cy", "bo", "ada"], "newest first, {limit} at a time");
    }
    let bo = &app.all(&token, &format!("{inbox}&subject=bo&kind=broken"), "feedback", 10).await[0];
    assert_eq!((&bo["source"], &bo["complaint"]), (&json!("support"), &json!(true)), "{bo}");
    assert_eq!(bo["received_at"], "2027-01-15T08:00:00Z");
    let one = format!("/api/v1/feedback/{}", bo["id"]);
    assert_eq!(app.rest(&token, Method::GET, &one, None).await.1["comment"], "Payment hangs");
    let (_, of_bo) =
        app.rest(&token, Method::GET, &format!("/api/v1/people/bo/feedback?{place}"), None).await;
    assert_eq!(of_bo["feedback"][0]["id"], bo["id"]);

    let triage = |version: u64, state: &str| json!({"version": version, "state": state, "note": "known"});
    let path = format!("{one}/triage");
    let (status, done) = app.rest(&token, Method::PUT, &path, Some(triage(1, "looking"))).await;
    assert_eq!((status, &done["version"]), (200, &json!(2)), "{done}");
    let (status, conflict) = app.rest(&token, Method::PUT, &path, Some(triage(1, "resolved"))).await;
    assert_eq!(status, 409, "{conflict}");
    assert!(conflict["detail"].as_str().is_some_and(|it| it.contains("changed the state")), "{conflict}");
    let (status, problem) = app.rest(&token, Method::PUT, &path, Some(triage(2, "done"))).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/state"]), "{problem}");
    assert_eq!(app.all(&token, &format!("{inbox}&state=new"), "feedback", 10).await.len(), 2);

    for (change, expected) in [
        (json!({"time": "2020-01-01"}), "/time"),
        (json!({"kinds": ["odd"]}), "/kinds/0"),
        (json!({"subject": ""}), "/subject"),
    ] {
        let mut body = complaint("ada");
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let (status, problem) = app.rest(&token, Method::POST, &log, Some(body)).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{problem}");
    }
    for wrong in ["rating=9", "kind=odd", "state=odd", "from=then", "cursor=x", "limit=0"] {
        assert_eq!(app.rest(&token, Method::GET, &format!("{inbox}&{wrong}"), None).await.0, 422, "{wrong}");
    }
    let (_, handlers) = app.rest(&token, Method::GET, "/api/v1/feedback-handlers", None).await;
    assert!(handlers["handlers"].is_array(), "{handlers}");
}

#[tokio::test]
async fn the_log_is_filtered_read_in_parts_and_exported_whole() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("testers", "u-1", None, None).await;
    app.stop_flag("fast-payment").await;
    let token = app.workspace_token(Role::Qa).await;
    let all = app.all(&token, "/api/v1/audit", "entries", 200).await;
    let seqs = |entries: &[Json]| entries.iter().filter_map(|it| it["seq"].as_u64()).collect::<Vec<_>>();
    let last = all.len() as u64;
    assert_eq!(seqs(&all), (1..=last).rev().collect::<Vec<_>>(), "all of it, newest first");
    assert_eq!(seqs(&app.all(&token, "/api/v1/audit", "entries", 2).await), seqs(&all));
    let stopped = app.all(&token, "/api/v1/audit?action=rollout_stopped&in=production", "entries", 10).await;
    assert_eq!((stopped.len(), &stopped[0]["object"]["key"]), (1, &json!("fast-payment")), "{stopped:?}");
    let found = app.all(&token, "/api/v1/audit?q=testers", "entries", 10).await;
    assert!(found.iter().any(|it| it["action"] == "group_created"), "{found:?}");
    let one = format!("/api/v1/audit/{}", stopped[0]["seq"]);
    let (_, entry) = app.rest(&token, Method::GET, &one, None).await;
    assert_eq!(
        (&entry["before"]["enabled"], &entry["after"]["enabled"]),
        (&json!(true), &json!(false)),
        "{entry}"
    );
    assert_eq!(entry["at"], "2027-01-15T08:00:00Z");
    for wrong in ["kind=odd", "action=odd", "from=then", "cursor=x", "limit=201"] {
        let path = format!("/api/v1/audit?{wrong}");
        assert_eq!(app.rest(&token, Method::GET, &path, None).await.0, 422, "{wrong}");
    }

    let csv = app.asked(&token, Method::GET, "/api/v1/audit.csv", None).await;
    assert_eq!(csv.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=present");
    let lines = csv.text().await.expect("text").lines().count();
    assert_eq!(lines as u64, last + 1, "a line for each and one for the names");
    let jsonl = app.asked(&token, Method::GET, "/api/v1/audit.ndjson?kind=group", None).await;
    let text = jsonl.text().await.expect("text");
    let entries: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((entries.len(), &entries[0]["object"]["kind"]), (1, &json!("group")), "{text}");
    let viewer = app.workspace_token(Role::Viewer).await;
    assert_eq!(app.rest(&viewer, Method::GET, "/api/v1/audit.csv", None).await.0, 403);
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(app.asked(&token, Method::GET, "/api/v1/audit.csv", None).await.status().as_u16());
    }
    assert_eq!(answers.last(), Some(&429), "as many as a member has at the page: {answers:?}");
}

#[tokio::test]
async fn a_change_is_taken_back_by_its_entry() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(20)])).await;
    app.rules("fast-payment", json!([everyone(50)])).await;
    app.rules("fast-payment", json!([everyone(80)])).await;
    let token = app.workspace_token(Role::Product).await;
    let entries = app.all(&token, "/api/v1/audit?action=rollout_changed", "entries", 10).await;
    assert_eq!(entries[0]["revertible"], true);
    let revert = |seq: &Json| format!("/api/v1/audit/{seq}/revert");
    let only_last = Some(json!({"only_last": true}));
    let (status, refused) =
        app.rest(&token, Method::POST, &revert(&entries[1]["seq"]), only_last.clone()).await;
    assert_eq!(status, 409, "somebody has changed it since: {refused}");
    let (status, done) = app.rest(&token, Method::POST, &revert(&entries[0]["seq"]), only_last).await;
    assert_eq!(status, 200, "{done}");
    let (_, rollout) = app
        .rest(&token, Method::GET, "/api/v1/flags/fast-payment/rollout?environment=production", None)
        .await;
    assert_eq!((&rollout["rules"][0]["percentage"], &rollout["version"]), (&json!(50), &done["version"]));
    assert_eq!(app.rest(&token, Method::POST, &revert(&json!(1)), None).await.0, 422, "a flag was created");
    assert_eq!(app.rest(&token, Method::POST, &revert(&json!(9999)), None).await.0, 404);
    let qa = app.bound_to("production", Role::Admin).await;
    assert_eq!(
        app.rest(&qa, Method::POST, &revert(&entries[0]["seq"]), None).await.0,
        403,
        "of one environment"
    );
}
