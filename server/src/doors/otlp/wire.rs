//! How telemetry travels: protobuf or JSON, perhaps compressed; errors are `google.rpc.Status` in the same encoding.

use std::{io::Read as _, ops::Deref};

use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::{logs::v1::LogRecord, trace::v1::Span};
use prost::Message;
use serde::Serialize;

use super::{error::OtlpError, json, protobuf};
use crate::{
    edge::{body::Whole, fault::Fault},
    limits::OTLP_INFLATED_BYTES_MAX,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const INFLATED_BYTES_MIN: usize = 64 * 1024;

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

/// An export as it was before gzip.
pub enum Content {
    Plain(Whole),
    Inflated(Vec<u8>),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Inflated(bytes) => bytes,
        }
    }
}

/// The body as it was before gzip, up to a limit.
pub fn inflate(headers: &HeaderMap, body: Whole) -> Result<Content, OtlpError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    match encoding {
        None | Some(b"identity" | b"") => Ok(Content::Plain(body)),
        Some(b"gzip") => Ok(Content::Inflated(gunzip(&body)?)),
        Some(_) => {
            Err(OtlpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compress with gzip, or not at all"))
        }
    }
}

/// Grows with what comes, but never beyond the limit.
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, OtlpError> {
    let mut inflated = Vec::new();
    let mut gzip = GzDecoder::new(bytes).take(OTLP_INFLATED_BYTES_MAX as u64 + 1);
    loop {
        let room = inflated.len().max(INFLATED_BYTES_MIN).min(OTLP_INFLATED_BYTES_MAX + 1 - inflated.len());
        inflated.reserve_exact(room);
        let read = (&mut gzip).take(room as u64).read_to_end(&mut inflated);
        let read = read.map_err(|_| {
            OtlpError::new(StatusCode::BAD_REQUEST, "the body is not gzip as its header says")
        })?;
        if inflated.len() > OTLP_INFLATED_BYTES_MAX {
            return Err(OtlpError::fault(Fault::TooLarge { bytes_max: OTLP_INFLATED_BYTES_MAX }));
        }
        if read < room {
            return Ok(inflated);
        }
    }
}
