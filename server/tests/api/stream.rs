//! Event streams: they fire at commit, miss nothing, and end when they should.

use std::time::Duration;

use reqwest::{Response, header};
use serde_json::{Value as Json, json};
use server::Config;
use store::{Role, TokenKind};

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::{everyone, group},
};

const PATIENCE: Duration = Duration::from_secs(5);

/// One open stream, read event by event.
struct Events {
    answer: Response,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    id: Option<String>,
    data: Option<Json>,
    retry_ms: Option<u64>,
}

impl Events {
    fn new(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
        Self { answer, text: String::new() }
    }

    /// The next block; `None` when the stream has ended.
    async fn block(&mut self) -> Option<Event> {
        let reading = async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let field = |name: &str| {
                        let prefix = format!("{name}: ");
                        block.lines().find_map(|line| line.strip_prefix(&*prefix)).map(str::to_owned)
                    };
                    let event = Event {
                        id: field("id"),
                        data: field("data").map(|data| serde_json::from_str(&data).expect("JSON")),
                        retry_ms: field("retry").map(|retry| retry.parse().expect("a number")),
                    };
                    self.text = String::from(rest);
                    return Some(event);
                }
                let chunk = self.answer.chunk().await.ok().flatten()?;
                self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("something within seconds")
    }

    /// The next event that a client would be told of.
    async fn event(&mut self) -> Event {
        loop {
            let event = self.block().await.expect("the stream goes on");
            if event.data.is_some() {
                return event;
            }
        }
    }

    async fn ends(&mut self) {
        while self.block().await.is_some() {}
    }
}

impl TestApp {
    async fn bulk(&self, token: &str) -> Json {
        let request = self.evaluate_all(token, &json!({"targetingKey": "u-1"}));
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn stream_path(&self, token: &str) -> String {
        let bulk = self.bulk(token).await;
        bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path").to_owned()
    }

    async fn events(&self, path: &str) -> Events {
        Events::new(self.get(path).await)
    }
}

#[tokio::test]
async fn a_commit_is_announced_at_once_and_can_be_fetched() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let mut events = app.events(&app.stream_path(&token).await).await;
    let greeting = events.block().await.expect("a greeting");
    assert!(greeting.retry_ms.is_some_and(|ms| (1_000..=5_000).contains(&ms)), "{greeting:?}");
    assert!(greeting.id.is_some() && greeting.data.is_none(), "nothing has happened: {greeting:?}");

    app.everyone("fast-payment").await;
    let event = events.event().await;
    let revision = app.store.live().environment("production").expect("there").revision;
    let etag = format!("\"production-{revision}-0\"");
    let data = json!({"type": "refetchEvaluation", "etag": etag, "lastModified": NOW_MS / 1000});
    assert_eq!((event.data, event.id), (Some(data), Some(format!("{revision}-0"))));

    let named = [("flagConfigEtag", etag), ("flagConfigLastModified", (NOW_MS / 1000).to_string())];
    let named = form_urlencoded::Serializer::new(String::new()).extend_pairs(named).finish();
    let path = format!("/ofrep/v1/evaluate/flags?{named}");
    let request = app.request(reqwest::Method::POST, &path).bearer_auth(&token);
    let answer = request.json(&json!({"context": {"targetingKey": "u-1"}})).send().await.expect("an answer");
    let bulk: Json = answer.json().await.expect("JSON");
    assert_eq!(bulk["flags"][0]["value"], json!(true));
}

#[tokio::test]
async fn a_change_between_the_answer_and_the_stream_is_not_missed() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let path = app.stream_path(&token).await;
    app.everyone("fast-payment").await;
    let mut events = app.events(&path).await;
    assert!(events.event().await.data.is_some());
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_was_missed() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let path = app.stream_path(&token).await;
    let mut events = app.events(&path).await;
    app.everyone("fast-payment").await;
    let seen = events.event().await.id.expect("an id");
    drop(events);

    let back = || app.request(reqwest::Method::GET, &path).header("Last-Event-ID", &seen);
    let mut events = Events::new(back().send().await.expect("an answer"));
    assert_eq!(events.block().await.expect("a greeting").data, None, "nothing was missed");
    drop(events);

    app.stop_flag("fast-payment").await;
    let mut events = Events::new(back().send().await.expect("an answer"));
    let event = events.event().await;
    assert_ne!(event.id, Some(seen));
}

#[tokio::test]
async fn other_environments_are_not_heard() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let mut events = app.events(&app.stream_path(&token).await).await;
    events.block().await.expect("a greeting");
    app.rules_in("staging", "fast-payment", json!([everyone(100)])).await;
    app.rules_in("production", "fast-payment", json!([everyone(1)])).await;
    let revision = app.store.live().environment("production").expect("there").revision;
    assert_eq!(events.event().await.id, Some(format!("{revision}-0")), "the first event is production's");
}

#[tokio::test]
async fn an_enrolment_that_ends_by_itself_is_announced() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, Some(NOW_MS + 1000)).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("testers")])).await;
    let token = app.client_token().await;
    assert_eq!(app.bulk(&token).await["flags"][0]["value"], json!(true));
    let mut events = app.events(&app.stream_path(&token).await).await;
    app.clock.advance(1000);
    assert!(events.event().await.id.is_some_and(|id| id.ends_with("-1")));
    assert_eq!(app.bulk(&token).await["flags"][0]["value"], json!(false));
}

#[tokio::test]
async fn a_revoked_token_loses_its_streams() {
    let app = TestApp::start().await;
    let token = app.client_token().await;
    let path = app.stream_path(&token).await;
    let mut events = app.events(&path).await;
    app.revoke("Client").await;
    events.ends().await;
    assert_eq!(app.get(&path).await.status(), 401);
}

/// By the machine's clock, and long before the next heartbeat.
#[tokio::test]
async fn an_expired_token_loses_its_streams_at_once() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let app = TestApp::start_on(&url, Config::default(), store::Clock::System).await;
    let token = app.client_token().await;
    let path = app.stream_path(&token).await;
    let mut events = app.events(&path).await;
    app.sql("UPDATE tokens SET expires_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000 + 2000").await;
    // Tokens are read again when one of them changes.
    app.server_token().await;
    events.ends().await;
    assert_eq!(app.get(&path).await.status(), 401);
}

#[tokio::test]
async fn a_ticket_is_bound_to_its_token_and_its_pages() {
    let app = TestApp::start().await;
    let token = app.client_token().await;
    let path = app.stream_path(&token).await;
    for (origin, status) in [("https://shop.test", 200), ("https://evil.test", 403)] {
        let request = app.request(reqwest::Method::GET, &path).header("Origin", origin);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let allowed =
            answer.headers().get("access-control-allow-origin").map(|it| it.to_str().expect("text"));
        assert_eq!(allowed, (status == 200).then_some(origin));
    }
    for forged in [format!("{path}x"), path.replace("/stream/", "/stream/9"), "/ofrep/v1/stream/x".to_owned()]
    {
        assert_eq!(app.get(&forged).await.status(), 401, "{forged}");
    }
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let app =
        TestApp::start_with(Config { streams_max: 2, streams_per_address_max: Some(2), ..Config::default() })
            .await;
    let token = app.token(TokenKind::Client, "production", &["*"]).await;
    let path = app.stream_path(&token).await;
    let (_one, two) = (app.events(&path).await, app.events(&path).await);
    let refused = app.get(&path).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(two);
    let freed = async {
        while app.get(&path).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the place is free again");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let mut app = TestApp::start().await;
    let token = app.client_token().await;
    let mut events = app.events(&app.stream_path(&token).await).await;
    let started = std::time::Instant::now();
    tokio::join!(app.stop(), events.ends());
    assert!(started.elapsed() < PATIENCE);
}

/// All pages of a browser listen through it, whatever they show.
#[tokio::test]
async fn a_stream_of_pages_says_every_few_seconds_that_it_lives_and_goes_on_where_it_was() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let cookie = app.sign_in(Role::Viewer).await;
    let seq = app.store.live().seq();
    let heard = async |request: reqwest::RequestBuilder, what: &str| {
        let mut answer = request.header("Cookie", &cookie).send().await.expect("an answer");
        let mut text = String::new();
        let reading = async {
            while !text.contains(what) {
                let chunk = answer.chunk().await.expect("is open").expect("goes on");
                text.push_str(std::str::from_utf8(&chunk).expect("text"));
            }
        };
        tokio::time::timeout(Duration::from_secs(8), reading).await.expect("in time");
        text
    };
    let open = |since: u64| app.request(reqwest::Method::GET, &format!("/live?since={since}"));
    let passed = format!("data: {{\"objects\":[\"measures\"],\"seq\":{seq}}}");
    let text = heard(open(seq), &passed).await;
    assert!(text.contains(&format!("id: {seq}\n")), "{text}");
    let everything = "data: {\"objects\":[]";
    assert!(heard(open(0), everything).await.contains(everything), "something happened since");
    let back = open(0).header("Last-Event-ID", seq.to_string());
    assert!(!heard(back, &passed).await.contains(everything), "it was told before");
}
