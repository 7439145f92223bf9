//! Events: what is taken, what is refused, what is sent twice, and what becomes of it when the server stops.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use server::Config;
use store::{Action, AuditFilter, Clock, NewToken, Principal, Role, Store, TokenKind};

use crate::{
    app::{NOW_MS, TestApp, administrator, editor, environment_key},
    fixtures::everyone,
};

const EVENTS: &str = "/api/v1/events";
const EXPOSURES: &str = "/api/v1/flags/fast-payment/exposures";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub fn exposure(subject: &str) -> Json {
    json!({"type": "exposure", "subject": subject, "flag": "fast-payment", "variant": "on", "revision": 2})
}

pub fn with(mut item: Json, changes: Json) -> Json {
    let members = item.as_object_mut().expect("an object");
    members.extend(changes.as_object().expect("an object").clone());
    item
}

impl TestApp {
    pub async fn send(&self, token: &str, events: &[Json]) -> (u16, Json) {
        self.rest(token, Method::POST, EVENTS, Some(json!({ "events": events }))).await
    }

    /// The lines of the ledger about `fast-payment`, once there are as many as this.
    pub async fn ledger(&self, lines: usize) -> Vec<Json> {
        let support = self.management_token(Role::Support).await;
        let asked = async {
            loop {
                let (status, body) = self.rest(&support, Method::GET, EXPOSURES, None).await;
                assert_eq!(status, 200, "{body}");
                let found = body["exposures"].as_array().expect("a list").clone();
                if found.len() >= lines {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), asked).await.expect("in the ledger")
    }
}

#[tokio::test]
async fn what_a_page_served_is_in_the_ledger() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let client = app.server_token().await;
    let full = json!({"id": "e-1", "rule": "everyone", "arm": "treatment", "time": NOW_MS - 5000});
    let text = with(
        exposure("u-1"),
        json!({"id": "e-2", "rule": "everyone", "arm": "treatment",
        "time": "2027-01-15T08:00:00Z"}),
    );
    let (status, body) = app.send(&client, &[with(exposure("u-1"), full), text, exposure("u-2")]).await;
    assert_eq!((status, &body), (202, &json!({"accepted": 3, "duplicates": 0, "rejected": []})));
    let lines = app.ledger(2).await;
    let line = lines.iter().find(|line| line["subject"] == "u-1").expect("u-1");
    let expected = json!({"subject": "u-1", "flag": "fast-payment", "variant": "on", "revision": 2,
        "rule": "everyone", "arm": "treatment", "first": NOW_MS - 5000, "last": NOW_MS, "count": 2});
    assert_eq!(line, &expected);
}

#[tokio::test]
async fn an_event_sent_again_does_nothing_even_after_a_restart() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let clock = Clock::manual(NOW_MS);
    let mut app = TestApp::start_on(&url, Config::default(), clock.clone()).await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let event = with(exposure("u-1"), json!({"id": "e-1"}));
    let both = [event.clone(), event.clone()];
    assert_eq!(app.send(&token, &both).await.1, json!({"accepted": 1, "duplicates": 1, "rejected": []}));
    app.stop().await;
    let app = TestApp::start_on(&url, Config::default(), clock).await;
    let (_, body) = app.send(&token, &[event, with(exposure("u-2"), json!({"id": "e-2"}))]).await;
    assert_eq!(body, json!({"accepted": 1, "duplicates": 1, "rejected": []}));
    let lines = app.ledger(2).await;
    assert!(lines.iter().all(|line| line["count"] == 1), "{lines:?}");
}

#[tokio::test]
async fn a_bad_item_spoils_no_other_and_is_told_why() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let bad = [
        (json!(7), "invalid type"),
        (json!({}), "type"),
        (json!({"type": "sale"}), "sale"),
        (json!({"type": "exposure"}), "subject"),
        (with(exposure("u"), json!({"subject": ""})), "\"subject\" must not be empty"),
        (with(exposure("u"), json!({"subject": "a\u{0}b"})), "control characters"),
        (with(exposure("u"), json!({"subject": "x".repeat(257)})), "longer than 256"),
        (with(exposure("u"), json!({"subject": 7})), "expected a string"),
        (with(exposure("u"), json!({"flag": "a b"})), "\"flag\" may contain only"),
        (with(exposure("u"), json!({"flag": "other"})), "no flag \"other\" in production"),
        (with(exposure("u"), json!({"variant": "maybe"})), "no variant \"maybe\""),
        (with(exposure("u"), json!({"revision": -1})), "-1"),
        (with(exposure("u"), json!({"revision": u64::MAX})), "too large"),
        (with(exposure("u"), json!({"rule": "a/b"})), "\"rule\" may contain only"),
        (with(exposure("u"), json!({"arm": "left"})), "treatment"),
        (with(exposure("u"), json!({"id": ""})), "\"id\" has 1 to 128 bytes"),
        (with(exposure("u"), json!({"id": "x".repeat(129)})), "\"id\" has 1 to 128 bytes"),
        (with(exposure("u"), json!({"time": "soon"})), "2026-03-01"),
        (with(exposure("u"), json!({"time": true})), "\"time\" is epoch milliseconds"),
        (with(exposure("u"), json!({"time": NOW_MS + 600_001})), "10 minutes ahead"),
        (with(exposure("u"), json!({"time": i64::MAX})), "10 minutes ahead"),
        (with(exposure("u"), json!({"time": NOW_MS - 181 * DAY_MS})), "older than"),
        (with(exposure("u"), json!({"time": i64::MIN})), "older than"),
    ];
    let mut items: Vec<_> = bad.iter().map(|(item, _)| item.clone()).collect();
    items.push(with(exposure("good"), json!({"time": NOW_MS + 600_000})));
    items.push(with(exposure("good"), json!({"time": NOW_MS - 179 * DAY_MS})));
    let (status, body) = app.send(&token, &items).await;
    assert_eq!((status, &body["accepted"]), (202, &json!(2)), "{body}");
    let rejected = body["rejected"].as_array().expect("a list");
    assert_eq!(rejected.len(), bad.len(), "{body}");
    for (index, (item, why)) in bad.iter().enumerate() {
        assert_eq!(rejected[index]["index"], json!(index));
        let detail = rejected[index]["detail"].as_str().expect("a text");
        assert!(detail.contains(why) && !detail.contains("column"), "{item}: {detail}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_refused() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let post = |body: String| app.request(Method::POST, EVENTS).bearer_auth(&token).body(body).send();
    let many = json!({"events": vec![exposure("u"); 1001]}).to_string();
    let large = format!("{{\"events\": [], \"x\": \"{}\"}}", "x".repeat(1024 * 1024));
    for (body, expected) in [
        (String::new(), 400),
        ("{".into(), 400),
        ("[]".into(), 400),
        ("{}".into(), 400),
        ("{\"events\": {}}".into(), 400),
        ("[".repeat(100_000), 400),
        (many, 422),
        (large, 413),
        ("{\"events\": []}".into(), 202),
    ] {
        let answer = post(body.clone()).await.expect("an answer");
        assert_eq!(answer.status(), expected, "{}", &body[..body.len().min(60)]);
    }
}

#[tokio::test]
async fn browsers_send_with_a_client_token_from_its_origins() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let client = app.client_token().await;
    let from = async |origin: &str| -> Response {
        let request = app.request(Method::POST, EVENTS).bearer_auth(&client).header("Origin", origin);
        let body = json!({"events": [exposure("u-1")]}).to_string();
        request.header("Content-Type", "text/plain;charset=UTF-8").body(body).send().await.expect("an answer")
    };
    let answer = from("https://shop.test").await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.test");
    let refused = from("https://evil.test").await;
    assert_eq!(refused.status(), 403);
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
    let preflight = app
        .request(Method::OPTIONS, EVENTS)
        .header("Origin", "https://shop.test")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type");
    assert_eq!(preflight.send().await.expect("an answer").status(), 204);
}

#[tokio::test]
async fn only_server_and_client_tokens_send_and_the_address_holds_none() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (client, admin) = (app.client_token().await, app.management_token(Role::Admin).await);
    assert_eq!(app.send(&admin, &[exposure("u")]).await.0, 403);
    assert_eq!(app.send("wrong", &[exposure("u")]).await.0, 401);
    let in_address = app.request(Method::POST, &format!("{EVENTS}?token={client}"));
    let answer = in_address.json(&json!({"events": [exposure("u")]})).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    let read = app.rest(&client, Method::GET, EXPOSURES, None).await;
    assert_eq!(read.0, 403, "a client token reads nobody's exposures");
}

#[tokio::test]
async fn a_full_buffer_refuses_events_and_fails_no_decision() {
    let app = TestApp::start_with(Config { events_waiting_max: 2, ..Config::default() }).await;
    app.boolean_flag("fast-payment").await;
    app.everyone("fast-payment").await;
    let token = app.server_token().await;
    let three: Vec<_> = (0..3).map(|n| with(exposure("u"), json!({"id": format!("e-{n}")}))).collect();
    let request = app.request(Method::POST, EVENTS).bearer_auth(&token).json(&json!({ "events": three }));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "2");
    let problem: Json = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "too_many_requests");
    for n in 0..5 {
        app.decision(&token, "fast-payment", json!({"targetingKey": format!("u-{n}")})).await;
    }
    let (status, body) = app.send(&token, &three[..1]).await;
    assert!(status == 429 || body["accepted"] == 1, "a refused event was not remembered: {status} {body}");
}

#[tokio::test]
async fn a_single_decision_for_a_server_is_an_exposure() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    let context = |who: &str| json!({"targetingKey": who});
    let decision = app.decision(&server, "fast-payment", context("served")).await;
    app.decision(&client, "fast-payment", context("browser")).await;
    app.decision(&server, "fast-payment", json!({})).await;
    let declined =
        app.evaluate(&server, "fast-payment", &context("header")).header("X-Fader-Exposure", "none");
    assert_eq!(declined.send().await.expect("an answer").status(), 200);
    let asked = app.evaluate(&server, "fast-payment?exposure=none", &context("query")).send().await;
    assert_eq!(asked.expect("an answer").status(), 200);
    app.evaluate_all(&server, &context("bulk")).send().await.expect("an answer");
    let missing = app.evaluate(&server, "nothing", &context("missing")).send().await.expect("an answer");
    assert_eq!(missing.status(), 404);
    app.send(&server, &[exposure("last")]).await;
    let lines = app.ledger(2).await;
    let mut who: Vec<_> = lines.iter().map(|line| line["subject"].as_str().expect("a text")).collect();
    who.sort_unstable();
    assert_eq!(who, ["last", "served"]);
    let served = lines.iter().find(|line| line["subject"] == "served").expect("served");
    assert_eq!(served["revision"], decision["metadata"]["revision"]);
    assert_eq!((&served["rule"], &served["arm"]), (&json!("everyone"), &json!("treatment")));
}

#[tokio::test]
async fn who_saw_a_flag_is_read_page_by_page_and_that_is_audited() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let server = app.server_token().await;
    let items: Vec<_> =
        (0..5).map(|n| with(exposure(&format!("u-{n}")), json!({"time": NOW_MS - n * 1000}))).collect();
    app.send(&server, &items).await;
    app.send(&server, &[with(exposure("u-9"), json!({"variant": "off", "time": NOW_MS - DAY_MS}))]).await;
    app.ledger(6).await;
    let support = app.management_token(Role::Support).await;
    let get =
        async |query: String| app.rest(&support, Method::GET, &format!("{EXPOSURES}{query}"), None).await;
    let who = |body: &Json| {
        let lines = body["exposures"].as_array().expect("a list").iter();
        lines.map(|line| line["subject"].as_str().expect("a text").to_owned()).collect::<Vec<_>>().join(" ")
    };
    let (status, first) = get("?limit=4".into()).await;
    assert_eq!((status, who(&first).as_str()), (200, "u-0 u-1 u-2 u-3"));
    let (_, second) = get(format!("?limit=4&cursor={}", first["next"].as_str().expect("a cursor"))).await;
    assert_eq!((who(&second).as_str(), &second["next"]), ("u-4 u-9", &Json::Null));
    assert_eq!(who(&get("?variant=off".into()).await.1), "u-9");
    let range = format!("?from={}&to=2027-01-15T08:00:00Z", NOW_MS - 2000);
    assert_eq!(who(&get(range).await.1), "u-1 u-2", "half-open");
    for unread in ["?limit=x", "?rule=%00", "?until=1"] {
        assert_eq!(get(unread.into()).await.0, 400, "{unread}");
    }
    for refused in ["?cursor=x", "?from=soon", "?variant=a%20b", "?limit=0", "?limit=501"] {
        assert_eq!(get(refused.into()).await.0, 422, "{refused}");
    }
    let (status, _) = app.rest(&support, Method::GET, "/api/v1/flags/nothing/exposures", None).await;
    assert_eq!(status, 404);
    let filter = AuditFilter { action: Some(Action::ExposuresRead), ..AuditFilter::default() };
    let by = Principal::command_line().audit_reader().expect("may");
    let entries = app.store.list_audit(&by, &filter).await.expect("reads");
    assert_eq!(entries.len(), 2, "one per token, flag and ten minutes");
}

#[tokio::test]
async fn only_roles_that_look_up_people_read_exposures() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    for role in Role::ALL {
        let token = app.management_token(role).await;
        let (status, body) = app.rest(&token, Method::GET, EXPOSURES, None).await;
        let expected = if role == Role::Viewer { 403 } else { 200 };
        assert_eq!(status, expected, "{role}: {body}");
    }
}

#[tokio::test]
async fn the_exposures_page_says_who_to_those_who_may_know() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let page = "/flags/fast-payment/exposures";
    let look = async |cookie: &str, path: &str| {
        let answer = app.request(Method::GET, path).header("Cookie", cookie).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (support, viewer) = (app.sign_in(Role::Support).await, app.sign_in(Role::Viewer).await);
    assert!(look(&support, page).await.1.contains("No exposures yet"));
    let server = app.server_token().await;
    let odd = with(exposure("=cmd|<b>"), json!({"variant": "off", "time": NOW_MS - DAY_MS}));
    app.send(&server, &[exposure("ada.moreau"), odd]).await;
    app.ledger(2).await;
    let (status, html) = look(&support, page).await;
    assert_eq!(status, 200);
    assert!(html.contains("ada.moreau") && html.contains("=cmd|&lt;b&gt;"), "{html}");
    assert!(html.contains("Served per 6 hours. on: 1 time") && html.contains("; off: 1 time"), "{html}");
    let (_, html) = look(&support, &format!("{page}?variant=off")).await;
    assert!(!html.contains("ada.moreau") && html.contains("=cmd|"), "{html}");
    let (_, html) = look(&viewer, page).await;
    assert!(html.contains("Served per 6 hours") && !html.contains("ada.moreau"), "{html}");
    let csv = "/flags/fast-payment/exposures.csv";
    assert_eq!(look(&viewer, csv).await.0, 403);
    let file = app.request(Method::GET, csv).header("Cookie", &support).send().await.expect("an answer");
    assert_eq!(file.status(), 200);
    let bytes = file.bytes().await.expect("a file");
    let text = std::str::from_utf8(&bytes).expect("UTF-8");
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark, by which Excel knows UTF-8");
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("subject,flag,variant") && lines[1].starts_with("ada.moreau,fast-payment,on,2")
    );
    assert!(lines[2].starts_with("'=cmd|<b>,"), "{text}");
    app.clock.advance(60_000);
    let desk = look(&viewer, "/").await.1;
    assert!(desk.contains("Served a minute") && desk.contains("<td class=\"num\">1<"), "{desk}");
}

/// The real binary: what was accepted before SIGTERM is in the database afterwards.
#[tokio::test]
async fn a_server_told_to_stop_writes_down_what_it_took() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let store = Store::open(&url, Clock::System).await.expect("a database");
    let flag = engine::Flag::boolean(engine::FlagKey::parse("fast-payment").expect("a key"), "Fast payment");
    store.create_flag(&editor(), flag).await.expect("a flag");
    let new = NewToken::new("backend", TokenKind::Server, environment_key("production"));
    let token = store.create_token(&administrator(), new).await.expect("a token");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fader"))
        .args(["serve", "--addr", "127.0.0.1:0"])
        .env_clear()
        .env("FADER_DATABASE_URL", &url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    let address = first.rsplit(' ').next().expect("an address").to_owned();
    let body = json!({"events": [exposure("u-1"), exposure("u-2")]});
    // This process has no server of its own that would have chosen it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new().post(format!("{address}{EVENTS}")).bearer_auth(&token).json(&body);
    assert_eq!(request.send().await.expect("an answer").status(), 202);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    assert!(child.wait().expect("ends").success());
    let reader = Principal::command_line().people_reader().expect("may");
    let subject = engine::SubjectKey::parse("u-2").expect("a key");
    let seen = store.exposures_of(&reader, &environment_key("production"), &subject).await.expect("reads");
    assert_eq!(seen.len(), 1);
}
