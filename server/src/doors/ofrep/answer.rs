//! What this door answers when it decides, in the protocol's shape: put together from parts that are made once.

use engine::{Decision, EvaluationError, RuleId};
use http::{HeaderValue, header};
use serde::Serialize;
use store::Store;

use super::{
    error::Failure,
    parts::FlagParts,
    prepared::Prepared,
    receipt::Receipts,
    revision::{ConfigRevision, config_etag},
};
use crate::{edge::stand_in::stale_s, limits::INACTIVITY_DELAY_S};

/// The rest of an answer about all flags: metadata, where the stream is.
const FRAME_BYTES: usize = 512;

/// Decided without the database, from what was in force so many seconds ago.
#[derive(Clone, Copy)]
pub struct Stale {
    stale_s: u64,
}

impl Stale {
    pub fn of(store: &Store) -> Option<Self> {
        stale_s(store).map(|stale_s| Self { stale_s })
    }
}

/// Writes one answer.
pub struct Answer<'a> {
    pub prepared: &'a Prepared,
    pub stale: Option<Stale>,
    pub receipts: Option<&'a Receipts>,
}

impl Answer<'_> {
    /// About one flag, which has `parts`.
    pub fn one(&self, parts: &FlagParts, decision: &Decision<'_>, key: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(parts.bytes_max() + self.prepared.metadata.len() + FRAME_BYTES);
        self.success(parts, decision, key, &mut out);
        out
    }

    /// About all flags that are not archived; `stream` is the path where a client hears of changes: a path, so that it
    /// works behind any proxy.
    pub fn all<'d>(
        &self,
        decisions: impl Iterator<Item = (&'d FlagParts, &'d str, Result<Decision<'d>, EvaluationError>)>,
        stream: &str,
    ) -> Vec<u8> {
        let receipts = if self.receipts.is_some() { RECEIPT_BYTES * self.prepared.parts.len() } else { 0 };
        let mut out = Vec::with_capacity(self.prepared.bulk_bytes + receipts + FRAME_BYTES);
        out.extend_from_slice(b"{\"flags\":[");
        for (at, (parts, key, decided)) in decisions.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match decided {
                Ok(decision) => self.success(parts, &decision, key, &mut out),
                // A flag that cannot be decided does not spoil the others.
                Err(error) => failure(key, error, &mut out),
            }
        }
        out.extend_from_slice(b"],\"metadata\":");
        out.extend_from_slice(self.prepared.metadata.as_bytes());
        self.stale(&mut out);
        out.extend_from_slice(b"},\"eventStreams\":[{\"type\":\"sse\",\"endpoint\":{\"requestUri\":\"");
        // Of letters, digits and what needs no escape.
        out.extend_from_slice(stream.as_bytes());
        out.extend_from_slice(b"\"},\"inactivityDelaySec\":");
        number(INACTIVITY_DELAY_S, &mut out);
        out.extend_from_slice(b"}]}");
        out
    }

    fn success(&self, parts: &FlagParts, decision: &Decision<'_>, key: &str, out: &mut Vec<u8>) {
        let Some(parts) = parts.of(decision.variant) else {
            return failure(key, EvaluationError::General, out);
        };
        out.extend_from_slice(&parts.before_reason);
        out.extend_from_slice(decision.reason.as_str().as_bytes());
        out.extend_from_slice(&parts.after_reason);
        out.extend_from_slice(self.prepared.metadata.as_bytes());
        // Ids of rules are letters, digits and what needs no escape.
        if let Some(rule) = decision.rule.map(RuleId::as_str) {
            member(b",\"rule\":\"", rule, out);
        }
        if let Some(arm) = decision.arm {
            member(b",\"arm\":\"", arm.as_str(), out);
        }
        if decision.previewed {
            // Not to be counted as an exposure.
            out.extend_from_slice(b",\"preview\":true");
        } else if let Some(receipts) = self.receipts {
            out.extend_from_slice(b",\"receipt\":\"");
            receipts.write(key, decision, out);
            out.push(b'"');
        }
        self.stale(out);
        out.extend_from_slice(b"}}");
    }

    fn stale(&self, out: &mut Vec<u8>) {
        if let Some(Stale { stale_s }) = self.stale {
            out.extend_from_slice(b",\"stale\":true,\"stale_s\":");
            number(stale_s, out);
        }
    }
}

/// `,"receipt":"…"` of one flag.
const RECEIPT_BYTES: usize = 48;

fn member(name: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn failure(key: &str, error: EvaluationError, out: &mut Vec<u8>) {
    let failure =
        Failure { key: Some(key), error_code: Some(error.into()), error_details: error.to_string() };
    // Texts and words always have a JSON form.
    out.extend(serde_json::to_vec(&failure).unwrap_or_default());
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
    let etag = config_etag(environment, revision);
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

/// An answer about all flags is compressed for whoever asks.
pub const BY_CODING: (header::HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("Accept-Encoding"));

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
