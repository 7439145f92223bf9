//! Bodies that are compressed, at every door that takes some.

use std::io::Write as _;

use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use store::Role;

use crate::app::{NOW_MS, TestApp};

fn compressed(coding: &str, plain: &[u8]) -> Vec<u8> {
    if coding == "zstd" {
        return zstd::encode_all(plain, 3).expect("compressed");
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain).expect("compressed");
    gzip.finish().expect("compressed")
}

struct Doors {
    app: TestApp,
    server: String,
    manager: String,
}

impl Doors {
    async fn open() -> Self {
        let app = TestApp::start().await;
        app.boolean_flag("pay").await;
        let (server, manager) = (app.server_token().await, app.workspace_token(Role::Admin).await);
        Self { app, server, manager }
    }

    async fn send(&self, coding: &str, (method, path): (Method, &str), body: Vec<u8>) -> Response {
        let token = if path.starts_with("/api/v1/people") { &self.manager } else { &self.server };
        let request = self.app.request(method, path).bearer_auth(token).header("Content-Encoding", coding);
        let request = request.header("Content-Type", "application/json");
        request.body(body).send().await.expect("an answer")
    }
}

/// Every door that takes a body, with one that it takes, and what it answers to it.
fn doors() -> Vec<(Method, &'static str, Json, u16)> {
    let context = json!({"context": {"targetingKey": "ada"}});
    let exposure =
        json!({"type": "exposure", "id": "e-1", "subject": "ada", "flag": "pay", "variant": "off"});
    vec![
        (Method::POST, "/ofrep/v1/evaluate/flags/pay", context.clone(), 200),
        (Method::POST, "/ofrep/v1/evaluate/flags", context, 200),
        (Method::POST, "/api/v1/events", json!({"events": [exposure]}), 202),
        (Method::POST, "/api/v1/feedback", json!({"subject": "ada", "rating": 4, "time": NOW_MS}), 201),
        (Method::PUT, "/api/v1/people/ada", json!({"traits": {"tier": "gold"}}), 200),
        (Method::POST, "/v1/traces", json!({"resourceSpans": []}), 200),
    ]
}

#[tokio::test]
async fn gzip_and_zstd_are_read_at_every_door() {
    let doors_open = Doors::open().await;
    for (method, path, body, status) in doors() {
        for coding in ["gzip", "zstd", "identity"] {
            let plain = serde_json::to_vec(&body).expect("JSON");
            let sent = if coding == "identity" { plain } else { compressed(coding, &plain) };
            let answer = doors_open.send(coding, (method.clone(), path), sent).await;
            let answered = answer.status().as_u16();
            let text = answer.text().await.expect("text");
            assert!(
                answered == status || (path.ends_with("ada") && answered / 100 == 2),
                "{coding} {path}: {text}"
            );
        }
    }
    let person = doors_open
        .app
        .rest(&doors_open.manager, Method::GET, "/api/v1/people/ada?environment=production", None)
        .await
        .1;
    assert!(person.to_string().contains("\"gold\""), "{person}");
}

#[tokio::test]
async fn another_coding_is_refused_with_those_that_are_read() {
    let doors_open = Doors::open().await;
    for (method, path, body, _) in doors() {
        for coding in ["br", "gzip, gzip", "compress"] {
            let body = serde_json::to_vec(&body).expect("JSON");
            let answer = doors_open.send(coding, (method.clone(), path), body).await;
            assert_eq!(answer.status(), 415, "{coding} to {path}");
            assert_eq!(answer.headers()["accept-encoding"], "gzip, zstd");
            let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
            assert!(kind.contains("json"), "{kind} of {path}");
            assert!(answer.text().await.expect("text").contains("gzip, zstd"), "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_broken_or_a_bomb_costs_nothing_and_says_so() {
    let doors_open = Doors::open().await;
    let spaces = |mib: usize| vec![b' '; mib * 1024 * 1024];
    for (method, path, body, _) in doors() {
        for coding in ["gzip", "zstd"] {
            let send = async |body| doors_open.send(coding, (method.clone(), path), body).await;
            let broken = send(b"not compressed".to_vec()).await;
            assert_eq!(broken.status(), 400, "{coding} to {path}");
            let bomb = send(compressed(coding, &spaces(40))).await;
            assert_eq!(bomb.status(), 413, "{coding} to {path}");
            // Nothing that is refused plain gets in compressed.
            if path != "/api/v1/events" && path != "/v1/traces" {
                let mut nul = body.clone();
                nul["context"]["targetingKey"] = json!("a\0b");
                nul["subject"] = json!("a\0b");
                let plain = serde_json::to_vec(&nul).expect("JSON");
                assert_eq!(send(compressed(coding, &plain)).await.status(), 400, "{coding} to {path}");
            }
        }
    }
    let fine = json!({"targetingKey": "ada"});
    doors_open.app.decision(&doors_open.server, "pay", fine).await;
}
