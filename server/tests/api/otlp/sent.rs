//! Telemetry as real exporters send it: with flags of others, numbers for ids, and hours late.

use std::time::{Duration, Instant};

use engine::SubjectKey;
use opentelemetry_proto::tonic::{
    common::v1::{ArrayValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message as _;
use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use store::{Principal, Role, Seen};

use super::{JSON, PROTOBUF, attribute, attribute_of, evaluated, event, half, post, span, traces};
use crate::{
    app::{NOW_MS, TestApp, environment_key},
    fixtures::everyone,
};

impl TestApp {
    /// What the ledger says that a subject saw, once it has so many lines: writing takes a second.
    async fn seen_by(&self, subject: &str, lines: usize) -> Vec<Seen> {
        let reader = Principal::command_line().people_reader().expect("may");
        let (environment, subject) =
            (environment_key("production"), SubjectKey::parse(subject).expect("a key"));
        let begin = Instant::now();
        loop {
            let seen = self.store.exposures_of(&reader, &environment, &subject).await.expect("reads");
            if seen.len() == lines {
                return seen;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "never {lines} lines: {seen:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What an answer says: how many were rejected, and the message.
async fn partly(answer: Response) -> (String, String) {
    assert_eq!(answer.status(), 200);
    let answer: Json = answer.json().await.expect("JSON");
    let partial = &answer["partialSuccess"];
    let rejected = partial["rejectedSpans"].to_string().trim_matches('"').to_owned();
    (rejected, partial["errorMessage"].as_str().unwrap_or_default().to_owned())
}

async fn send(app: &TestApp, token: &str, spans: Vec<Span>) -> (String, String) {
    let body = serde_json::to_vec(&traces(spans)).expect("JSON");
    partly(post(app, token, "/v1/traces", JSON, body).await).await
}

#[tokio::test]
async fn a_foreign_evaluation_is_left_out_alone() {
    let (app, token, inside, _) = half().await;
    let mut list = evaluated("pay", "on", &inside);
    list[0] = attribute_of("feature_flag.key", Value::ArrayValue(ArrayValue::default()));
    let foreign = [
        evaluated("another-vendor", "treatment", &inside),
        evaluated("team/banner", "on", &inside),
        evaluated("pay", "purple", &inside),
        evaluated("pay", "not a variant", &inside),
        evaluated("pay", "on", ""),
        list,
    ];
    // Each beside ours, before it and after it, also on the span itself.
    let mut spans = Vec::new();
    for (n, other) in (1..).zip(&foreign) {
        let failed = span(n, "on", &inside, StatusCode::Error);
        let ours = failed.events[0].clone();
        spans.push(Span { events: vec![event(other.clone()), ours.clone()], ..failed.clone() });
        spans.push(Span {
            span_id: vec![100 + n; 8],
            attributes: other.clone(),
            events: vec![ours],
            ..failed
        });
    }
    let sent = spans.len() as u64;
    let (rejected, why) = send(&app, &token, spans).await;
    assert_eq!(rejected, "0", "{why}");
    assert!(why.contains("4 evaluations of flags"), "{why}");
    assert!(why.contains("another-vendor"), "{why}");
    let (treatment, _) = app.arms_with("pay", "error_rate", sent).await;
    assert_eq!(treatment.events, sent);
}

#[tokio::test]
async fn numbers_and_truth_values_are_read_as_their_text() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(100)])).await;
    let token = app.server_token().await;
    let values = [
        Value::IntValue(42),
        Value::IntValue(-9_007_199_254_740_993),
        Value::DoubleValue(7.0),
        Value::DoubleValue(0.5),
        Value::BoolValue(true),
    ];
    let texts = ["42", "-9007199254740993", "7", "0.5", "true"];
    for (encoding, offset) in [(PROTOBUF, 0), (JSON, 50)] {
        let mut spans = Vec::new();
        for (n, value) in (1..).zip(&values) {
            let mut by_context = span(offset + 2 * n, "on", "", StatusCode::Ok);
            by_context.events[0].attributes[2] = attribute_of("feature_flag.context.id", value.clone());
            // Somebody else is signed in: it is not about them.
            by_context.attributes = vec![attribute("user.id", "somebody-else")];
            let mut by_user = span(offset + 2 * n + 1, "on", "", StatusCode::Ok);
            by_user.events[0].attributes.truncate(2);
            by_user.attributes = vec![attribute_of("user.id", value.clone())];
            spans.extend([by_context, by_user]);
        }
        let export = traces(spans);
        let body = if encoding == JSON {
            serde_json::to_vec(&export).expect("JSON")
        } else {
            export.encode_to_vec()
        };
        let answer = post(&app, &token, "/v1/traces", encoding, body).await;
        assert_eq!(answer.status(), 200);
    }
    app.arms_with("pay", "error_rate", 20).await;
    for text in texts {
        assert_eq!(app.seen_by(text, 1).await.len(), 1, "{text}");
    }
    assert_eq!(app.seen_by("somebody-else", 0).await, []);
}

#[tokio::test]
async fn variants_are_read_as_their_text_too() {
    let app = TestApp::start().await;
    app.flag("count", "number", json!({ "off": 0, "1": 1, "true": 2 })).await;
    let token = app.server_token().await;
    let named = |value: Value| {
        let mut attributes = evaluated("count", "", "ada");
        attributes[1] = attribute_of("feature_flag.result.variant", value);
        Span { events: vec![event(attributes)], ..span(1, "on", "", StatusCode::Ok) }
    };
    let truth = Span { span_id: vec![2; 8], ..named(Value::BoolValue(true)) };
    let (_, why) = send(&app, &token, vec![named(Value::IntValue(1)), truth]).await;
    assert!(!why.contains("variant that"), "{why}");
    let seen = app.seen_by("ada", 2).await;
    let mut seen: Vec<_> = seen.iter().map(|it| it.variant.to_string()).collect();
    seen.sort();
    assert_eq!(seen, ["1", "true"]);
}

#[tokio::test]
async fn what_cannot_name_anybody_is_nobody_else() {
    let (app, token, inside, outside) = half().await;
    let mut list = span(1, "on", "", StatusCode::Error);
    list.events[0].attributes[2] =
        attribute_of("feature_flag.context.id", Value::ArrayValue(ArrayValue::default()));
    list.attributes = vec![attribute("user.id", &inside)];
    let (rejected, why) = send(&app, &token, vec![list]).await;
    assert_eq!(rejected, "1", "{why}");
    assert!(why.contains("feature_flag.context.id is neither"), "{why}");
    // What came after it is written, and it is not.
    send(&app, &token, vec![span(2, "off", &outside, StatusCode::Ok)]).await;
    assert_eq!(app.seen_by(&outside, 1).await.len(), 1);
    assert_eq!(app.seen_by(&inside, 0).await, []);
}

#[tokio::test]
async fn each_subject_of_a_span_has_its_own_outcome() {
    let (app, token, inside, outside) = half().await;
    let mut both = span(1, "on", &inside, StatusCode::Error);
    both.events.push(event(evaluated("pay", "off", &outside)));
    assert_eq!(send(&app, &token, vec![both]).await.1, "");
    let (treatment, control) = app.arms_with("pay", "error_rate", 2).await;
    assert_eq!((treatment.events, control.events), (1, 1));
    assert_eq!((app.seen_by(&inside, 1).await.len(), app.seen_by(&outside, 1).await.len()), (1, 1));
}

#[tokio::test]
async fn exposures_are_kept_as_long_as_the_ledger_keeps_any() {
    let (app, token, inside, outside) = half().await;
    let now = NOW_MS.unsigned_abs() * 1_000_000;
    let minute = 60_000_000_000;
    let day = 24 * 60 * minute;
    let old = |id: u8, subject: &str, variant: &str, ago: u64| Span {
        start_time_unix_nano: now - ago,
        end_time_unix_nano: now - ago + 1_000_000,
        ..span(id, variant, subject, StatusCode::Ok)
    };
    let spans = vec![
        old(1, &inside, "on", 11 * minute),
        old(2, &outside, "off", 179 * day),
        old(3, &outside, "off", 181 * day),
    ];
    let (rejected, why) = send(&app, &token, spans).await;
    assert_eq!(rejected, "1", "{why}");
    assert!(why.contains("3 outcomes") && why.contains("1 exposure"), "{why}");
    let seen = app.seen_by(&inside, 1).await;
    assert_eq!((seen.len(), seen[0].first_ms), (1, NOW_MS - 11 * 60_000));
    let seen = app.seen_by(&outside, 1).await;
    assert_eq!((seen.len(), seen[0].first_ms), (1, NOW_MS - 179 * 24 * 3_600_000));
}

#[tokio::test]
async fn a_span_is_as_old_as_its_end() {
    let (app, token, inside, _) = half().await;
    let now = NOW_MS.unsigned_abs() * 1_000_000;
    let long = Span {
        start_time_unix_nano: now - 15 * 60_000_000_000,
        end_time_unix_nano: now - 1_000_000_000,
        ..span(1, "on", &inside, StatusCode::Error)
    };
    assert_eq!(send(&app, &token, vec![long]).await.1, "");
    let (treatment, _) = app.arms_with("pay", "error_rate", 1).await;
    assert_eq!((treatment.events, treatment.late), (1, 0));
    assert_eq!(app.seen_by(&inside, 1).await[0].first_ms, NOW_MS - 15 * 60_000);
}

#[tokio::test]
async fn what_is_decided_otherwise_by_now_was_served_all_the_same() {
    let (app, token, inside, _) = half().await;
    let other = span(1, "off", &inside, StatusCode::Ok);
    let (rejected, why) = send(&app, &token, vec![other]).await;
    assert_eq!(rejected, "0");
    assert!(why.contains("fader.rule"), "{why}");
    let seen = app.seen_by(&inside, 1).await;
    assert_eq!((seen[0].variant.as_str(), &seen[0].rule), ("off", &None));
}

#[tokio::test]
async fn what_was_left_out_is_told_in_the_settings() {
    let (app, token, inside, _) = half().await;
    let foreign = Span {
        events: vec![event(evaluated("team/<b>banner", "on", &inside))],
        ..span(1, "on", "a", StatusCode::Ok)
    };
    assert_eq!(send(&app, &token, vec![foreign.clone()]).await.0, "1");
    let event =
        json!({ "type": "exposure", "subject": "ada", "flag": "nope", "variant": "on", "revision": 1 });
    app.tell(&token, &[event]).await;
    let cookie = app.sign_in(Role::Admin).await;
    let begin = Instant::now();
    loop {
        let page = app.request(Method::GET, "/settings/clients").header("Cookie", &cookie);
        let page = page.send().await.expect("an answer");
        assert_eq!(page.status(), 200);
        let page = page.text().await.expect("a page");
        if page.contains("team/&lt;b&gt;banner") && page.contains("nope") {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let cookie = app.sign_in(Role::Support).await;
    let page = app.request(Method::GET, "/settings/clients").header("Cookie", &cookie);
    assert_eq!(page.send().await.expect("an answer").status(), 403);
}
