//! Nobody's events hide or move another's: neither by their ids, nor by what they say of where somebody stands, nor by
//! how many they are.

use std::{
    io::Write as _,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use engine::{
    FlagKey, RuleId,
    guardrail::{Accepts, Basis, Cell, Metric},
};
use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{Clock, TokenKind};

use crate::{
    app::{NOW_MS, TestApp, environment_key, viewer},
    fixtures::everyone,
    postgres::database,
    receipts::{exposure, failure, feature, with},
};

impl TestApp {
    /// A flag that everybody has.
    async fn flag_for_all(&self, key: &str) {
        self.boolean_flag(key).await;
        self.rules(key, json!([everyone(100)])).await;
    }

    /// Waits until this copy of the server knows the token and the flag.
    async fn knows(&self, token: &str, flag: &str) {
        let asked = async {
            loop {
                let answer = self.evaluate(token, flag, &json!({ "targetingKey": "nobody" })).send().await;
                let answer = answer.expect("an answer");
                if answer.status() == 200
                    && answer.json::<Json>().await.is_ok_and(|it| it["metadata"]["rule"] == "everyone")
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked).await.expect("never known");
    }

    /// What a browser was answered about a flag, as an exposure of it.
    async fn browser_sees(&self, client: &str, flag: &str, subject: &str) -> Json {
        let decision = self.decision(client, flag, json!({ "targetingKey": subject })).await;
        let (status, answer) = self.browser_sends(client, &[exposure(subject, &decision)]).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
        decision
    }
}

fn outcome(subject: &str) -> Json {
    json!({ "type": "outcome", "subject": subject, "metric": "error_rate", "ok": false })
}

async fn shop(config: Config) -> (TestApp, String, String) {
    let app = TestApp::start_with(config).await;
    app.flag_for_all("pay").await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    (app, server, client)
}

#[tokio::test]
async fn a_browser_swallows_no_event_of_a_server_by_its_id_also_after_a_restart() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let clock = Clock::manual(NOW_MS);
    let mut app = TestApp::start_on(&url, Config::default(), clock.clone()).await;
    app.flag_for_all("pay").await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    let eve = app.decision(&client, "pay", json!({ "targetingKey": "eve" })).await;
    let good = |n: usize| with(with(failure("eve", &[feature(&eve)]), "ok", true), "id", format!("req-{n}"));
    let seen = with(exposure("eve", &eve), "id", "seen-1");
    let sent: Vec<_> = (0..20).map(good).chain([seen.clone()]).collect();
    assert_eq!(app.browser_sends(&client, &sent).await.1["accepted"], 21);
    let failures: Vec<_> = (0..10).map(|n| with(outcome("ada"), "id", format!("req-{n}"))).collect();
    let ada = with(with(seen, "subject", "ada"), "receipt", Json::Null);
    let told: Vec<_> = [ada].into_iter().chain(failures).collect();
    let answer = app.tell(&server, &told).await;
    assert_eq!(answer, json!({ "accepted": 11, "duplicates": 0, "rejected": [] }));
    app.stop().await;
    let app = TestApp::start_on(&url, Config::default(), clock).await;
    // What a server sent comes back as what it was, also through another token of its kind.
    let another = app.token(TokenKind::Server, "production", &[]).await;
    assert_eq!(app.tell(&another, &told).await["duplicates"], 11);
    let later: Vec<_> = (10..20).map(|n| with(outcome("ada"), "id", format!("req-{n}"))).collect();
    assert_eq!(app.tell(&server, &later).await["accepted"], 10);
    assert_eq!(app.browser_sends(&client, &sent).await.1["duplicates"], 21);
    let (treatment, _) = app.arms_with("pay", "error_rate", 40).await;
    assert_eq!(treatment.events, 20);
}

#[tokio::test]
async fn a_browser_swallows_no_event_of_another_subject() {
    let (app, _, client) = shop(Config::default()).await;
    for who in ["eve", "ada"] {
        let decision = app.decision(&client, "pay", json!({ "targetingKey": who })).await;
        let event = with(exposure(who, &decision), "id", "1");
        assert_eq!(app.browser_sends(&client, &[event]).await.1["accepted"], 1, "{who}");
    }
}

#[tokio::test]
async fn a_browser_swallows_no_feedback_of_a_server() {
    let (app, server, client) = shop(Config::default()).await;
    let body = json!({ "id": "f-1", "subject": "ada", "rating": 1 });
    let tell = async |token: &str| {
        let request = app.request(Method::POST, "/api/v1/feedback").bearer_auth(token);
        let request = request.header("Origin", "https://shop.test").json(&body);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((tell(&client).await, tell(&client).await), (201, 200));
    assert_eq!((tell(&server).await, tell(&server).await), (201, 200));
}

#[tokio::test]
async fn what_every_copy_served_counts_wherever_the_outcome_arrives() {
    let Some(url) = database().await else { return };
    let clock = Clock::manual(NOW_MS);
    let one = TestApp::start_on(&url, Config::default(), clock.clone()).await;
    let two = TestApp::start_on(&url, Config::default(), clock).await;
    for flag in ["x", "y", "z"] {
        one.flag_for_all(flag).await;
    }
    let token = one.server_token().await;
    two.knows(&token, "z").await;
    let people: Vec<_> = (0..5).map(|n| format!("u-{n}")).collect();
    for subject in &people {
        one.decision(&token, "x", json!({ "targetingKey": subject })).await;
        two.decision(&token, "y", json!({ "targetingKey": subject })).await;
    }
    let failures: Vec<_> = people.iter().map(|subject| outcome(subject)).collect();
    two.tell(&token, &failures).await;
    for flag in ["x", "y"] {
        assert_eq!(one.arms_with(flag, "error_rate", 5).await.0.events, 5, "{flag}");
    }
    // Whom it has asked about may see more elsewhere later.
    for subject in &people {
        one.decision(&token, "z", json!({ "targetingKey": subject })).await;
    }
    two.tell(&token, &failures).await;
    assert_eq!(one.arms_with("z", "error_rate", 5).await.0.events, 5);
    assert_eq!(
        one.arms("x", "conversion").await.0.tally.trials,
        5,
        "an exposure is one trial, wherever it is known"
    );
}

#[tokio::test]
async fn after_a_restart_a_browser_moves_no_failure_to_another_flag() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let clock = Clock::manual(NOW_MS);
    let mut app = TestApp::start_on(&url, Config::default(), clock.clone()).await;
    app.flag_for_all("pay").await;
    app.flag_for_all("seats").await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    app.decision(&server, "pay", json!({ "targetingKey": "ada" })).await;
    app.stop().await;
    let app = TestApp::start_on(&url, Config::default(), clock).await;
    app.browser_sees(&client, "seats", "ada").await;
    app.tell(&server, &[outcome("ada")]).await;
    assert_eq!(app.arms_with("pay", "error_rate", 1).await.0.events, 1);
}

#[tokio::test]
async fn what_browsers_told_stays_their_word_after_a_restart() {
    let files = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let clock = Clock::manual(NOW_MS);
    let mut app = TestApp::start_on(&url, Config::default(), clock.clone()).await;
    app.flag_for_all("pay").await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    app.browser_sees(&client, "pay", "ada").await;
    app.stop().await;
    let app = TestApp::start_on(&url, Config::default(), clock).await;
    app.tell(
        &server,
        &[outcome("ada"), json!({ "type": "outcome", "subject": "ada", "metric": "conversion" })],
    )
    .await;
    app.arms_with("pay", "error_rate", 1).await;
    let (environment, flag) = (environment_key("production"), FlagKey::parse("pay").expect("a key"));
    let rule = RuleId::parse("everyone").expect("an id");
    let basis = Basis { metric: Metric::Conversion, accepts: Accepts::Servers };
    let at = (&environment, &flag, &rule);
    let found = app.store.guarded_cells(&viewer(), at, &[(basis.clone(), 0)], i64::MAX).await;
    let cells = found.expect("reads").remove(&basis).unwrap_or_default();
    let trials: u64 = cells.into_iter().map(|cell| Cell::from(cell).treatment.tally.trials).sum();
    assert_eq!(trials, 0, "in the book of servers nobody was exposed");
}

#[tokio::test]
async fn a_browser_pushes_out_nothing_that_a_server_told() {
    let (app, server, client) = shop(Config::default()).await;
    app.decision(&server, "pay", json!({ "targetingKey": "ada" })).await;
    for n in 0..40 {
        let flag = format!("f-{n}");
        app.flag_for_all(&flag).await;
        app.browser_sees(&client, &flag, "ada").await;
    }
    app.tell(&server, &[outcome("ada")]).await;
    assert_eq!(app.arms_with("pay", "error_rate", 1).await.0.events, 1);
}

#[tokio::test]
async fn duplicates_cost_nothing_of_a_day() {
    let (app, _, client) = shop(Config { client_exposures_per_day: 2, ..Config::default() }).await;
    let mut events = Vec::new();
    for who in ["a", "b", "c"] {
        let decision = app.decision(&client, "pay", json!({ "targetingKey": who })).await;
        events.push(with(exposure(who, &decision), "id", who));
    }
    let [a, b, c] = <[Json; 3]>::try_from(events).expect("three");
    for _ in 0..3 {
        app.browser_sends(&client, &[a.clone(), a.clone()]).await;
    }
    assert_eq!(app.browser_sends(&client, &[a.clone(), b]).await.1["accepted"], 1);
    let answer = app.browser_sends(&client, &[a, c]).await.1;
    assert_eq!((&answer["duplicates"], &answer["rejected"][0]["index"]), (&json!(1), &json!(1)), "{answer}");
}

#[tokio::test]
async fn an_event_weighs_what_it_holds() {
    let few = NonZeroU32::new(20).expect("above zero");
    let config = Config { client_events_per_address_per_minute: few, ..Config::default() };
    let (app, server, client) = shop(config).await;
    let eve = app.decision(&client, "pay", json!({ "targetingKey": "eve" })).await;
    let many = failure("eve", &vec![feature(&eve); 2000]);
    assert_eq!(app.browser_sends(&client, std::slice::from_ref(&many)).await.0, 429);
    let answer = app.tell(&server, &[many, with(outcome("ada"), "features", json!([{}]))]).await;
    let detail = answer["rejected"][0]["detail"].as_str().unwrap_or_default();
    assert_eq!(detail, "\"features\" names at most 32 flags", "{answer}");
    assert_eq!(app.browser_sends(&client, &[failure("eve", &[feature(&eve)])]).await.1["accepted"], 1);
}

#[tokio::test]
async fn a_complaint_is_one_however_loud() {
    let (app, _, client) = shop(Config::default()).await;
    let eve = app.decision(&client, "pay", json!({ "targetingKey": "eve" })).await;
    for (metric, value) in [("complaints", 1e6), ("error_rate", 1e6), ("conversion", 2.0)] {
        let loud = with(with(failure("eve", &[feature(&eve)]), "metric", metric), "value", value);
        let answer = app.browser_sends(&client, &[loud]).await.1;
        let detail = answer["rejected"][0]["detail"].as_str().unwrap_or_default();
        assert_eq!(detail, format!("\"{metric}\" has no \"value\"; leave it out"), "{answer}");
    }
}

/// An export of eight million empty spans, 16 kB compressed, beside so much noise that it does not grow too far.
fn bomb() -> Vec<u8> {
    let message = |tag: u8, bytes: Vec<u8>| {
        let mut message = vec![tag << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).expect("seven bits"));
        message.extend_from_slice(&bytes);
        message
    };
    let spans = [2 << 3 | 2, 0].repeat(8_000_000);
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&message(1, message(2, spans))).expect("compressed");
    gzip.write_all(&message(15, noise.take(100_000).collect())).expect("compressed");
    gzip.finish().expect("compressed")
}

#[tokio::test]
async fn decisions_go_on_while_telemetry_is_read() {
    let (app, server, _) = shop(Config::default()).await;
    let staging = app.token(TokenKind::Server, "staging", &[]).await;
    let bomb = bomb();
    assert!(bomb.len() < 160 * 1024, "{}", bomb.len());
    let sends: Vec<_> = (0..4)
        .map(|_| {
            let request = app.request(Method::POST, "/v1/traces").bearer_auth(&staging);
            let request = request.header("Content-Type", "application/x-protobuf");
            tokio::spawn(request.header("Content-Encoding", "gzip").body(bomb.clone()).send())
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while !sends.iter().all(tokio::task::JoinHandle::is_finished) {
        let began = Instant::now();
        app.decision(&server, "pay", json!({ "targetingKey": "ada" })).await;
        slowest = slowest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(slowest < Duration::from_secs(2), "a decision took {slowest:?}");
    for sent in sends {
        assert_eq!(sent.await.expect("sent").expect("an answer").status(), 413);
    }
}
