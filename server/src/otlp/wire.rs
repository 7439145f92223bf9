//! How telemetry travels: protobuf or JSON, perhaps compressed; errors are `google.rpc.Status` in the same encoding.

use std::io::Read as _;

use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    access::AccessError,
    door::Fault,
    ingest::{Behind, Full},
    limits::{EVENTS_RETRY_AFTER_S, OTLP_INFLATED_BYTES_MAX},
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// Why nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpError {
    status: StatusCode,
    message: String,
    retry_after_s: Option<u64>,
}

/// `google.rpc.Status`, as far as it is used.
#[derive(Clone, PartialEq, Message, Serialize)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Encoding {
    /// What the headers say that the body is.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            PROTOBUF => Some(Self::Protobuf),
            JSON => Some(Self::Json),
            _ => None,
        }
    }

    pub fn decode<T: Message + Default + DeserializeOwned>(self, bytes: &[u8]) -> Result<T, OtlpError> {
        let malformed = |error: String| OtlpError::new(StatusCode::BAD_REQUEST, format!("not OTLP: {error}"));
        match self {
            Self::Protobuf => T::decode(bytes).map_err(|error| malformed(error.to_string())),
            Self::Json => serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string())),
        }
    }

    pub fn answer<T: Message + Serialize>(self, answer: &T) -> Result<Response, OtlpError> {
        Ok(self.respond(StatusCode::OK, self.encode(answer)?))
    }

    fn encode<T: Message + Serialize>(self, answer: &T) -> Result<Vec<u8>, OtlpError> {
        match self {
            Self::Protobuf => Ok(answer.encode_to_vec()),
            Self::Json => serde_json::to_vec(answer).map_err(|_| OtlpError::fault(Fault::Internal)),
        }
    }

    fn respond(self, status: StatusCode, body: Vec<u8>) -> Response {
        let kind = match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        };
        (status, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], body).into_response()
    }
}

impl OtlpError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_s: None }
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

    pub fn answer(self, encoding: Encoding) -> Response {
        let status = Status { code: self.rpc_code(), message: self.message };
        let body = encoding.encode(&status).unwrap_or_default();
        let mut response = encoding.respond(self.status, body);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The code of `google.rpc` that says the same.
    fn rpc_code(&self) -> i32 {
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

/// The body as it was before gzip, up to a limit.
pub fn inflate(headers: &HeaderMap, bytes: &[u8]) -> Result<Vec<u8>, OtlpError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    match encoding {
        None | Some(b"identity" | b"") => Ok(bytes.to_vec()),
        Some(b"gzip") => {
            let mut inflated = Vec::new();
            let mut limited = GzDecoder::new(bytes).take(OTLP_INFLATED_BYTES_MAX as u64 + 1);
            let broken =
                |_| OtlpError::new(StatusCode::BAD_REQUEST, "the body is not gzip as its header says");
            limited.read_to_end(&mut inflated).map_err(broken)?;
            if inflated.len() > OTLP_INFLATED_BYTES_MAX {
                return Err(OtlpError::fault(Fault::TooLarge { bytes_max: OTLP_INFLATED_BYTES_MAX }));
            }
            Ok(inflated)
        }
        Some(_) => {
            Err(OtlpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compress with gzip, or not at all"))
        }
    }
}
