//! The guard of a running server: what outcomes lead to, and what it leaves to people.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use engine::{FlagKey, MetricKey, allocation, guardrail::Tally};
use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{ArmCount, ArmWord, CELL_MS, Cell, CellKey, Clock, PlanMove, Reach, Role, Store, Written};
use tokio::{net::TcpListener, sync::Mutex};

use crate::{
    app::{NOW_MS, TestApp, administrator, editor, environment_key, viewer},
    fixtures::everyone,
};

const FLAG: &str = "fast-payment";

/// Trials and failures of treatment and control.
type Arms = ((u64, u64), (u64, u64));

const OUTAGE: Arms = ((200, 150), (200, 1));
const WORSE: Arms = ((400, 60), (400, 4));
const FINE: Arms = ((400, 2), (400, 2));

fn config() -> Config {
    Config { look_every: Duration::from_millis(20), ..Config::default() }
}

async fn app() -> TestApp {
    let app = TestApp::start_with(config()).await;
    app.boolean_flag(FLAG).await;
    app
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asked = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn key() -> FlagKey {
    FlagKey::parse(FLAG).expect("a key")
}

impl TestApp {
    /// What the outcomes of the present ten seconds add up to, as a server writes it.
    async fn measure(&self, flag: &str, ((t, t_bad), (c, c_bad)): Arms) {
        let (environment, flag) = (environment_key("production"), FlagKey::parse(flag).expect("a key"));
        let rollout = self.store.find_rollout(&viewer(), &environment, &flag).await.expect("reads");
        let rollout = rollout.expect("a rollout");
        let (changed_ms, rollout) = (rollout.changed_ms, rollout.value);
        let now_ms = self.clock.now_ms();
        let mut cells = Vec::new();
        let mut counts = Vec::new();
        for rule in rollout.rules.iter().map(|rule| rule.id.clone()) {
            let division = allocation(&rollout, &rule).expect("a rule");
            for (arm, trials, events) in [(ArmWord::Treatment, t, t_bad), (ArmWord::Control, c, c_bad)] {
                let key = CellKey {
                    environment: environment.clone(),
                    flag: flag.clone(),
                    metric: MetricKey::parse("error_rate").expect("a key"),
                    rule: rule.clone(),
                    arm,
                    allocation: division.id,
                    from_ms: (now_ms.div_euclid(CELL_MS) * CELL_MS).max(changed_ms),
                };
                let tally = Tally::new(trials, events);
                let mut cell = Cell::default();
                (cell.outcomes, cell.events, cell.tally) = (trials, events, tally);
                cells.push((key, cell));
            }
            counts.push(ArmCount {
                environment: environment.clone(),
                flag: flag.clone(),
                rule,
                allocation: division.id,
                treatment: t,
                control: c,
                servers_treatment: t,
                servers_control: c,
                shares: None,
                first_ms: now_ms,
                treatment_last_ms: now_ms,
                control_last_ms: now_ms,
                entered: t,
                entered_last_ms: now_ms,
            });
        }
        self.write_cells(cells, counts).await;
    }

    async fn write_cells(&self, cells: Vec<(CellKey, Cell)>, counts: Vec<ArmCount>) {
        let cells = cells.into_iter().map(|(key, cell)| (0, key, cell.into())).collect();
        self.store.write_cells("test", &Written { cells, counts, ids: Vec::new() }).await.expect("written");
    }

    /// Outcomes over some minutes, ten seconds at a time.
    async fn run(&self, cells: u32, arms: Arms) {
        for _ in 0..cells {
            self.measure(FLAG, arms).await;
            self.clock.advance(CELL_MS);
        }
    }

    /// Outcomes in which a limit on errors is broken twice.
    pub async fn outage(&self) {
        self.run(3, FINE).await;
        self.run(2, OUTAGE).await;
        self.run(3, FINE).await;
    }

    async fn guard_with(&self, token: &str, guardrails: Json) {
        let path = format!("/api/v1/flags/{FLAG}/guardrails");
        let body = json!({ "version": 0, "guardrails": guardrails });
        let (status, answer) = self.rest(token, Method::PUT, &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn plan(&self, token: &str) -> Json {
        let (status, plan) = self.rest(token, Method::GET, &format!("/api/v1/flags/{FLAG}/plan"), None).await;
        assert_eq!(status, 200, "{plan}");
        plan
    }

    async fn transit(&self, token: &str, transition: &str, more: &[(&str, Json)]) -> (u16, Json) {
        let version = self.plan(token).await["version"].clone();
        let mut body: BTreeMap<&str, Json> = more.iter().cloned().collect();
        body.insert("version", version);
        let path = format!("/api/v1/flags/{FLAG}/plan/{transition}");
        self.rest(token, Method::POST, &path, Some(json!(body))).await
    }

    async fn health(&self, token: &str) -> Json {
        let path = format!("/api/v1/flags/{FLAG}/health?since=0");
        self.rest(token, Method::GET, &path, None).await.1
    }

    async fn per_cent(&self) -> String {
        let environment = environment_key("production");
        let rollout = self.store.find_rollout(&viewer(), &environment, &key()).await.expect("reads");
        rollout.expect("a rollout").value.rules[0].percentage.to_string()
    }

    async fn is_stopped(&self) -> bool {
        let environment = environment_key("production");
        let rollout = self.store.find_rollout(&viewer(), &environment, &key()).await.expect("reads");
        !rollout.expect("a rollout").value.enabled
    }

    async fn resume(&self) {
        let resumed = self.store.resume(&editor(), &environment_key("production"), &key(), "fixed").await;
        resumed.expect("resumed");
    }
}

fn guardrail(action: &str, limit: Json) -> Json {
    json!({"id": format!("errors-{action}"), "metric": "error_rate", "limit": limit, "action": action})
}

fn ceiling() -> Json {
    json!({"ceiling": {"limit": 0.05}})
}

fn worse() -> Json {
    json!({"comparison": {"margin": 0.0}})
}

/// 20, then 50, then 100 %, a minute each; started.
async fn started(app: &TestApp, token: &str, gates: Json) {
    app.rules(FLAG, json!([everyone(0)])).await;
    let step = |per_cent: u32| json!({"percentages": {"everyone": per_cent * 1000}, "gates": gates});
    let body = json!({"version": 0, "name": "Careful", "steps": [step(20), step(50), step(100)]});
    let path = format!("/api/v1/flags/{FLAG}/plan");
    let (status, answer) = app.rest(token, Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = app.transit(token, "start", &[]).await;
    assert_eq!((status, &answer["state"]), (200, &json!("running")), "{answer}");
}

fn a_minute() -> Json {
    json!([{"hold": {"hold_ms": 60_000}}])
}

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
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(app.per_cent().await, "20", "four hours without outcomes are not four hours of health");
    app.run(3, FINE).await;
    eventually("it goes on", async || app.plan(&token).await["state"] == "running").await;
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
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!app.is_stopped().await, "the old evidence was a person's to weigh");
    app.run(2, OUTAGE).await;
    eventually("new evidence stops it again", async || app.is_stopped().await).await;
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
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!app.is_stopped().await, "resumed after {resumed_after_ms} ms");
        requests("after", false).await;
        eventually("new failures stop it at once", async || app.is_stopped().await).await;
    }
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
async fn percentages_set_by_hand_hold_the_plan() {
    let app = app().await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([])).await;
    started(&app, &token, a_minute()).await;
    app.clock.advance(10_000);
    app.rules(FLAG, json!([everyone(5)])).await;
    eventually("it holds", async || app.plan(&token).await["state"] == "holding").await;
    app.clock.advance(600_000);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(app.per_cent().await, "5");
    let (status, _) = app.transit(&token, "resume", &[]).await;
    assert_eq!((status, app.per_cent().await.as_str()), (200, "20"));
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
async fn every_operation_asks_for_its_role() {
    let app = app().await;
    app.rules(FLAG, json!([everyone(20)])).await;
    let guardrails = || json!({"version": 99, "guardrails": []});
    let plan = || json!({"version": 99, "name": "Plan", "steps": []});
    let transition = || json!({"version": 99, "step": 1});
    let of = |path: &str| format!("/api/v1/flags/{FLAG}/{path}");
    let editors = &[Role::Admin, Role::Product][..];
    let table = [
        (Method::GET, of("health"), None, &Role::ALL[..]),
        (Method::GET, of("guardrails"), None, &Role::ALL[..]),
        (Method::PUT, of("guardrails"), Some(guardrails()), editors),
        (Method::POST, of("plan"), Some(plan()), editors),
        (Method::POST, of("plan/start"), Some(transition()), editors),
        (Method::POST, of("plan/jump"), Some(transition()), editors),
        (Method::POST, of("plan/approve"), Some(transition()), editors),
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
