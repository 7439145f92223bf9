//! Tasks that fail are noticed and started again, and what they had in hand is not lost.

use std::time::Duration;

use reqwest::header;
use serde_json::{Value as Json, json};
use server::Config;
use store::Role;

use crate::{app::TestApp, fixtures::everyone};

const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    let often = Duration::from_millis(50);
    Config { look_every: often, upkeep_every: often, anchor_every: often, ..Config::default() }
}

impl TestApp {
    async fn readiness(&self) -> Json {
        self.get("/readyz").await.json().await.expect("JSON")
    }

    /// Waits until a task has failed so often and runs.
    async fn has_failed(&self, task: &str, failures: u64) -> Json {
        let failed = async {
            loop {
                let body = self.readiness().await;
                let tasks = body["failed_tasks"].as_array().expect("a list");
                let found = tasks.iter().find(|it| it["task"] == task && it["failures"] == failures);
                if found.is_some_and(|it| it["running"] == json!(true)) {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let failed = tokio::time::timeout(PATIENCE, failed).await;
        failed.unwrap_or_else(|_| panic!("{task} never failed and came back"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_is_started_again() {
    let app = TestApp::start_with(config()).await;
    let body = app.readiness().await;
    assert_eq!((&body["status"], &body["failed_tasks"]), (&json!("ready"), &json!([])));
    let tasks: Vec<_> = app.store.tasks().report().iter().map(|task| task.name).collect();
    // They take a turn so seldom that a test would wait for them.
    let seldom = [
        "the keeper of the snapshot file",
        "the measuring for metrics",
        "the reader of what a new database remembers",
        "the writer of tokens' last uses",
    ];
    let expected = [
        "the announcer of changes",
        "the counter of unverified events",
        "the counter of what was left out",
        "the delivery of webhooks",
        "the follower of other copies",
        "the guard",
        "the retention sweep",
        "the roll-up of old cells",
        "the watch over the audit log",
        "the writer of exposures",
        "the writer of outcomes",
        "the writer of signals",
    ];
    let mut all: Vec<_> = seldom.into_iter().chain(expected).collect();
    all.sort_unstable();
    assert_eq!(tasks, all);
    app.boolean_flag("pay").await;
    let token = app.server_token().await;
    for (times, task) in (1..=2).flat_map(|times| expected.map(|task| (times, task))) {
        app.store.tasks().fail_next(task);
        // Writers begin a turn when there is something to write.
        let context = json!({"targetingKey": format!("u-{times}-{}", task.len())});
        app.decision(&token, "pay", context).await;
        let body = app.has_failed(task, times).await;
        assert_eq!(body["status"], json!("degraded"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_writers_had_in_hand_is_written_once() {
    let app = TestApp::start_with(config()).await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let token = app.server_token().await;
    for (round, task) in (1..).zip(["the writer of exposures", "the writer of outcomes"]) {
        app.store.tasks().fail_next(task);
        let subject = format!("u-{round}");
        let exposure = json!({"type": "exposure", "subject": subject, "flag": "pay", "variant": "on", "revision": 3,
            "rule": "everyone", "arm": "treatment"});
        let outcome = json!({"type": "outcome", "subject": subject, "metric": "error_rate", "ok": true});
        app.tell(&token, &[exposure, outcome]).await;
        app.has_failed(task, 1).await;
        let (treatment, _) = app.arms_with("pay", "error_rate", round).await;
        assert_eq!(treatment.outcomes, round);
    }
    let by = store::Principal::command_line().people_reader().expect("may read");
    let exposed = async {
        loop {
            let mut times = 0;
            for subject in ["u-1", "u-2"] {
                let subject = engine::SubjectKey::parse(subject).expect("a key");
                let environment = crate::app::environment_key("production");
                let now_ms = app.clock.now_ms();
                let seen =
                    app.store.exposures_around(&by, &environment, &subject, now_ms).await.expect("reads");
                times += seen.iter().map(|line| line.count).sum::<u64>();
            }
            assert!(times <= 2, "written twice");
            if times == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, exposed).await.expect("in the ledger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_outlive_their_announcer_and_copies_their_follower() {
    let app = TestApp::start_with(config()).await;
    app.boolean_flag("pay").await;
    let token = app.client_token().await;
    let bulk = app.evaluate_all(&token, &json!({"targetingKey": "u"})).send().await.expect("an answer");
    let bulk: Json = bulk.json().await.expect("JSON");
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path");
    let mut stream = app.get(path).await;
    stream.chunk().await.expect("a greeting");
    for (task, per_cent) in [("the announcer of changes", 10), ("the follower of other copies", 20)] {
        app.store.tasks().fail_next(task);
        app.has_failed(task, 1).await;
        // Another process changes the file: the follower sees it, and the announcer tells.
        let other = store::Store::open(&app.database_url, app.clock.clone()).await.expect("opens");
        let elsewhere = TestAppOf(&other);
        elsewhere.rules(per_cent).await;
        let heard = async {
            loop {
                let chunk = stream.chunk().await.expect("goes on").expect("goes on");
                if String::from_utf8_lossy(&chunk).contains("refetchEvaluation") {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("nothing heard after {task}"));
        other.close().await;
    }
}

/// Another copy's store.
struct TestAppOf<'s>(&'s store::Store);

impl TestAppOf<'_> {
    async fn rules(&self, per_cent: u32) {
        let (environment, flag) =
            (crate::app::environment_key("production"), engine::FlagKey::parse("pay").expect("a key"));
        let found = self.0.find_rollout(&crate::app::viewer(), &environment, &flag).await.expect("reads");
        let mut rollout = found.expect("a rollout");
        rollout.value.rules = serde_json::from_value(json!([everyone(per_cent)])).expect("rules");
        let by = crate::app::editor();
        self.0
            .save_rollout(&by, &environment, &flag, rollout.version, rollout.value, "")
            .await
            .expect("saved");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_goes_on_looking_and_admins_are_told() {
    let app = TestApp::start_with(config()).await;
    let (admin, viewer) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Viewer).await);
    app.store.tasks().fail_next("the guard");
    app.has_failed("the guard", 1).await;
    let looks = async {
        loop {
            let body = app.readiness().await;
            if body["guard"] == json!({"last_look_s": 0, "here": true, "overdue": false}) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.expect("it looks again");
    let page = async |cookie: &str| {
        let request = app.request(reqwest::Method::GET, "/").header(header::COOKIE, cookie);
        request.send().await.expect("a page").text().await.expect("text")
    };
    let told = page(&admin).await;
    assert!(told.contains("The guard failed ") && told.contains(" ago and was started again."), "{told}");
    assert!(!page(&viewer).await.contains("The guard failed"), "for those who can do something about it");
}
