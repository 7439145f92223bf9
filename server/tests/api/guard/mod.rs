//! The guard of a running server: what outcomes lead to, and what it leaves to people.

mod incidents;
mod needs;
mod plans;
mod verdicts;
mod webhooks;

use std::{collections::BTreeMap, time::Duration};

use engine::{Arm, FlagKey, MetricKey, allocation, guardrail::Tally};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{ArmCount, CELL_MS, Cell, CellKey, Written};

use crate::app::{TestApp, editor, environment_key, viewer};

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
            for (arm, trials, events) in [(Arm::Treatment, t, t_bad), (Arm::Control, c, c_bad)] {
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

    /// Waits until the guard has looked at everything as it is now. A look begins with renewing the lease, by the clock that
    /// the test moves: once the next one has begun, the one before is over.
    async fn look(&self) {
        for _ in 0..2 {
            self.clock.advance(1);
            let renewed = async || {
                let checked = self.store.check_writes(Duration::from_secs(10)).await.expect("writes");
                checked.guarded_ms == Some(0)
            };
            eventually("the guard looks", renewed).await;
        }
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
