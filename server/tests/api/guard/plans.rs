//! What becomes of a release plan: it goes on by itself, steps back, holds, and waits for people.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::{Clock, PlanMove, Role, Store};

use super::{FINE, FLAG, WORSE, app, ceiling, config, eventually, guardrail, key};
use crate::{
    app::{NOW_MS, TestApp, editor, environment_key, viewer},
    fixtures::everyone,
};

fn worse() -> Json {
    json!({"comparison": {"margin": 0.0}})
}

/// 20, then 50, then 100 %, a minute each; started.
pub(super) async fn started(app: &TestApp, token: &str, gates: Json) {
    app.rules(FLAG, json!([everyone(0)])).await;
    let step = |per_cent: u32| json!({"percentages": {"everyone": per_cent * 1000}, "gates": gates});
    let body = json!({"version": 0, "name": "Careful", "steps": [step(20), step(50), step(100)]});
    let path = format!("/api/v1/flags/{FLAG}/plan");
    let (status, answer) = app.rest(token, Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = app.transit(token, "start", &[]).await;
    assert_eq!((status, &answer["state"]), (200, &json!("running")), "{answer}");
}

pub(super) fn a_minute() -> Json {
    json!([{"hold": {"hold_ms": 60_000}}])
}

#[tokio::test]
async fn a_comparison_steps_the_plan_back() {
    let app = app().await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([guardrail("step_back", worse())])).await;
    started(&app, &token, a_minute()).await;
    app.run(8, FINE).await;
    eventually("it advances", async || app.per_cent().await == "50").await;
    app.run(4, WORSE).await;
    eventually("it steps back", async || app.per_cent().await == "20").await;
    let plan = app.plan(&token).await;
    assert_eq!((&plan["state"], &plan["step"]), (&json!("rolled_back"), &json!(1)), "{plan}");
    assert!(
        plan["sentence"].as_str().is_some_and(|it| it.contains("worse, certain enough to act")),
        "{plan}"
    );
    assert_eq!(plan["changed_by"], "Guard");
    // It stays there until somebody goes on.
    app.run(20, FINE).await;
    assert_eq!(app.per_cent().await, "20");
    let (status, resumed) = app.transit(&token, "resume", &[]).await;
    assert_eq!((status, &resumed["state"]), (200, &json!("running")));
}

#[tokio::test]
async fn when_data_stop_the_plan_holds_and_goes_on_when_they_come() {
    let app = app().await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([guardrail("stop", ceiling())])).await;
    started(&app, &token, json!([{"hold": {"hold_ms": 3_600_000}}])).await;
    app.run(4, FINE).await;
    app.clock.advance(400_000);
    eventually("it holds", async || app.plan(&token).await["state"] == "holding").await;
    eventually("it is shown", async || app.health(&token).await["health"] == "inconclusive").await;
    assert_eq!(app.plan(&token).await["waiting"], "Holds: outcomes are missing, so nothing can be said.");
    app.clock.advance(4 * 3_600_000);
    app.look().await;
    assert_eq!(app.per_cent().await, "20", "four hours without outcomes are not four hours of health");
    app.run(3, FINE).await;
    eventually("it goes on", async || app.plan(&token).await["state"] == "running").await;
}

#[tokio::test]
async fn percentages_set_by_hand_hold_the_plan() {
    let app = app().await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([])).await;
    started(&app, &token, a_minute()).await;
    app.clock.advance(10_000);
    app.rules(FLAG, json!([everyone(5)])).await;
    eventually("it holds", async || app.plan(&token).await["state"] == "holding").await;
    app.clock.advance(600_000);
    app.look().await;
    assert_eq!(app.per_cent().await, "5");
    let (status, _) = app.transit(&token, "resume", &[]).await;
    assert_eq!((status, app.per_cent().await.as_str()), (200, "20"));
    app.look().await;
    assert_eq!(app.per_cent().await, "20", "time by hand is no time on the step");
}

#[tokio::test]
async fn an_approval_needs_somebody_else() {
    let app = app().await;
    let (author, other) =
        (app.management_token(Role::Product).await, app.management_token(Role::Admin).await);
    app.guard_with(&author, json!([])).await;
    app.rules(FLAG, json!([everyone(0)])).await;
    let steps = json!([{"percentages": {"everyone": 20_000}}, {"percentages": {"everyone": 100_000}, "gates": ["approval"]}]);
    let path = format!("/api/v1/flags/{FLAG}/plan");
    let body = json!({"version": 0, "name": "Careful", "steps": steps});
    assert_eq!(app.rest(&author, Method::POST, &path, Some(body)).await.0, 200);
    assert_eq!(app.transit(&author, "start", &[]).await.0, 200);
    let (status, refused) = app.transit(&author, "approve", &[("step", json!(2))]).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().is_some_and(|it| it.contains("somebody else")), "{refused}");
    assert_eq!(app.plan(&author).await["waiting"], "Waits for an approval of step 2.");
    assert_eq!(app.transit(&other, "approve", &[("step", json!(2))]).await.0, 200);
    eventually("it advances", async || app.per_cent().await == "100").await;
    eventually("it finishes", async || app.plan(&author).await["state"] == "finished").await;
}

#[tokio::test]
async fn another_server_goes_on_when_one_dies() {
    let mut one = app().await;
    let token = one.management_token(Role::Product).await;
    one.guard_with(&token, json!([])).await;
    started(&one, &token, a_minute()).await;
    one.stop().await;
    let url = one.database_url.clone();
    let two = TestApp::start_on(&url, config(), Clock::manual(NOW_MS)).await;
    assert_eq!(two.plan(&token).await["step"], 1);
    two.clock.advance(61_000);
    eventually("it goes on where it was", async || two.per_cent().await == "50").await;
    assert_eq!(two.plan(&token).await["step"], 2);
}

/// `fader serve` on a database, once it listens; it writes to its output for as long as somebody reads.
fn serve(database_url: &str) -> (Child, impl Sized) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fader"));
    command.args(["serve", "--addr", "127.0.0.1:0"]).env_clear().env("FADER_DATABASE_URL", database_url);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.next().expect("a line").expect("UTF-8").contains("listens"));
    (child, lines)
}

#[tokio::test]
async fn a_killed_server_goes_on_in_the_middle_of_a_plan() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let store = Store::open(&url, Clock::System).await.expect("a database");
    let (environment, flag) = (environment_key("production"), key());
    store.create_flag(&editor(), engine::Flag::boolean(key(), "Fast payment")).await.expect("a flag");
    let found = store.find_rollout(&viewer(), &environment, &flag).await.expect("reads").expect("a rollout");
    let rules = serde_json::from_value(json!([everyone(0)])).expect("rules");
    let rollout = engine::Rollout { rules, ..found.value };
    store.save_rollout(&editor(), &environment, &flag, found.version, rollout, "").await.expect("saved");
    let none = store::GuardrailSet::default();
    store.save_guardrails(&editor(), &environment, &flag, 0, none, "").await.expect("saved");
    let step = |per_cent: u32| json!({"percentages": {"everyone": per_cent * 1000}, "gates": [{"hold": {"hold_ms": 4_000}}]});
    let plan = json!({"name": "Quick", "steps": [step(10), step(20), step(30)]});
    let plan = serde_json::from_value(plan).expect("a plan");
    let saved = store.save_plan(&editor(), &environment, &flag, 0, plan, "").await.expect("saved");
    let started = store.move_plan(&editor(), &environment, &flag, saved.version, PlanMove::Start, "").await;
    started.expect("started");
    let by = viewer();
    let step = async || {
        let found = store.find_plan(&by, &environment, &flag).await.expect("reads").expect("a plan");
        found.state.progress().map_or(0, |progress| progress.step)
    };
    let (mut first, _output) = serve(&url);
    eventually("it advances", async || step().await == 1).await;
    first.kill().expect("kill -9");
    first.wait().expect("ends");
    assert_eq!(step().await, 1);
    let (mut second, _output) = serve(&url);
    eventually("it goes on where it was", async || step().await == 2).await;
    second.kill().expect("killed");
    second.wait().expect("ends");
    let filter = store::AuditFilter { action: Some(store::Action::PlanAdvanced), ..Default::default() };
    let auditor = store::Principal::command_line().audit_reader().expect("may read");
    assert_eq!(store.list_audit(&auditor, &filter).await.expect("reads").len(), 2, "each step once");
}
