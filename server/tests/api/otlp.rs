//! OTLP over HTTP: what instrumented services send already, in both encodings.

mod sent;

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event, status::StatusCode},
};
use prost::Message as _;
use reqwest::{Method, Response};
use serde_json::{Value as Json, json};

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::everyone,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn attribute_of(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn event(attributes: Vec<KeyValue>) -> Event {
    Event { name: "feature_flag.evaluation".to_owned(), attributes, ..Event::default() }
}

fn evaluated(flag: &str, variant: &str, subject: &str) -> Vec<KeyValue> {
    vec![
        attribute("feature_flag.key", flag),
        attribute("feature_flag.result.variant", variant),
        attribute("feature_flag.context.id", subject),
    ]
}

/// A request of 250 ms that asked for a flag on its way.
fn span(id: u8, variant: &str, subject: &str, code: StatusCode) -> Span {
    let start = NOW_MS.unsigned_abs() * 1_000_000 - 1_000_000_000;
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        name: "POST /bookings".to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 250_000_000,
        events: vec![event(evaluated("pay", variant, subject))],
        status: Some(Status { code: code as i32, ..Status::default() }),
        ..Span::default()
    }
}

fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

async fn post(app: &TestApp, token: &str, path: &str, kind: &str, body: Vec<u8>) -> Response {
    let request = app.request(Method::POST, path).bearer_auth(token).header("Content-Type", kind);
    request.body(body).send().await.expect("an answer")
}

/// A flag at 50 %, somebody inside and somebody outside.
async fn half() -> (TestApp, String, String, String) {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let token = app.server_token().await;
    let snapshot = app.store.live().snapshot("production").expect("a snapshot");
    let seed = snapshot.flag("pay").expect("a flag").rollout().seed.clone();
    let subject = |inside: bool| {
        let half = engine::Percentage::whole(50).expect("a percentage");
        let mut subjects = (0..).map(|n| format!("u-{n}"));
        subjects.find(|it| engine::position(&seed, it).is_inside(half) == inside).expect("somebody")
    };
    let (inside, outside) = (subject(true), subject(false));
    (app, token, inside, outside)
}

#[tokio::test]
async fn spans_are_exposures_and_outcomes_in_both_encodings() {
    let (app, token, inside, outside) = half().await;
    let failed = traces(vec![span(1, "on", &inside, StatusCode::Error)]);
    let answer = post(&app, &token, "/v1/traces", PROTOBUF, failed.encode_to_vec()).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().ok()),
        (200, Some(PROTOBUF))
    );
    let answer =
        ExportTraceServiceResponse::decode(answer.bytes().await.expect("a body")).expect("an answer");
    assert_eq!(answer.partial_success, None);
    let fine = traces(vec![span(2, "off", &outside, StatusCode::Ok), Span::default()]);
    let answer = post(&app, &token, "/v1/traces", JSON, serde_json::to_vec(&fine).expect("JSON")).await;
    assert_eq!(answer.status(), 200);
    let (treatment, control) = app.arms_with("pay", "error_rate", 2).await;
    assert_eq!((treatment.outcomes, treatment.events), (1, 1));
    assert_eq!((control.outcomes, control.events), (1, 0));
    let (_, control) = app.arms_with("pay", "latency", 1).await;
    let p50 = control.quantile(0.5).expect("a quantile");
    assert!((p50 / 250.0 - 1.0).abs() < 0.02, "{p50}");
}

#[tokio::test]
async fn an_export_that_is_sent_again_counts_once_also_compressed() {
    let (app, token, inside, _) = half().await;
    let body = traces(vec![span(1, "on", &inside, StatusCode::Ok)]).encode_to_vec();
    assert_eq!(post(&app, &token, "/v1/traces", PROTOBUF, body.clone()).await.status(), 200);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&body).expect("compressed");
    let compressed = gzip.finish().expect("compressed");
    let request =
        app.request(Method::POST, "/v1/traces").bearer_auth(&token).header("Content-Type", PROTOBUF);
    let request = request.header("Content-Encoding", "gzip").body(compressed);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let another = traces(vec![span(9, "on", &inside, StatusCode::Ok)]).encode_to_vec();
    post(&app, &token, "/v1/traces", PROTOBUF, another).await;
    assert_eq!(app.arms_with("pay", "error_rate", 2).await.0.outcomes, 2);
}

#[tokio::test]
async fn log_records_of_evaluations_are_exposures_and_errors_are_outcomes() {
    let (app, token, inside, _) = half().await;
    let nanos = NOW_MS.unsigned_abs() * 1_000_000;
    let record = |severity_number, time_unix_nano| LogRecord {
        severity_number,
        time_unix_nano,
        attributes: evaluated("pay", "on", &inside),
        ..LogRecord::default()
    };
    let body = logs(vec![record(9, nanos), record(17, nanos + 1)]).encode_to_vec();
    assert_eq!(post(&app, &token, "/v1/logs", PROTOBUF, body).await.status(), 200);
    let (treatment, _) = app.arms_with("pay", "error_rate", 1).await;
    assert_eq!(treatment.events, 1);
    assert_eq!(app.arms_with("pay", "conversion", 1).await.0.tally.trials, 1, "exposed once");
}

#[tokio::test]
async fn what_cannot_be_taken_is_counted_and_said() {
    let (app, token, inside, _) = half().await;
    let unknown = Span {
        attributes: evaluated("nope", "on", &inside),
        events: Vec::new(),
        ..span(1, "on", "a", StatusCode::Ok)
    };
    let old =
        Span { start_time_unix_nano: 1, end_time_unix_nano: 2, ..span(2, "on", &inside, StatusCode::Ok) };
    let body = traces(vec![unknown, old, span(3, "on", &inside, StatusCode::Ok)]);
    let answer = post(&app, &token, "/v1/traces", JSON, serde_json::to_vec(&body).expect("JSON")).await;
    assert_eq!(answer.status(), 200);
    let answer: Json = answer.json().await.expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedSpans"].to_string().trim_matches('"'), "2", "{answer}");
    let why = answer["partialSuccess"]["errorMessage"].as_str().unwrap_or_default();
    assert!(why.contains("no flag \"nope\"") && why.contains("1 outcome"), "{answer}");
    app.arms_with("pay", "error_rate", 1).await;
}

#[tokio::test]
async fn telemetry_needs_a_server_token_and_a_body_that_is_otlp() {
    let (app, token, ..) = half().await;
    let client = app.client_token().await;
    let empty = || traces(Vec::new()).encode_to_vec();
    let status = async |token: &str, kind: &str, body: Vec<u8>| {
        post(&app, token, "/v1/traces", kind, body).await.status().as_u16()
    };
    assert_eq!(status(&token, PROTOBUF, empty()).await, 200);
    assert_eq!(status("wrong", PROTOBUF, empty()).await, 401);
    assert_eq!(status(&client, PROTOBUF, empty()).await, 403);
    assert_eq!(status(&token, "text/plain", empty()).await, 415);
    assert_eq!(status(&token, PROTOBUF, b"\xff\xff".to_vec()).await, 400);
    assert_eq!(status(&token, JSON, b"{\"resourceSpans\": 7}".to_vec()).await, 400);
    let broken = app.request(Method::POST, "/v1/logs").bearer_auth(&token).header("Content-Type", PROTOBUF);
    let broken = broken.header("Content-Encoding", "gzip").body(b"no gzip".to_vec());
    assert_eq!(broken.send().await.expect("an answer").status(), 400);
    let answer = post(&app, &token, "/v1/traces", JSON, b"[".to_vec()).await;
    let answer: Json = answer.json().await.expect("JSON");
    assert!(answer["message"].as_str().is_some_and(|it| it.contains("OTLP")), "{answer}");
    assert_eq!(app.get("/v1/traces").await.status(), 405);
}
