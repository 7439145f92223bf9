//! What browsers tell: believed when it comes with the receipt of a decision, counted apart when it does not.

use std::{num::NonZeroU32, time::Duration};

use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::TokenKind;

use crate::{
    app::{NOW_MS, TestApp, environment_key, viewer},
    fixtures::everyone,
};

const SHOP: &str = "https://shop.test";
const DAY_MS: i64 = 24 * 3_600_000;

impl TestApp {
    /// Events as a page of the shop sends them.
    pub async fn browser_sends(&self, token: &str, events: &[Json]) -> (u16, Json) {
        let request = self.request(Method::POST, "/api/v1/events").bearer_auth(token).header("Origin", SHOP);
        let answer = request.json(&json!({ "events": events })).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn unverified(&self, flag: &str) -> u64 {
        let flag = engine::FlagKey::parse(flag).expect("a key");
        let found = self.store.unverified_events(&viewer(), &environment_key("production"), &flag, 0).await;
        found.expect("reads")
    }

    /// Waits until so many are counted: writing takes a second.
    pub async fn unverified_are(&self, flag: &str, times: u64) {
        let counted = async {
            while self.unverified(flag).await != times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), counted).await.expect("never counted");
    }
}

/// A flag at 50 %, and a client token.
async fn shop(config: Config) -> (TestApp, String) {
    let app = TestApp::start_with(config).await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let token = app.client_token().await;
    (app, token)
}

/// The exposure that a decision is, as the hook sends it.
pub fn exposure(subject: &str, decision: &Json) -> Json {
    let mut event = feature(decision);
    let members = event.as_object_mut().expect("an object");
    members.extend([("type".to_owned(), json!("exposure")), ("subject".to_owned(), json!(subject))]);
    event
}

pub fn feature(decision: &Json) -> Json {
    let metadata = &decision["metadata"];
    json!({ "flag": decision["key"], "variant": decision["variant"], "revision": metadata["revision"],
        "rule": metadata["rule"], "arm": metadata["arm"], "receipt": metadata["receipt"] })
}

pub fn failure(subject: &str, features: &[Json]) -> Json {
    json!({ "type": "outcome", "subject": subject, "metric": "error_rate", "ok": false, "features": features })
}

pub fn with(mut event: Json, name: &str, value: impl Into<Json>) -> Json {
    event[name] = value.into();
    event
}

#[tokio::test]
async fn a_browser_gets_a_receipt_that_stays_the_same_all_day_and_a_server_gets_none() {
    let (app, client) = shop(Config::default()).await;
    let ada = json!({ "targetingKey": "ada" });
    let first = app.decision(&client, "pay", ada.clone()).await;
    let receipt = first["metadata"]["receipt"].as_str().expect("a receipt").to_owned();
    assert_eq!(receipt.len(), 28, "{receipt}");
    let server = app.decision(&app.server_token().await, "pay", ada.clone()).await;
    assert_eq!(server["metadata"]["receipt"], Json::Null);
    let bulk = app.evaluate_all(&client, &ada).send().await.expect("an answer");
    let etag = bulk.headers()["etag"].clone();
    let bulk: Json = bulk.json().await.expect("JSON");
    assert_eq!(bulk["flags"][0]["metadata"]["receipt"], json!(receipt));
    assert_eq!(bulk["metadata"]["receipt"], Json::Null);
    let again = async || {
        let request = app.evaluate_all(&client, &ada).header("If-None-Match", &etag);
        request.send().await.expect("an answer").status().as_u16()
    };
    app.clock.advance(60_000);
    assert_eq!(again().await, 304);
    app.clock.advance(DAY_MS - NOW_MS.rem_euclid(DAY_MS));
    assert_eq!(again().await, 200, "the kept answer's receipts would end");
}

#[tokio::test]
async fn with_its_receipt_what_a_browser_tells_counts() {
    let (app, client) = shop(Config::default()).await;
    let ada = app.decision(&client, "pay", json!({ "targetingKey": "ada" })).await;
    let events = [exposure("ada", &ada), failure("ada", &[feature(&ada)])];
    let (status, answer) = app.browser_sends(&client, &events).await;
    assert_eq!((status, answer), (202, json!({ "accepted": 2, "duplicates": 0, "rejected": [] })));
    let (treatment, control) = app.arms_with("pay", "error_rate", 1).await;
    let arm = ada["metadata"]["arm"].as_str().expect("an arm");
    assert_eq!((treatment.events, control.events), if arm == "treatment" { (1, 0) } else { (0, 1) });
    assert_eq!(app.unverified("pay").await, 0);
}

#[tokio::test]
async fn without_one_it_is_counted_apart_and_no_evidence() {
    let (app, client) = shop(Config::default()).await;
    let ada = app.decision(&client, "pay", json!({ "targetingKey": "ada" })).await;
    // Known here: knowing a key is no proof of being its owner.
    assert_eq!(app.browser_sends(&client, &[exposure("ada", &ada)]).await.1["accepted"], 1);
    let other = if ada["metadata"]["arm"] == "treatment" { "control" } else { "treatment" };
    let bare = with(feature(&ada), "receipt", Json::Null);
    let forged = [
        with(exposure("eve", &ada), "receipt", Json::Null),
        exposure("eve", &ada),
        with(exposure("ada", &ada), "arm", other),
        with(exposure("ada", &ada), "revision", 999),
        with(exposure("ada", &ada), "receipt", "99999.AAAAAAAAAAAAAAAAAAAAAA"),
        failure("ada", &[bare]),
        failure("eve", &[feature(&ada)]),
        failure("ada", &[with(feature(&ada), "arm", other)]),
        failure("ada", &[]),
    ];
    let (status, answer) = app.browser_sends(&client, &forged).await;
    let expected = json!({ "accepted": 0, "duplicates": 0, "unverified": 9, "rejected": [] });
    assert_eq!((status, answer), (202, expected));
    // The last of them names no flag.
    app.unverified_are("pay", 8).await;
    let (treatment, control) = app.arms("pay", "error_rate").await;
    assert_eq!(treatment.outcomes + control.outcomes, 0);
    let cookie = app.sign_in(store::Role::Viewer).await;
    let page = app.request(Method::GET, "/flags/pay/health").header("Cookie", cookie).send().await;
    let page = page.expect("an answer").text().await.expect("a page");
    assert!(page.contains("Unverified: 8 events of browsers without a receipt"), "it is shown");
}

#[tokio::test]
async fn a_receipt_ends() {
    let (app, client) = shop(Config::default()).await;
    let ada = app.decision(&client, "pay", json!({ "targetingKey": "ada" })).await;
    app.clock.advance(2 * DAY_MS);
    let answer = app.browser_sends(&client, &[exposure("ada", &ada)]).await.1;
    assert_eq!((&answer["accepted"], &answer["unverified"]), (&json!(0), &json!(1)));
    let old = with(exposure("ada", &ada), "time", NOW_MS - DAY_MS);
    let answer = app.browser_sends(&client, &[old]).await.1;
    assert!(answer["rejected"][0]["detail"].as_str().is_some_and(|it| it.contains("two days")), "{answer}");
}

#[tokio::test]
async fn browsers_say_where_they_are_and_whose_outcome_it_is() {
    let (app, client) = shop(Config::default()).await;
    let send = async |token: &str, origin: Option<&str>| {
        let request = app.request(Method::POST, "/api/v1/events").bearer_auth(token);
        let request = origin.into_iter().fold(request, |request, it| request.header("Origin", it));
        request.json(&json!({ "events": [] })).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(send(&client, Some(SHOP)).await, 202);
    assert_eq!(send(&client, None).await, 403);
    let anywhere = app.token(TokenKind::Client, "production", &["*"]).await;
    assert_eq!(send(&anywhere, None).await, 202, "an app has no origin");
    assert_eq!(send(&app.server_token().await, None).await, 202);
    let nobody = json!({ "type": "outcome", "metric": "error_rate", "ok": false, "features": [] });
    let answer = app.browser_sends(&client, &[nobody]).await.1;
    assert_eq!(answer["rejected"][0]["detail"], "\"subject\" is needed with a client token");
}

#[tokio::test]
async fn a_browser_sends_no_more_than_its_share() {
    let few = NonZeroU32::new(5).expect("above zero");
    let config = Config { client_events_per_address_per_minute: few, ..Config::default() };
    let (app, client) = shop(config).await;
    let events = vec![failure("ada", &[]); 5];
    assert_eq!(app.browser_sends(&client, &events).await.0, 202);
    let request = app.request(Method::POST, "/api/v1/events").bearer_auth(&client).header("Origin", SHOP);
    let answer = request.json(&json!({ "events": events })).send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(app.tell(&app.server_token().await, &[]).await["accepted"], 0, "servers have no such limit");
}

#[tokio::test]
async fn a_day_has_room_for_so_many_exposures_of_browsers() {
    let (app, client) = shop(Config { client_exposures_per_day: 2, ..Config::default() }).await;
    let mut events = Vec::new();
    for who in ["a", "b", "c"] {
        let decision = app.decision(&client, "pay", json!({ "targetingKey": who })).await;
        events.push(exposure(who, &decision));
    }
    let answer = app.browser_sends(&client, &events).await.1;
    assert_eq!(answer["accepted"], 2);
    let detail = answer["rejected"][0]["detail"].as_str().expect("a sentence");
    assert!(detail.contains("takes no more exposures of browsers today"), "{detail}");
    assert_eq!(answer["rejected"][0]["index"], 2);
    app.clock.advance(DAY_MS);
    let decision = app.decision(&client, "pay", json!({ "targetingKey": "d" })).await;
    assert_eq!(app.browser_sends(&client, &[exposure("d", &decision)]).await.1["accepted"], 1);
}
