//! Why an export is not taken.

use http::StatusCode;

use crate::{
    edge::{access::AccessError, fault::Fault},
    intake::backlog::{Behind, Full},
    limits::EVENTS_RETRY_AFTER_S,
};

/// Why nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpError {
    pub status: StatusCode,
    pub message: String,
    pub retry_after_s: Option<u64>,
}

impl OtlpError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_s: None }
    }

    pub fn malformed(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("not OTLP: {why}"))
    }

    pub fn unknown_encoding() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/x-protobuf or application/json")
    }

    pub fn fault(fault: Fault) -> Self {
        Self { retry_after_s: fault.retry_after_s(), ..Self::new(fault.status(), fault.sentence()) }
    }

    pub fn access(error: &AccessError) -> Self {
        Self { retry_after_s: error.retry_after_s(), ..Self::new(error.status(), error.to_string()) }
    }

    pub fn full(full: Full) -> Self {
        let retry_after_s = Some(EVENTS_RETRY_AFTER_S);
        Self { retry_after_s, ..Self::new(StatusCode::TOO_MANY_REQUESTS, full.to_string()) }
    }

    pub fn behind(behind: Behind) -> Self {
        let retry_after_s = Some(Behind::RETRY_AFTER_S);
        Self { retry_after_s, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, behind.to_string()) }
    }

    /// The code of `google.rpc` that says the same.
    pub fn rpc_code(&self) -> i32 {
        match self.status {
            StatusCode::UNAUTHORIZED => 16,
            StatusCode::FORBIDDEN => 7,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::INTERNAL_SERVER_ERROR => 13,
            _ => 3,
        }
    }
}
