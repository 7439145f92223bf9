//! *Connect your app*: the program, the token that a press makes, and the lights that show when Fader hears of it.

use std::time::{Duration, Instant};

use reqwest::{Method, header};
use serde_json::json;
use server::Config;
use store::{Action, AuditFilter, Principal, Role};

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::everyone,
};

const PAGE: &str = "/flags/pay/connect";

impl TestApp {
    async fn connect_page(&self, cookie: &str, path: &str) -> String {
        let answer = self.request(Method::GET, path).header(header::COOKIE, cookie).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a page")
    }

    /// Presses the button, and gives the secret on the page.
    async fn press_for_token(&self, cookie: &str, path: &str, origin: &str) -> Option<String> {
        let fields = [("do", "token"), ("origin", origin)];
        let answer = self.form(path, Some(cookie), &fields).send().await.expect("an answer");
        let (status, page) = (answer.status(), answer.text().await.expect("a page"));
        let secret = page.split("value=\"fdr_").nth(1)?.split('"').next()?;
        assert_eq!(status, 200);
        Some(format!("fdr_{secret}"))
    }

    /// The page once so many lights are on.
    async fn lit(&self, cookie: &str, path: &str, lights: usize) -> String {
        let begin = Instant::now();
        loop {
            let page = self.connect_page(cookie, path).await;
            let on = page.matches(">Seen<").count();
            if on == lights {
                return page;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{on} of {lights} lights are on: {page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn each_light_turns_on_at_the_first_of_its_kind() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(100)])).await;
    let viewer = app.sign_in(Role::Viewer).await;
    let dark = app.lit(&viewer, PAGE, 0).await;
    assert!(dark.contains("No application has asked for it in Production yet."), "{dark}");

    let token = app.server_token().await;
    let unseen = app.evaluate(&token, "pay", &json!({"targetingKey": "u-1"}));
    unseen.header("X-Fader-Exposure", "none").send().await.expect("an answer");
    app.clock.advance(4000);
    let asked = app.lit(&viewer, PAGE, 1).await;
    assert!(asked.contains("08:00:00 UTC") && asked.contains(", 4 s ago."), "{asked}");

    app.decision(&token, "pay", json!({"targetingKey": "u-1"})).await;
    app.lit(&viewer, PAGE, 2).await;
    app.tell(&token, &[json!({"type": "outcome", "subject": "u-1", "metric": "error_rate", "ok": true})])
        .await;
    app.lit(&viewer, PAGE, 3).await;

    app.clock.advance(60_000);
    app.decision(&token, "pay", json!({"targetingKey": "u-1"})).await;
    app.clock.advance(5000);
    let begin = Instant::now();
    while !app.connect_page(&viewer, PAGE).await.contains("Heard last 5 s ago.") {
        assert!(begin.elapsed() < Duration::from_secs(20), "asked once more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let elsewhere = app.connect_page(&viewer, &format!("{PAGE}?env=staging")).await;
    assert_eq!(elsewhere.matches(">Seen<").count(), 0, "each environment has its own: {elsewhere}");
    let list = app.connect_page(&viewer, "/connect").await;
    assert!(list.contains(">Connected<") && !list.contains(">Waiting<"), "{list}");
}

#[tokio::test]
async fn an_answer_about_all_flags_says_so_and_lights_no_flag_that_came_later() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let (viewer, token) = (app.sign_in(Role::Viewer).await, app.server_token().await);
    app.evaluate_all(&token, &json!({"targetingKey": "u-1"})).send().await.expect("an answer");
    let page = app.lit(&viewer, PAGE, 1).await;
    assert!(page.contains("Asked for together with all other flags"), "{page}");
    app.clock.advance(60_000);
    app.boolean_flag("later").await;
    let later = app.connect_page(&viewer, "/flags/later/connect").await;
    assert_eq!(later.matches(">Seen<").count(), 0, "{later}");
}

#[tokio::test]
async fn what_was_heard_outlives_the_server() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let start = || TestApp::start_on(&url, Config::default(), store::Clock::manual(NOW_MS));
    let mut app = start().await;
    app.boolean_flag("pay").await;
    let (viewer, token) = (app.sign_in(Role::Viewer).await, app.server_token().await);
    app.decision(&token, "pay", json!({"targetingKey": "u-1"})).await;
    // Before the writer's next turn: stopping writes it down.
    app.stop().await;
    let app = start().await;
    let page = app.connect_page(&viewer, PAGE).await;
    assert_eq!(page.matches(">Seen<").count(), 2, "{page}");
}

#[tokio::test]
async fn a_press_makes_a_token_that_works_and_is_audited() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let admin = app.sign_in(Role::Admin).await;
    let path = format!("{PAGE}?language=python");
    let page = app.connect_page(&admin, &path).await;
    assert!(page.contains("Make a token") && page.contains("FADER_TOKEN='&lt;your token&gt;'"), "{page}");
    let secret = app.press_for_token(&admin, &path, "").await.expect("a secret");
    assert!(secret.starts_with("fdr_server_production_"), "{secret}");
    app.decision(&secret, "pay", json!({"targetingKey": "u-1"})).await;
    assert!(!app.connect_page(&admin, &path).await.contains(&secret), "shown once");

    let staging = app.press_for_token(&admin, &format!("{PAGE}?env=staging"), "").await.expect("a secret");
    assert!(staging.starts_with("fdr_server_staging_"), "{staging}");
    let reader = Principal::command_line().audit_reader().expect("may read");
    let made = AuditFilter { action: Some(Action::TokenCreated), ..AuditFilter::default() };
    let entries = app.store.list_audit(&reader, &made).await.expect("entries");
    let said = |what: &str| entries.iter().any(|entry| entry.sentence.contains(what));
    assert!(said("created the server token Connect: pay (Python) for production"), "{entries:?}");
    assert!(said("Connect: pay (JavaScript, server) for staging"), "{entries:?}");
}

#[tokio::test]
async fn a_page_gets_a_token_for_its_origin_only() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let admin = app.sign_in(Role::Admin).await;
    let path = format!("{PAGE}?language=web");
    let fields = [("do", "token"), ("origin", "shop.test/checkout")];
    let answer = app.form(&path, Some(&admin), &fields).send().await.expect("an answer");
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.expect("a page");
    assert!(page.contains("value=\"shop.test/checkout\"") && page.contains("field-origin-error"), "{page}");
    let secret = app.press_for_token(&admin, &path, "https://shop.test").await.expect("a secret");
    assert!(secret.starts_with("fdr_client_production_"), "{secret}");
    for (origin, status) in [("https://shop.test", 200), ("https://elsewhere.test", 403)] {
        let asked = app.evaluate(&secret, "pay", &json!({"targetingKey": "u-1"}));
        let answer = asked.header(header::ORIGIN, origin).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn whoever_makes_no_tokens_is_told_whom_to_ask() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.sign_in(Role::Admin).await;
    for role in [Role::Product, Role::Qa, Role::Support, Role::Viewer] {
        let cookie = app.sign_in(role).await;
        let page = app.connect_page(&cookie, PAGE).await;
        assert!(page.contains("Tokens are made by an admin: ask A member."), "{role}: {page}");
        assert!(!page.contains("Make a token") && page.contains("&lt;your token&gt;"), "{role}");
    }
}

#[tokio::test]
async fn the_program_has_the_address_that_the_reader_used_or_that_was_configured() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let viewer = app.sign_in(Role::Viewer).await;
    let page = app.connect_page(&viewer, &format!("{PAGE}?language=curl")).await;
    assert!(page.contains(&format!("curl -s {}/ofrep/v1/evaluate/flags/pay", app.url)), "{page}");
    let host = async |app: &TestApp, host: &str| {
        let asked = app.request(Method::GET, PAGE).header(header::COOKIE, &viewer).header(header::HOST, host);
        asked.send().await.expect("an answer").text().await.expect("a page")
    };
    assert!(host(&app, "fader.lan:8080").await.contains("'http://fader.lan:8080'"));
    assert!(!host(&app, "x';reboot;'").await.contains("reboot"));

    let public_url = Some("https://fader.test".parse().expect("an address"));
    let app = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    app.boolean_flag("pay").await;
    app.sign_in(Role::Viewer).await;
    let session = app
        .store
        .sign_in("viewer@example.test", crate::app::PASSWORD, &store::RequestOrigin::default(), "test")
        .await;
    let cookie = format!("__Host-fader_session={}", session.expect("a session").token);
    let asked =
        app.request(Method::GET, PAGE).header(header::COOKIE, cookie).header(header::HOST, "evil.test");
    let page = asked.send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("'https://fader.test'") && !page.contains("evil.test"), "{page}");
}

#[tokio::test]
async fn an_empty_installation_leads_from_the_desk_to_the_first_flag_and_its_program() {
    let app = TestApp::start().await;
    let editor = app.sign_in(Role::Product).await;
    assert!(app.connect_page(&editor, "/").await.contains("href=\"/connect\""));
    let page = app.connect_page(&editor, "/connect").await;
    assert!(page.contains("/flags/new?then=connect"), "{page}");
    assert!(
        app.connect_page(&editor, "/flags/new?then=connect")
            .await
            .contains("action=\"/flags/new?then=connect\"")
    );
    let fields = [("name", "Pay"), ("key", ""), ("kind", "release"), ("type", "number")];
    let made = app.form("/flags/new?then=connect", Some(&editor), &fields).send().await.expect("an answer");
    assert_eq!(made.headers()[header::LOCATION], PAGE, "{:?}", made.status());
    for path in ["/flags/pay/health", "/flags/pay/exposures"] {
        assert!(app.connect_page(&editor, path).await.contains(&format!("href=\"{PAGE}\"")), "{path}");
    }
    let page = app.connect_page(&editor, PAGE).await;
    assert!(page.contains("getNumberValue(") && page.contains("no rule in Production yet"), "{page}");
    let nobody = app.sign_in(Role::Viewer).await;
    assert!(app.connect_page(&nobody, "/connect").await.contains(PAGE));
}
