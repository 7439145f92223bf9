//! What this door answers when it decides, in the protocol's shape.

use engine::{Arm, Decision, Reason, RuleId};
use http::{HeaderValue, header};
use serde::Serialize;
use serde_json::Value as Json;

use super::{error::Failure, receipt::Receipts, revision::ConfigRevision};
use crate::{Server, limits::INACTIVITY_DELAY_S};

/// A decided flag.
#[derive(Serialize)]
pub struct Success<'a> {
    pub key: &'a str,
    pub value: &'a Json,
    pub reason: Reason,
    pub variant: &'a str,
    pub metadata: Metadata<'a>,
}

/// What a caller reports outcomes against.
#[derive(Serialize)]
pub struct Metadata<'a> {
    pub revision: u64,
    pub environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arm: Option<Arm>,
    /// Served because of a preview: not to be counted as an exposure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// Proves the decision; comes back with events of a client token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    #[serde(flatten)]
    pub stale: Option<Stale>,
}

/// Decided without the database, from what was in force so many seconds ago.
#[derive(Clone, Copy, Serialize)]
pub struct Stale {
    stale: bool,
    stale_s: u64,
}

impl Stale {
    pub fn of(server: &Server) -> Option<Self> {
        server.stale_s().map(|stale_s| Self { stale: true, stale_s })
    }
}

/// One flag of a bulk answer: a flag that cannot be decided does not spoil the others.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Item<'a> {
    Success(Success<'a>),
    Failure(Failure<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk<'a> {
    pub flags: Vec<Item<'a>>,
    pub metadata: Metadata<'a>,
    pub event_streams: [EventStream; 1],
}

/// Where a client hears of changes. A path, so that it works behind any proxy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStream {
    r#type: &'static str,
    endpoint: Endpoint,
    inactivity_delay_sec: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    request_uri: String,
}

impl EventStream {
    pub fn at(request_uri: String) -> Self {
        Self { r#type: "sse", endpoint: Endpoint { request_uri }, inactivity_delay_sec: INACTIVITY_DELAY_S }
    }
}

impl<'a> Success<'a> {
    pub fn new(
        key: &'a str,
        decision: Decision<'a>,
        (environment, revision): (&'a str, u64),
        stale: Option<Stale>,
        receipts: Option<&Receipts>,
    ) -> Self {
        let receipt = receipts.and_then(|receipts| receipts.sign(key, &decision));
        let rule = decision.rule.map(RuleId::as_str);
        Self {
            key,
            value: &decision.variant.value,
            reason: decision.reason,
            variant: decision.variant.key.as_str(),
            metadata: Metadata {
                revision,
                environment,
                rule,
                arm: decision.arm,
                preview: decision.previewed,
                stale,
                receipt,
            },
        }
    }
}

/// One event of a stream: the client evaluates again, naming what it was told.
pub fn refetch_event(environment: &str, revision: ConfigRevision, changed_ms: i64) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        r#type: &'static str,
        etag: &'a str,
        last_modified: i64,
    }
    let etag = super::refetch::config_etag(environment, revision);
    let last_modified = changed_ms.div_euclid(1000);
    let data = Data { r#type: "refetchEvaluation", etag: &etag, last_modified };
    let data = serde_json::to_string(&data).unwrap_or_default();
    format!("id: {revision}\nevent: message\ndata: {data}\n\n")
}

pub const JSON: (header::HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
/// An answer holds for one subject; whoever keeps it asks again with its ETag.
pub const PRIVATE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_what_the_protocol_says() {
        let event = refetch_event("production", ConfigRevision { revision: 7, passed: 0 }, 1_771_622_898_123);
        assert_eq!(
            event,
            "id: 7-0\nevent: message\ndata: {\"type\":\"refetchEvaluation\",\"etag\":\"\\\"production-7-0\\\"\",\
             \"lastModified\":1771622898}\n\n"
        );
    }
}
