//! Who is slow, greedy or a stranger is in nobody's way.

use std::{
    io,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use server::{Config, limits};
use store::{Role, TokenKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::app::TestApp;

/// Far less than the ten seconds that a body may take, far more than an answer needs.
const AT_ONCE: Duration = Duration::from_secs(5);
const ROUTER: &str = include_str!("../../../app/src/router.rs");
const OTHERS: [(&str, &str); 7] = [
    ("POST", "/ofrep/v1/evaluate/flags/x"),
    ("POST", "/ofrep/v1/evaluate/flags"),
    ("GET", "/ofrep/v1/stream/x"),
    ("POST", "/v1/traces"),
    ("POST", "/v1/logs"),
    ("GET", "/widget.js"),
    ("GET", "/readyz"),
];

/// A request whose body does not arrive: one byte now and then.
struct Slow {
    what: String,
    stream: TcpStream,
}

/// What came back, and after how long it and the end of the connection came.
struct Finished {
    what: String,
    text: String,
    answered: Duration,
    ended: Option<Duration>,
}

impl Slow {
    async fn send(app: &TestApp, method: &str, path: &str, header: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(app.address).await?;
        let host = app.address;
        let origin =
            if header.contains("Origin") { String::new() } else { format!("Origin: http://{host}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{origin}{header}Content-Length: 1000\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        Ok(Self { what: format!("{method} {path} {header}"), stream })
    }

    /// Until the connection ends, or a while after its answer began.
    async fn outcome(self) -> Finished {
        let Self { what, stream } = self;
        let started = Instant::now();
        let (mut reading, mut writing) = stream.into_split();
        let dripping = tokio::spawn(async move {
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let (mut bytes, mut answered, mut ended) = (Vec::new(), None, None);
        let mut part = vec![0; 4096];
        while let Ok(read) = tokio::time::timeout(AT_ONCE, reading.read(&mut part)).await {
            answered.get_or_insert_with(|| started.elapsed());
            match read {
                Ok(0) | Err(_) => {
                    ended = Some(started.elapsed());
                    break;
                }
                Ok(length) => bytes.extend_from_slice(&part[..length]),
            }
        }
        dripping.abort();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Finished { what, text, answered: answered.unwrap_or(Duration::MAX), ended }
    }
}

/// Every operation of the document.
async fn operations(app: &TestApp) -> Vec<(String, String)> {
    let document: Json = app.get("/api/v1/openapi.json").await.json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase(), path.replace(['{', '}'], "")))
    });
    operations.collect()
}

/// Every address of the dashboard, as its router names them.
fn pages() -> Vec<String> {
    let routes = ROUTER.split(".route(").skip(1);
    let paths =
        routes.filter_map(|route| route.split('"').nth(1)).map(|path| path.replace(['{', '}', '*'], ""));
    let pages: Vec<_> = paths.collect();
    assert!(pages.len() > 40 && pages.contains(&"/settings/members".to_owned()), "{pages:?}");
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_body_ends_in_time_on_every_route() {
    let many = NonZeroU32::new(100_000).expect("not zero");
    let config = Config {
        body_read_max: Duration::from_millis(500),
        wrong_tokens_per_minute: many,
        ..Config::default()
    };
    let app = TestApp::start_with(config).await;
    let bearer = |token: String| format!("Authorization: Bearer {token}\r\n");
    let admin = app.sign_in(Role::Admin).await;
    let viewer = app.sign_in(Role::Viewer).await;
    let who = [
        String::new(),
        bearer(app.server_token().await),
        format!("{}Origin: https://shop.test\r\n", bearer(app.client_token().await)),
        bearer(app.token(TokenKind::Admin(Role::Admin), "production", &[]).await),
        format!("Cookie: {admin}\r\n"),
        format!("Cookie: {viewer}\r\n"),
    ];
    let mut routes = operations(&app).await;
    routes.extend(OTHERS.map(|(method, path)| (method.to_owned(), path.to_owned())));
    let methods = ["GET", "POST", "PUT"];
    routes
        .extend(pages().into_iter().flat_map(|path| methods.map(|method| (method.to_owned(), path.clone()))));
    for who in who {
        let slow = join_all(routes.iter().map(|(method, path)| Slow::send(&app, method, path, &who))).await;
        let outcomes = slow.into_iter().map(|slow| slow.expect("connects").outcome());
        for outcome in join_all(outcomes).await {
            let Finished { what, text, answered, ended } = outcome;
            assert!(answered < AT_ONCE && text.starts_with("HTTP/1.1 "), "{what}: {answered:?} {text}");
            let is_stream = text.contains("text/event-stream");
            assert!(is_stream || ended.is_some_and(|after| after < AT_ONCE), "{what} stays open: {text}");
        }
    }
    assert_eq!(app.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn without_a_token_nobody_is_waited_for() {
    let app = TestApp::start().await;
    for (method, path) in operations(&app).await {
        let slow = Slow::send(&app, &method, &path, "").await.expect("connects");
        let mut start = [0; 12];
        let mut stream = slow.stream;
        let reading = tokio::time::timeout(AT_ONCE, stream.read_exact(&mut start)).await;
        reading.expect("it does not wait for the body").expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 401", "{method} {path}");
    }
}

#[tokio::test]
async fn a_stranger_sends_small_forms_and_only_where_strangers_do() {
    let app = TestApp::start().await;
    let large = "x".repeat(limits::STRANGER_BODY_BYTES_MAX);
    for (path, status) in [
        ("/sign-in", 413),
        ("/setup", 413),
        ("/theme", 413),
        ("/invite/x", 413),
        ("/join/x", 413),
        ("/call/find", 413),
        ("/flags/new", 303),
        ("/import/people", 303),
    ] {
        let answer = app.form(path, None, &[("a", &large)]).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
    }
    let mut head = Slow::send(&app, "POST", "/import/people", "").await.expect("connects").stream;
    let mut start = [0; 12];
    tokio::time::timeout(AT_ONCE, head.read_exact(&mut start)).await.expect("at once").expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 303");
    let cookie = app.sign_in(Role::Product).await;
    let answer = app.form("/flags/new", Some(&cookie), &[("name", &large)]).send().await.expect("an answer");
    assert_eq!(answer.status(), 422, "members may send large forms");
}

#[tokio::test]
async fn bodies_that_are_too_much_together_wait_and_decisions_do_not() {
    let app = TestApp::start_with(Config { bodies_bytes_max: 100_000, ..Config::default() }).await;
    app.boolean_flag("pay").await;
    let token = app.server_token().await;
    let events = || app.request(Method::POST, "/api/v1/events").bearer_auth(&token);
    let padded = |bytes: usize| format!("{{\"events\":[]{}}}", " ".repeat(bytes));
    let refused = events().body(padded(400_000)).send().await.expect("an answer");
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Json = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "unavailable");
    app.decision(&token, "pay", json!({"targetingKey": "u-1"})).await;
    let small = events().body(padded(50_000)).send().await.expect("an answer");
    assert_eq!(small.status(), 202, "what was refused takes nothing any more");
}

#[tokio::test]
async fn a_document_of_many_small_values_is_refused() {
    let app = TestApp::start().await;
    let token = app.writing_token().await;
    let people = format!("{{\"people\":[{}{{}}]}}", "{},".repeat(60_000));
    let request = app.request(Method::POST, "/api/v1/people").bearer_auth(&token).body(people);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    let problem: Json = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "too_large");
}

#[tokio::test]
async fn idle_connections_and_slow_heads_keep_no_decision_waiting() {
    let config = Config { connections_max: 20, connections_per_address_max: Some(20), ..Config::default() };
    let app = TestApp::start_with(config).await;
    app.boolean_flag("pay").await;
    let token = app.server_token().await;
    let mut idle = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(app.address).await.expect("connects");
        if number % 2 == 0 {
            stream.write_all(b"POST /ofrep/v1/eval").await.expect("sent");
        }
        idle.push(stream);
    }
    for _ in 0..20 {
        let started = Instant::now();
        let fresh = reqwest::Client::new();
        let path = format!("{}/ofrep/v1/evaluate/flags/pay", app.url);
        let request = fresh.post(path).bearer_auth(&token).body(r#"{"context":{"targetingKey":"u"}}"#);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
        assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn one_address_takes_its_share_of_the_connections() {
    let config = Config { connections_max: 100, connections_per_address_max: Some(4), ..Config::default() };
    let app = TestApp::start_with(config).await;
    let token = app.token(TokenKind::Client, "production", &["*"]).await;
    let bulk: Json =
        app.evaluate_all(&token, &json!({})).send().await.expect("an answer").json().await.expect("JSON");
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path").to_owned();
    let mut streams = Vec::new();
    for _ in 0..4 {
        // The first of them takes the place of the idle connection that asked.
        let answer = reqwest::Client::new().get(format!("{}{path}", app.url)).send().await;
        streams.push(answer.expect("an answer"));
    }
    let refused = reqwest::Client::new().get(format!("{}/healthz", app.url)).send().await;
    assert!(refused.is_err(), "all of its connections are busy");
    streams.pop();
    let freed = async {
        while reqwest::Client::new().get(format!("{}/healthz", app.url)).send().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(AT_ONCE, freed).await.expect("a place is free again");
}

#[tokio::test]
async fn a_head_has_less_time_than_an_idle_connection() {
    let config = Config { head_read_max: Duration::from_millis(300), ..Config::default() };
    let app = TestApp::start_with(config).await;
    let mut idle = TcpStream::connect(app.address).await.expect("connects");
    let mut slow = TcpStream::connect(app.address).await.expect("connects");
    let dripping = async {
        while slow.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(AT_ONCE, dripping).await.expect("the slow one is closed");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let mut start = [0; 12];
    tokio::time::timeout(AT_ONCE, idle.read_exact(&mut start)).await.expect("in time").expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");

    let app = TestApp::start_with(Config { idle_max: Duration::from_millis(300), ..Config::default() }).await;
    let mut idle = TcpStream::connect(app.address).await.expect("connects");
    let mut rest = Vec::new();
    let ends = tokio::time::timeout(AT_ONCE, idle.read_to_end(&mut rest)).await;
    assert!(ends.is_ok(), "an idle connection is closed some time");
}

impl TestApp {
    async fn stream_of(&self, token: &str, subject: &str) -> reqwest::Response {
        let asked = self.evaluate_all(token, &json!({"targetingKey": subject})).send().await;
        let bulk: Json = asked.expect("an answer").json().await.expect("JSON");
        let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path").to_owned();
        self.get(&path).await
    }

    async fn open_live(&self, cookie: &str) -> reqwest::Response {
        let request = self.request(Method::GET, "/live?since=999999999").header("Cookie", cookie);
        request.send().await.expect("an answer")
    }
}

fn assert_too_many_streams(answer: &reqwest::Response) {
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn subjects_tokens_and_addresses_have_shares_of_the_streams() {
    let app = TestApp::start_with(Config { streams_max: 200, ..Config::default() }).await;
    let token = app.token(TokenKind::Client, "production", &["*"]).await;
    // A quarter for one address, as much as one subject may have.
    assert_eq!(limits::STREAMS_PER_SUBJECT_MAX, 50);
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(app.stream_of(&token, "greedy").await);
        assert_eq!(open.last().map(reqwest::Response::status), Some(StatusCode::OK));
    }
    assert_too_many_streams(&app.stream_of(&token, "greedy").await);
    assert_too_many_streams(&app.stream_of(&token, "another").await);
    drop((open, app));

    let config = Config { streams_max: 200, streams_per_address_max: Some(200), ..Config::default() };
    let app = TestApp::start_with(config).await;
    let token = app.token(TokenKind::Client, "production", &["*"]).await;
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(app.stream_of(&token, "greedy").await);
    }
    assert_too_many_streams(&app.stream_of(&token, "greedy").await);
    for number in 0..100 {
        open.push(app.stream_of(&token, &format!("u-{number}")).await);
    }
    assert!(open.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_too_many_streams(&app.stream_of(&token, "of the same token").await);
    let other = app.token(TokenKind::Client, "staging", &["*"]).await;
    assert_eq!(app.stream_of(&other, "greedy").await.status(), StatusCode::OK);
}

async fn ends(answer: &mut reqwest::Response) {
    let reading = async { while let Ok(Some(_)) = answer.chunk().await {} };
    tokio::time::timeout(AT_ONCE, reading).await.expect("it ends");
}

/// A browser has six connections to a server that speaks HTTP/1.1: some are left for what somebody presses.
#[tokio::test]
async fn one_stream_more_than_four_of_a_browser_ends_the_oldest() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Viewer).await;
    let mut oldest = app.open_live(&cookie).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(app.open_live(&cookie).await);
    }
    let hello = tokio::time::timeout(AT_ONCE, oldest.chunk()).await.expect("in time").expect("a chunk");
    assert!(hello.is_some_and(|chunk| chunk.starts_with(b"event: hello") || chunk.starts_with(b"retry")));
    let newest = app.open_live(&cookie).await;
    assert_eq!(newest.status(), 200);
    ends(&mut oldest).await;
    assert_eq!(others.pop().map(|it| it.status()), Some(StatusCode::OK));
}

#[tokio::test]
async fn whoever_signs_out_or_is_disabled_hears_nothing_more() {
    let app = TestApp::start().await;
    let (leaves, stays) = (app.sign_in(Role::Viewer).await, app.sign_in(Role::Product).await);
    let mut leaving = app.open_live(&leaves).await;
    let mut staying = app.open_live(&stays).await;
    app.form("/sign-out", Some(&leaves), &[]).send().await.expect("an answer");
    let started = Instant::now();
    ends(&mut leaving).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    staying.chunk().await.expect("is open").expect("a greeting");
    assert!(tokio::time::timeout(Duration::from_millis(1500), staying.chunk()).await.is_err(), "goes on");
    // Behind the server's back, as on another copy: nothing is announced here.
    app.sql("UPDATE users SET disabled = TRUE WHERE role = 'product'").await;
    ends(&mut staying).await;
}
