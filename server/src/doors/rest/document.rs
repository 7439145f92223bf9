//! The `OpenAPI` document as it is served: written once, with the refusals that any operation can give.

mod words;

use axum::{
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

pub(crate) use words::{
    AttributeTypeWord, Comment, Condition, FeedbackCompleted, FeedbackWord, Flag, FlagKindWord, FlagVariant,
    Guardrail, IdempotencyKey, Key, LifecycleWord, MetricKindWord, Milliseconds, PerCent, PlanStep,
    PlanTransition, Proof, RoleWord, Rollout, Subject, TokenKindWord, Traits, TriageWord, ValueTypeWord,
    Version,
};

/// Whatever is asked: what is malformed, who may not, too often, and what goes wrong on our side.
const ALWAYS: [(&str, &str); 7] = [
    ("400", "The path, the query or the body cannot be read"),
    ("401", "No token, or one that is not known"),
    ("403", "The token may not do this"),
    ("414", "A part of the query is too long"),
    ("429", "Too often; with Retry-After"),
    ("500", "Something went wrong on our side"),
    ("503", "Not at the moment; with Retry-After"),
];
const WITH_NAMES_IN_THE_PATH: [(&str, &str); 1] = [("404", "Nothing has this name")];
const WITH_AN_ENVIRONMENT: [(&str, &str); 2] = [
    ("404", "Nothing has this name"),
    (
        "422",
        "Read, but it cannot be done as it is: the token counts in several environments, and none is named",
    ),
];
const WITH_A_KEY: [(&str, &str); 2] = [
    ("409", "It does not fit what is in force, or the first request with this Idempotency-Key is under way"),
    ("422", "Read, but it cannot be done as it is, or this Idempotency-Key came with another request"),
];
const READ: [(&str, &str); 1] = [("304", "What `If-None-Match` names is still what is answered")];
const WITH_A_BODY: [(&str, &str); 4] = [
    ("408", "The body took too long"),
    ("413", "The body is too large, or has too many values"),
    ("415", "The body is compressed with something else than gzip or zstd"),
    ("422", "Read, but it cannot be done as it is"),
];

/// The document, ready to be sent.
#[derive(Clone)]
pub struct Served(Bytes);

impl Served {
    pub fn new(document: &OpenApi) -> Self {
        let mut json = serde_json::to_value(document).unwrap_or_default();
        if let Some(paths) = json.get_mut("paths").and_then(Value::as_object_mut) {
            for (path, operations) in paths {
                for (method, operation) in operations.as_object_mut().into_iter().flatten() {
                    if let Some(operation) = operation.as_object_mut() {
                        complete(method, path, operation);
                    }
                }
            }
        }
        Self(serde_json::to_vec(&json).unwrap_or_default().into())
    }

    pub fn answer(&self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], self.0.clone()).into_response()
    }
}

fn complete(method: &str, path: &str, operation: &mut Map<String, Value>) {
    let has_names = path.contains('{').then_some(WITH_NAMES_IN_THE_PATH).into_iter().flatten();
    let has_body = operation.contains_key("requestBody").then_some(WITH_A_BODY).into_iter().flatten();
    let parameters: Vec<_> =
        operation.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
    let has = |name: &str| parameters.iter().any(|it| it["name"] == name);
    let has_environment = has("environment").then_some(WITH_AN_ENVIRONMENT).into_iter().flatten();
    let has_key = has("Idempotency-Key").then_some(WITH_A_KEY).into_iter().flatten();
    let reads = (method == "get").then_some(READ).into_iter().flatten();
    let refusals: Vec<_> = ALWAYS
        .into_iter()
        .chain(has_names)
        .chain(has_key)
        .chain(has_body)
        .chain(has_environment)
        .chain(reads)
        .collect();
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, description) in refusals {
        responses.entry(status).or_insert_with(|| json!({ "description": description }));
    }
    for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let Some(response) = response.as_object_mut() {
            let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
            response.insert("content".to_owned(), json!({ "application/problem+json": problem }));
        }
    }
}
