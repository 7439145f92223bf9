//! How telemetry travels: protobuf or JSON, perhaps compressed; errors are `google.rpc.Status` in the same encoding.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::{logs::v1::LogRecord, trace::v1::Span};
use prost::Message;
use serde::Serialize;

use super::{error::OtlpError, json, protobuf};
use crate::{
    edge::{body::Whole, coding::BodyCoding, fault::Fault},
    limits::OTLP_INFLATED_BYTES_MAX,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
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

    /// Calls `each` for every span of an export.
    pub fn spans(
        self,
        bytes: &[u8],
        each: impl FnMut(&Span) -> Result<(), OtlpError>,
    ) -> Result<(), OtlpError> {
        match self {
            Self::Protobuf => protobuf::spans(bytes, each),
            Self::Json => json::spans(bytes, each),
        }
    }

    /// Calls `each` for every log record of an export.
    pub fn records(
        self,
        bytes: &[u8],
        each: impl FnMut(&LogRecord) -> Result<(), OtlpError>,
    ) -> Result<(), OtlpError> {
        match self {
            Self::Protobuf => protobuf::records(bytes, each),
            Self::Json => json::records(bytes, each),
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
    pub fn answer(self, encoding: Encoding) -> Response {
        let status = Status { code: self.rpc_code(), message: self.message };
        let body = encoding.encode(&status).unwrap_or_default();
        let mut response = encoding.respond(self.status, body);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The body as it was before it was compressed, up to a limit.
pub fn decoded(headers: &HeaderMap, body: Whole) -> Result<Whole, OtlpError> {
    let decoded = match BodyCoding::of(headers).map_err(OtlpError::fault)? {
        Some(coding) => body.decoded(coding, OTLP_INFLATED_BYTES_MAX),
        None => Ok(body),
    };
    decoded.map_err(OtlpError::fault)
}
