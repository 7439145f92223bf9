//! Whatever is sent, the answer says what is wrong with it, and the server goes on.

use std::io;

use reqwest::Method;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::app::TestApp;

const ONE: &str = "/ofrep/v1/evaluate/flags/fast-payment";
const ALL: &str = "/ofrep/v1/evaluate/flags";

#[tokio::test]
async fn bad_bodies_are_named_for_what_they_are() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.boolean_flag("fast-payment").await;
    let deep = format!("{{\"context\":{{\"a\":{}{}}}}}", "[".repeat(10_000), "]".repeat(10_000));
    let many: Vec<_> = (0..1000).map(|n| format!("\"a{n}\":{n}")).collect();
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("empty", b"".into(), 400, "PARSE_ERROR"),
        ("not JSON", b"{\"context\":".into(), 400, "PARSE_ERROR"),
        ("two values", b"{\"context\":{}}{}".into(), 400, "PARSE_ERROR"),
        ("invalid UTF-8", b"{\"context\":{\"targetingKey\":\"\xc3\x28\"}}".into(), 400, "PARSE_ERROR"),
        ("depth 10,000", deep.into(), 400, "PARSE_ERROR"),
        ("duplicate attribute", b"{\"context\":{\"a\":1,\"a\":2}}".into(), 400, "PARSE_ERROR"),
        ("duplicate context", b"{\"context\":{},\"context\":{}}".into(), 400, "PARSE_ERROR"),
        ("a number beyond f64", b"{\"context\":{\"a\":1e999}}".into(), 400, "PARSE_ERROR"),
        ("no context", b"{}".into(), 400, "INVALID_CONTEXT"),
        ("context is null", b"{\"context\":null}".into(), 400, "INVALID_CONTEXT"),
        ("context is a list", b"{\"context\":[]}".into(), 400, "INVALID_CONTEXT"),
        ("body is a list", b"[]".into(), 400, "INVALID_CONTEXT"),
        ("key is a number", b"{\"context\":{\"targetingKey\":7}}".into(), 400, "INVALID_CONTEXT"),
        (
            "too many attributes",
            format!("{{\"context\":{{{}}}}}", many.join(",")).into(),
            400,
            "INVALID_CONTEXT",
        ),
        ("10 MB", vec![b' '; 10_000_000], 413, "GENERAL"),
    ];
    for (name, body, status, code) in cases {
        for path in [ONE, ALL] {
            let request = app.request(Method::POST, path).bearer_auth(&token).body(body.clone());
            let answer = request.send().await.expect(name);
            assert_eq!(answer.status(), status, "{name} to {path}");
            let failure: Json = answer.json().await.expect("JSON");
            assert_eq!(failure["errorCode"], json!(code), "{name}");
            assert_eq!(failure.get("key").is_some(), path == ONE, "{name}");
        }
    }
    let fine = app.evaluate(&token, "fast-payment", &json!({"targetingKey": "u-1"})).send().await;
    assert_eq!(fine.expect("an answer").status(), 200, "nothing of that did harm");
}

#[tokio::test]
async fn what_the_protocol_leaves_open_is_tolerated() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.boolean_flag("fast-payment").await;
    for (name, body) in [
        ("no content type", "{\"context\":{\"targetingKey\":\"u\"}}"),
        ("other fields beside the context", "{\"context\":{\"targetingKey\":\"u\"},\"later\":{\"x\":[1]}}"),
        (
            "values that no condition can test",
            "{\"context\":{\"targetingKey\":\"u\",\"a\":null,\"b\":{\"c\":1}}}",
        ),
        (
            "huge and tiny numbers",
            "{\"context\":{\"targetingKey\":\"u\",\"a\":123456789012345678901234567890,\"b\":1e-400}}",
        ),
        ("no targeting key", "{\"context\":{}}"),
    ] {
        let request = app.request(Method::POST, ONE).bearer_auth(&token).body(body);
        assert_eq!(request.send().await.expect("an answer").status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_large_body_without_a_token_is_a_missing_token() {
    let app = TestApp::start().await;
    let request = app.request(Method::POST, ALL).body(vec![b' '; 10_000_000]);
    assert_eq!(request.send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn unknown_places_and_methods_are_answered_in_the_shape_of_the_door() {
    let app = TestApp::start().await;
    for (method, path, status) in [
        (Method::GET, "/ofrep/v1/nothing", 404),
        (Method::POST, "/ofrep/v2/evaluate/flags", 404),
        (Method::GET, ALL, 405),
        (Method::DELETE, ONE, 405),
    ] {
        let answer = app.request(method.clone(), path).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        let failure: Json = answer.json().await.expect("JSON");
        assert!(failure["errorDetails"].is_string());
    }
}

#[tokio::test]
async fn what_no_handler_sees_is_refused_in_the_shape_of_the_door() {
    let app = TestApp::start().await;
    for (path, says) in [(ALL, "errorDetails"), ("/api/v1/events", "detail"), ("/v1/traces", "message")] {
        let answer = app.request(Method::POST, &format!("{path}?a=%00")).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{path}");
        let failure: Json = answer.json().await.expect("JSON");
        assert!(failure[says].as_str().is_some_and(|it| it.contains("NUL")), "{path}: {failure}");
    }
    let page = app.get("/flags?a=%00").await;
    assert_eq!(page.status(), 400);
    assert!(page.text().await.expect("a page").starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn odd_flag_keys_are_not_found() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    for key in ["%00", "..", "%2e%2e%2f", "a%20b", "%F0%9F%98%80", &"x".repeat(5000)] {
        let answer = app.evaluate(&token, key, &json!({})).send().await.expect("an answer");
        assert!([404, 400].contains(&answer.status().as_u16()), "{key}: {}", answer.status());
    }
}

#[tokio::test]
async fn a_request_that_is_not_http_gets_no_further() -> io::Result<()> {
    let app = TestApp::start().await;
    for raw in [
        "\0\0\0\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(app.address).await?;
        stream.write_all(raw.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{raw:?}: {answer}");
    }
    assert_eq!(app.get("/healthz").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_the_shape_of_its_door() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.boolean_flag("fast-payment").await;
    for (path, kind) in [
        ("//ofrep/v1/evaluate/flags/fast-payment", "application/json"),
        ("/ofrep//v1/evaluate/flags/fast-payment", "application/json"),
        ("/ofrep/v1/evaluate/flags/fast-payment/", "application/json"),
        ("/ofrep/v2/evaluate/flags", "application/json"),
        ("//api/v1/events", "application/problem+json"),
        ("/api/v1/events/", "application/problem+json"),
        ("/api/v7/flags", "application/problem+json"),
        ("/v1/metrics", "application/json"),
        ("///v1/traces", "application/json"),
        ("/metrics/", "application/problem+json"),
        ("/nowhere", "text/html; charset=utf-8"),
        ("//flags", "text/html; charset=utf-8"),
    ] {
        let request = app.request(Method::POST, path).bearer_auth(&token);
        let answer = request.json(&json!({ "context": {} })).send().await.expect("an answer");
        let found = answer.headers().get("content-type").and_then(|it| it.to_str().ok()).map(str::to_owned);
        assert_eq!((answer.status().as_u16(), found.as_deref()), (404, Some(kind)), "{path}");
        let told = answer.text().await.expect("text");
        assert!(!told.contains("form was sent from another site"), "{path}: {told}");
    }
    // A page that is there is still guarded.
    let answer = app.request(Method::POST, "/flags/fast-payment/stop").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
}
