//! Who asks too often is told when to come back; others do not notice.

use std::num::NonZeroU32;

use reqwest::Response;
use serde_json::{Value as Json, json};
use server::Config;
use store::Role;

use crate::app::TestApp;

const FIVE: NonZeroU32 = NonZeroU32::new(5).expect("not zero");

async fn assert_too_many(answer: Response) {
    assert_eq!(answer.status(), 429);
    let seconds = answer.headers()["retry-after"].to_str().expect("text").parse::<u64>().expect("a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    let failure: Json = answer.json().await.expect("JSON");
    assert!(failure["errorDetails"].is_string());
}

#[tokio::test]
async fn a_token_has_an_allowance_of_its_own() {
    let app = TestApp::start_with(Config { evaluations_per_second: FIVE, ..Config::default() }).await;
    let (busy, calm) = (app.server_token().await, app.client_token().await);
    let ask = |token: String| app.evaluate_all(&token, &json!({})).send();
    let answers = futures::future::join_all((0..30).map(|_| ask(busy.clone()))).await;
    let refused = answers.into_iter().flatten().find(|answer| answer.status() == 429);
    assert_too_many(refused.expect("one too many")).await;
    assert_eq!(ask(calm).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn wrong_tokens_are_counted_by_address() {
    let app = TestApp::start_with(Config { wrong_tokens_per_minute: FIVE, ..Config::default() }).await;
    let right = app.server_token().await;
    for _ in 0..5 {
        assert_eq!(app.evaluate_all("wrong", &json!({})).send().await.expect("an answer").status(), 401);
    }
    assert_too_many(app.evaluate_all("wrong", &json!({})).send().await.expect("an answer")).await;
    let right = app.evaluate_all(&right, &json!({})).send().await.expect("an answer");
    assert_eq!(right.status(), 200, "a right token from the same address is served");
}

#[tokio::test]
async fn exports_are_counted_by_member() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (busy, calm) = (app.sign_in(Role::Support).await, app.sign_in(Role::Qa).await);
    let paths = ["/audit/export.csv", "/audit/export.jsonl", "/flags/fast-payment/exposures.csv"];
    let ask = async |cookie: &str, path: &str| {
        app.request(reqwest::Method::GET, path).header("Cookie", cookie).send().await.expect("an answer")
    };
    for path in paths.into_iter().cycle().take(6) {
        assert_eq!(ask(&busy, path).await.status(), 200, "{path}");
    }
    for path in paths {
        let refused = ask(&busy, path).await;
        assert_eq!(refused.status(), 429, "{path}");
        assert!(refused.headers().contains_key("retry-after"));
        assert!(refused.text().await.expect("a page").contains("try again in"));
    }
    assert_eq!(ask(&calm, paths[0]).await.status(), 200, "another member");
    assert_eq!(ask(&busy, "/audit").await.status(), 200, "the page");
}
