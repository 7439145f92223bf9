//! Everything that a subject may do: the boolean flags of the kind *permission*, no unless it is a yes.

use engine::{Flag, FlagKind};
use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use store::TokenKind;

use crate::{
    app::{TestApp, editor},
    fixtures::{boolean, everyone, group},
};

const PATH: &str = "/api/v1/permissions";
const PAGE: &str = "https://shop.example.org";

impl TestApp {
    async fn permission(&self, key: &str, rules: Json) {
        let flag = Flag { kind: FlagKind::Permission, ..boolean(key) };
        self.store.create_flag(&editor(), flag).await.expect("created");
        self.rules(key, rules).await;
    }

    async fn permissions(&self, token: &str, query: &str) -> (u16, Json) {
        self.rest(token, Method::GET, &format!("{PATH}?{query}"), None).await
    }
}

#[tokio::test]
async fn each_permission_is_a_yes_or_a_no() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.permission("refund", json!([group("vip-agencies")])).await;
    app.permission("book-groups", json!([everyone(100)])).await;
    app.permission("stopped", json!([everyone(100)])).await;
    app.stop_flag("stopped").await;
    app.permission("gone", json!([everyone(100)])).await;
    app.archive("gone").await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    app.person("vic", json!({"tier": "vip"})).await;
    let token = app.server_token().await;
    let (status, ada) = app.permissions(&token, "subject=ada").await;
    assert_eq!(status, 200, "{ada}");
    assert_eq!(ada["permissions"], json!({"book-groups": true, "refund": false, "stopped": false}));
    assert_eq!((&ada["subject"], &ada["environment"]), (&json!("ada"), &json!("production")));
    let (_, vic) = app.permissions(&token, "subject=vic").await;
    assert_eq!(vic["permissions"]["refund"], true, "by what is stored");
    let sent = "subject=ada&attributes=%7B%22tier%22%3A%22vip%22%7D";
    assert_eq!(app.permissions(&token, sent).await.1["permissions"]["refund"], true, "a server's word");
    let (status, nobody) = app.permissions(&token, "").await;
    assert_eq!((status, &nobody["permissions"]["refund"]), (200, &json!(false)), "{nobody}");
    for (query, says) in [("subject=", "subject: "), ("attributes=%5B%5D", "attributes: ")] {
        let (status, problem) = app.permissions(&token, query).await;
        assert!(
            status == 422 && problem["detail"].as_str().is_some_and(|it| it.starts_with(says)),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_browser_makes_nobody_a_vip_and_its_page_reads_the_answer() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.permission("refund", json!([group("vip-agencies")])).await;
    app.person("vic", json!({"tier": "vip"})).await;
    let token = app.token(TokenKind::Client, "production", &[PAGE]).await;
    let ask = async |query: &str, origin: &str| {
        let path = format!("{PATH}?{query}");
        let request = app.request(Method::GET, &path).bearer_auth(&token).header(header::ORIGIN, origin);
        request.send().await.expect("an answer")
    };
    let claimed = ask("subject=ada&attributes=%7B%22tier%22%3A%22vip%22%7D", PAGE).await;
    assert_eq!(claimed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
    assert_eq!(claimed.headers()[header::CACHE_CONTROL], "private, no-cache");
    let claimed: Json = claimed.json().await.expect("JSON");
    assert_eq!(claimed["permissions"], json!({"refund": false}));
    let stored: Json = ask("subject=vic", PAGE).await.json().await.expect("JSON");
    assert_eq!(stored["permissions"], json!({"refund": true}));
    assert_eq!(ask("subject=vic", "https://evil.example.org").await.status(), 403);
}

#[tokio::test]
async fn a_page_hears_of_a_change_and_asks_again() {
    let app = TestApp::start().await;
    app.permission("refund", json!([everyone(100)])).await;
    let token = app.client_token().await;
    let ask = async |held: &str| {
        let path = format!("{PATH}?subject=ada");
        let request = app.request(Method::GET, &path).bearer_auth(&token).header(header::IF_NONE_MATCH, held);
        request.send().await.expect("an answer")
    };
    let first = ask("").await;
    let tag = first.headers()[header::ETAG].to_str().expect("text").to_owned();
    let first: Json = first.json().await.expect("JSON");
    assert_eq!(ask(&tag).await.status(), 304);
    let mut events = app.get(first["events"].as_str().expect("an address")).await;
    assert_eq!(events.headers()[header::CONTENT_TYPE], "text/event-stream");
    app.stop_flag("refund").await;
    let mut heard = String::new();
    while !heard.contains("refetchEvaluation") {
        let chunk = events.chunk().await.expect("a stream").expect("goes on");
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    let again = ask(&tag).await;
    assert_eq!(again.status(), 200);
    let again: Json = again.json().await.expect("JSON");
    assert_eq!(again["permissions"], json!({"refund": false}));
    assert!(again["revision"].as_u64() > first["revision"].as_u64());
}
