//! Whose word a guardrail takes: what browsers prove counts beside what servers tell, and never in its place.

use std::time::{Duration, Instant};

use engine::{
    FlagKey, RuleId,
    guardrail::{Accepts, Basis, Metric, Tally},
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{Clock, Role};

use crate::{
    app::{NOW_MS, TestApp, environment_key, viewer},
    fixtures::everyone,
    postgres::database,
    receipts::{exposure, failure, feature, with},
};

/// How many pages report a failure.
const PAGES: usize = 60;

impl TestApp {
    /// Trials and events that guardrails fold which take servers only, and which take browsers too.
    async fn books(&self, flag: &str, metric: &Metric) -> [Tally; 2] {
        let (environment, flag) = (environment_key("production"), FlagKey::parse(flag).expect("a key"));
        let rule = RuleId::parse("everyone").expect("an id");
        let wanted = Accepts::ALL.map(|accepts| (Basis { metric: metric.clone(), accepts }, 0));
        let reader = self.store.guard_reader();
        let found = self.store.guarded_cells(reader, (&environment, &flag, &rule), &wanted, i64::MAX).await;
        let found = found.expect("reads");
        wanted.map(|(basis, _)| {
            let arms = found[&basis].iter().flat_map(|cells| [&cells.treatment, &cells.control]);
            arms.fold(Tally::default(), |sum, cell| sum.plus(cell.tally))
        })
    }

    /// Waits until they are so: writing takes a second.
    async fn books_are(&self, flag: &str, metric: &Metric, expected: [(u64, u64); 2]) {
        let begin = Instant::now();
        let expected = expected.map(|(trials, events)| Tally::new(trials, events));
        loop {
            let books = self.books(flag, metric).await;
            if books == expected {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{metric:?}: {books:?}, not {expected:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_running(&self, flag: &str) -> bool {
        let flag = FlagKey::parse(flag).expect("a key");
        let rollout = self.store.find_rollout(&viewer(), &environment_key("production"), &flag).await;
        rollout.expect("reads").expect("a rollout").value.enabled
    }

    async fn stops(&self, flag: &str) {
        let asked = async {
            while self.is_running(flag).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("{flag} runs"));
    }
}

fn stop(accepts: Option<&str>) -> Json {
    let mut guardrail = json!({"id": "errors", "metric": "error_rate", "limit": {"ceiling": {"limit": 0.05}},
        "action": "stop"});
    if let Some(accepts) = accepts {
        guardrail["accepts"] = json!(accepts);
    }
    guardrail
}

/// Two flags at 50 %, of which one says nothing of whom it listens to, and the other listens to browsers too.
async fn two_flags(app: &TestApp) {
    let manager = app.management_token(Role::Product).await;
    for (flag, guardrail) in [("pay", stop(None)), ("book", stop(Some("servers_and_browsers")))] {
        app.boolean_flag(flag).await;
        app.rules(flag, json!([everyone(50)])).await;
        let body = json!({ "version": 0, "guardrails": [guardrail] });
        let path = format!("/api/v1/flags/{flag}/guardrails");
        let (status, answer) = app.rest(&manager, Method::PUT, &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        let accepts = if flag == "pay" { "servers" } else { "servers_and_browsers" };
        assert_eq!(answer["guardrails"][0]["definition"]["accepts"], accepts);
    }
    app.clock.advance(1_000);
}

async fn pages_stop_only_what_listens_to_them(app: TestApp) {
    two_flags(&app).await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    let mut failures = Vec::new();
    for page in 0..PAGES {
        let subject = format!("page-{page}");
        let context = json!({ "targetingKey": subject });
        let decided = [
            app.decision(&client, "pay", context.clone()).await,
            app.decision(&client, "book", context).await,
        ];
        failures.push(failure(&subject, &decided.map(|it| feature(&it))));
    }
    let answer = app.browser_sends(&client, &failures).await.1;
    assert_eq!((&answer["accepted"], &answer["unverified"]), (&json!(PAGES), &Json::Null), "{answer}");
    app.stops("book").await;
    let pages = PAGES as u64;
    app.books_are("pay", &Metric::ErrorRate, [(0, 0), (pages, pages)]).await;
    assert!(app.is_running("pay").await, "anybody could stop it");
    let manager = app.management_token(Role::Viewer).await;
    let looked = async {
        loop {
            let health = app.rest(&manager, Method::GET, "/api/v1/flags/pay/health?since=0", None).await.1;
            if health.to_string().contains("Errors: no outcomes yet from servers") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looked).await.expect("it says whom it waits for");

    let told: Vec<_> = (0..PAGES)
        .map(|page| {
            let arm = if page % 2 == 0 { "treatment" } else { "control" };
            let served = json!({ "flag": "pay", "variant": "on", "rule": "everyone", "arm": arm });
            failure(&format!("payment-{page}"), &[served])
        })
        .collect();
    assert_eq!(app.tell(&server, &told).await["accepted"], PAGES);
    app.stops("pay").await;
    app.books_are("pay", &Metric::ErrorRate, [(pages, pages), (2 * pages, 2 * pages)]).await;
}

fn config() -> Config {
    Config { look_every: Duration::from_millis(20), ..Config::default() }
}

#[tokio::test]
async fn failures_of_browsers_stop_only_what_listens_to_them() {
    pages_stop_only_what_listens_to_them(TestApp::start_with(config()).await).await;
}

#[tokio::test]
async fn failures_of_browsers_stop_only_what_listens_to_them_on_postgres() {
    let Some(url) = database().await else { return };
    pages_stop_only_what_listens_to_them(TestApp::start_on(&url, config(), Clock::manual(NOW_MS)).await)
        .await;
}

/// One subject of the flag `pay`, which a server and a page tell of.
struct Told<'a> {
    app: &'a TestApp,
    client: &'a str,
    server: &'a str,
    subject: &'a str,
    decided: Json,
}

impl<'a> Told<'a> {
    /// `shown`: the server serves it, which is an exposure; otherwise the page says that it was shown.
    async fn new(
        app: &'a TestApp,
        (client, server): (&'a str, &'a str),
        subject: &'a str,
        by_server: bool,
    ) -> Self {
        let context = json!({ "targetingKey": subject });
        let decided = app.decision(client, "pay", context.clone()).await;
        let told = Self { app, client, server, subject, decided };
        if by_server {
            app.decision(server, "pay", context).await;
        } else {
            told.page(exposure(subject, &told.decided)).await;
        }
        told
    }

    fn outcome(&self, metric: &str, ok: bool) -> Json {
        let event = failure(self.subject, &[feature(&self.decided)]);
        with(with(event, "metric", metric), "ok", ok)
    }

    async fn page(&self, event: Json) {
        assert_eq!(self.app.browser_sends(self.client, &[event]).await.1["accepted"], 1);
    }

    async fn page_tells(&self, metric: &str, ok: bool) {
        self.page(self.outcome(metric, ok)).await;
    }

    async fn server_tells(&self, metric: &str, ok: bool) {
        let event = with(self.outcome(metric, ok), "features", json!([]));
        assert_eq!(self.app.tell(self.server, &[event]).await["accepted"], 1);
    }
}

#[tokio::test]
async fn a_page_changes_nothing_in_the_book_of_servers() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    let tokens = (client.as_str(), server.as_str());

    // A page that says that all is well does not take the place of the server that knows better, nor the other way.
    let ada = Told::new(&app, tokens, "ada", true).await;
    ada.page_tells("error_rate", true).await;
    ada.server_tells("error_rate", false).await;
    app.books_are("pay", &Metric::ErrorRate, [(1, 1), (1, 1)]).await;
    let bob = Told::new(&app, tokens, "bob", true).await;
    bob.server_tells("error_rate", true).await;
    bob.page_tells("error_rate", false).await;
    app.books_are("pay", &Metric::ErrorRate, [(2, 1), (2, 2)]).await;

    // A trial that begins with an exposure, and whose event the page tells first and the server after it.
    app.books_are("pay", &Metric::Conversion, [(2, 0), (2, 0)]).await;
    bob.page_tells("conversion", true).await;
    app.books_are("pay", &Metric::Conversion, [(2, 0), (2, 1)]).await;
    bob.server_tells("conversion", true).await;
    app.books_are("pay", &Metric::Conversion, [(2, 1), (2, 1)]).await;

    // Only a page knows that it was shown to Cyd: for a guardrail of servers nothing began.
    let cyd = Told::new(&app, tokens, "cyd", false).await;
    cyd.server_tells("conversion", true).await;
    cyd.server_tells("complaints", false).await;
    app.books_are("pay", &Metric::Conversion, [(2, 1), (3, 2)]).await;
    app.books_are("pay", &Metric::Complaints, [(3, 1), (3, 1)]).await;

    // Dan's page says that all is well while the server's report never comes.
    let dan = Told::new(&app, tokens, "dan", true).await;
    app.clock.advance(3_000);
    dan.page_tells("error_rate", true).await;
    app.clock.advance(61_000);
    app.books_are("pay", &Metric::MissingOutcome, [(3, 1), (4, 0)]).await;
}

#[tokio::test]
async fn no_page_takes_away_whom_a_server_placed() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    // A page keeps what it was answered while there was no rule.
    let before = app.decision(&client, "pay", json!({ "targetingKey": "ada" })).await;
    app.rules("pay", json!([everyone(50)])).await;
    let ada = Told::new(&app, (&client, &server), "ada", true).await;
    app.clock.advance(1_000);
    ada.page(exposure("ada", &before)).await;
    ada.server_tells("error_rate", false).await;
    app.books_are("pay", &Metric::ErrorRate, [(1, 1), (1, 1)]).await;
}

#[tokio::test]
async fn a_complaint_counts_with_its_receipt_and_is_only_read_without() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    let ada = Told::new(&app, (&client, &server), "ada", true).await;
    let bob = Told::new(&app, (&client, &server), "bob", true).await;
    app.books_are("pay", &Metric::Complaints, [(2, 0), (2, 0)]).await;
    let complain = async |token: &str, subject: &str, features: Json| {
        let body = json!({ "subject": subject, "rating": 1, "flag": "pay", "features": features });
        let request = app.request(Method::POST, "/api/v1/feedback").bearer_auth(token);
        let request = request.header("Origin", "https://shop.test").json(&body);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
    };
    complain(&client, "ada", json!([])).await;
    complain(&client, "ada", json!([feature(&bob.decided)])).await;
    app.unverified_are("pay", 2).await;
    app.books_are("pay", &Metric::Complaints, [(2, 0), (2, 0)]).await;
    complain(&client, "ada", json!([feature(&ada.decided)])).await;
    app.books_are("pay", &Metric::Complaints, [(2, 0), (2, 1)]).await;
    complain(&server, "bob", json!([])).await;
    app.books_are("pay", &Metric::Complaints, [(2, 1), (2, 2)]).await;
}
