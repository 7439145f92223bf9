//! Answers about many flags in fewer bytes, for whoever asks.

use std::io::Read as _;

use reqwest::Response;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().expect("text"))
}

fn read(coding: &str, bytes: &[u8]) -> Json {
    let mut plain = Vec::new();
    match coding {
        "zstd" => plain = zstd::stream::decode_all(bytes).expect("zstd"),
        "br" => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain).expect("br")),
        _ => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip")),
    }
    serde_json::from_slice(&plain).expect("JSON")
}

#[tokio::test]
async fn all_flags_are_compressed_for_whoever_asks() {
    let app = TestApp::start().await;
    for n in 0..20 {
        app.boolean_flag(&format!("flag-{n}")).await;
    }
    let (token, context) = (app.client_token().await, json!({"targetingKey": "u-1"}));
    let plain = app.evaluate_all(&token, &context).send().await.expect("an answer");
    assert_eq!(header(&plain, "content-encoding"), None);
    let varies = |answer: &Response| {
        let lines: Vec<_> = answer.headers().get_all("vary").iter().collect();
        lines.iter().any(|line| *line == "Accept-Encoding")
    };
    assert!(varies(&plain), "a shared cache keeps the two forms apart");
    let strong = header(&plain, "etag").expect("an ETag").to_owned();
    let plain = plain.bytes().await.expect("a body");
    let expected: Json = serde_json::from_slice(&plain).expect("JSON");
    for coding in ["zstd", "br", "gzip"] {
        // Whether it is made or kept.
        for _ in 0..2 {
            let request = app.evaluate_all(&token, &context).header("Accept-Encoding", coding);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "content-encoding"), Some(coding));
            assert!(varies(&answer));
            let etag = header(&answer, "etag").expect("an ETag").to_owned();
            assert_eq!(etag, format!("W/{strong}"), "not the same bytes");
            let length: usize =
                header(&answer, "content-length").expect("a length").parse().expect("a number");
            let bytes = answer.bytes().await.expect("a body");
            assert_eq!(length, bytes.len());
            assert!(bytes.len() * 2 < plain.len(), "{coding}: {} of {}", bytes.len(), plain.len());
            assert_eq!(read(coding, &bytes), expected, "{coding}");
            let again = app.evaluate_all(&token, &context).header("Accept-Encoding", coding);
            let again = again.header("If-None-Match", etag).send().await.expect("an answer");
            assert_eq!(again.status(), 304);
            assert!(varies(&again));
        }
    }
    app.everyone("flag-7").await;
    let answer = app.evaluate_all(&token, &context).header("Accept-Encoding", "gzip");
    let bytes = answer.send().await.expect("an answer").bytes().await.expect("a body");
    let changed = read("gzip", &bytes);
    let flags = changed["flags"].as_array().expect("flags");
    assert_eq!(flags.iter().filter(|flag| flag["value"] == true).count(), 1, "the kept answer is of before");
}

#[tokio::test]
async fn what_fits_into_a_packet_is_sent_as_it_is() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (token, context) = (app.server_token().await, json!({"targetingKey": "u-1"}));
    for accept in ["gzip, deflate, br, zstd", "identity", "gzip;q=0"] {
        let request = app.evaluate_all(&token, &context).header("Accept-Encoding", accept);
        let answer = request.send().await.expect("an answer");
        assert_eq!(header(&answer, "content-encoding"), None, "{accept}");
    }
}

#[tokio::test]
async fn a_flag_that_is_asked_for_in_another_way_is_answered_alike() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (token, context) = (app.server_token().await, json!({"targetingKey": "u-1"}));
    let plain = app.decision(&token, "fast-payment", context.clone()).await;
    // Through the router, which decodes it.
    assert_eq!(app.decision(&token, "fast%2Dpayment", context.clone()).await, plain);
    let all: Json =
        app.evaluate_all(&token, &context).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(all["flags"], json!([plain]));
}
