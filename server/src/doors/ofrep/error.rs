//! What this door answers when it does not decide, in the protocol's shape.

use axum::response::{IntoResponse, Response};
use engine::EvaluationError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::edge::{access::AccessError, fault::Fault};

/// A refused request. `Display` is `errorDetails`: it says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfrepError {
    #[error("{0}")]
    Evaluation(EvaluationError),
    #[error("the body is not JSON that can be read: {0}")]
    Parse(String),
    #[error("{0}")]
    InvalidContext(String),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the change that this refetch names has not arrived here yet")]
    Behind,
    #[error("this stream address does not hold any more: evaluate all flags to get a new one")]
    StaleTicket,
    #[error("this server has as many open streams as it can hold")]
    StreamsFull { retry_after_s: u64 },
    #[error("this token, address or subject has as many open streams as one may have: close some")]
    TooManyStreams { retry_after_s: u64 },
    #[error("the environment of this token is not there any more")]
    NoEnvironment,
    #[error("{}", .0.sentence())]
    Fault(Fault),
}

/// The protocol's error codes, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    ParseError,
    InvalidContext,
    TargetingKeyMissing,
    FlagNotFound,
    General,
}

/// `key` stands in failures of one flag only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    pub error_details: String,
}

impl From<EvaluationError> for ErrorCode {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::FlagNotFound => Self::FlagNotFound,
            EvaluationError::TargetingKeyMissing => Self::TargetingKeyMissing,
            EvaluationError::General => Self::General,
        }
    }
}

impl OfrepError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Evaluation(EvaluationError::FlagNotFound) => StatusCode::NOT_FOUND,
            Self::Evaluation(EvaluationError::TargetingKeyMissing)
            | Self::Parse(_)
            | Self::InvalidContext(_) => StatusCode::BAD_REQUEST,
            Self::Evaluation(EvaluationError::General) | Self::NoEnvironment => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Access(error) => error.status(),
            Self::StaleTicket => StatusCode::UNAUTHORIZED,
            Self::Behind | Self::StreamsFull { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyStreams { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Evaluation(error) => Some((*error).into()),
            Self::Parse(_) | Self::Fault(Fault::BrokenBody | Fault::NotAsCoded | Fault::Nul) => {
                Some(ErrorCode::ParseError)
            }
            Self::InvalidContext(_) => Some(ErrorCode::InvalidContext),
            Self::Fault(
                Fault::TooLarge { .. }
                | Fault::TooDetailed
                | Fault::Swollen
                | Fault::UnknownCoding
                | Fault::QueryTooLong { .. }
                | Fault::TimedOut
                | Fault::Busy
                | Fault::Crowded
                | Fault::GivenUp,
            ) => Some(ErrorCode::General),
            Self::Access(_)
            | Self::StaleTicket
            | Self::Behind
            | Self::StreamsFull { .. }
            | Self::TooManyStreams { .. }
            | Self::NoEnvironment
            | Self::Fault(
                Fault::NotFound
                | Fault::MethodNotAllowed
                | Fault::CrossSite
                | Fault::TooOften { .. }
                | Fault::Unavailable
                | Fault::WithoutDatabase
                | Fault::Internal,
            ) => None,
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Access(error) => error.retry_after_s(),
            Self::StreamsFull { retry_after_s } | Self::TooManyStreams { retry_after_s } => {
                Some(*retry_after_s)
            }
            Self::Behind => Some(1),
            Self::Fault(fault) => fault.retry_after_s(),
            _ => None,
        }
    }

    /// The answer to a request about the flag `key`, or about all of them.
    pub fn answer(&self, key: Option<&str>) -> Response {
        let failure = Failure { key, error_code: self.code(), error_details: self.to_string() };
        let mut response = (self.status(), axum::Json(failure)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for OfrepError {
    fn into_response(self) -> Response {
        self.answer(None)
    }
}
