//! What this door answers when it refuses: a problem document (RFC 9457) whose `detail` says what to do.

use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::{Conflict, Denied, DeniedBecause, Invalid, StoreError};
use utoipa::ToSchema;

use super::fields::{self, InField};
use crate::{
    edge::{access::AccessError, fault::Fault},
    intake::backlog::{Behind, Full},
    limits::EVENTS_RETRY_AFTER_S,
};

/// The media type of a problem document.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// A refused request. `Display` is the `detail`.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("{0}")]
    Denied(Denied),
    /// The body, the path or the query is not what the operation takes.
    #[error("{0}")]
    Malformed(String),
    /// Well-formed, but it cannot be done as it is.
    #[error("{0}")]
    Refused(String),
    /// The same of fields of the body, each with what is wrong with it.
    #[error("{}", fields::sentence(.0))]
    Fields(Vec<InField>),
    #[error("the {0} does not exist")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(String),
    /// Not now, but later.
    #[error("{detail}")]
    Later { detail: String, retry_after_s: u64 },
    #[error(transparent)]
    Behind(#[from] Behind),
    #[error("{}", .0.sentence())]
    Fault(Fault),
}

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status once more.
    status: u16,
    /// What kind of refusal, in a word that programs can compare.
    code: &'static str,
    /// What to do, for people.
    detail: String,
    /// The fields of the body that are wrong, where it is known which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InField>,
}

impl RestError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Access(error) => error.status(),
            Self::Denied(Denied { because: DeniedBecause::Ended, .. }) => StatusCode::UNAUTHORIZED,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) | Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Later { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Behind(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Access(error) => error.retry_after_s(),
            Self::Later { retry_after_s, .. } => Some(*retry_after_s),
            Self::Behind(_) => Some(Behind::RETRY_AFTER_S),
            Self::Fault(fault) => fault.retry_after_s(),
            Self::Denied(_)
            | Self::Malformed(_)
            | Self::Refused(_)
            | Self::Fields(_)
            | Self::NotFound(_)
            | Self::Conflict(_) => None,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Access(error) => match error.status() {
                StatusCode::UNAUTHORIZED => "unauthorized",
                StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
                _ => "forbidden",
            },
            Self::Denied(Denied { because: DeniedBecause::Ended, .. }) => "unauthorized",
            Self::Denied(_) | Self::Fault(Fault::CrossSite) => "forbidden",
            Self::Malformed(_) | Self::Fault(Fault::BrokenBody | Fault::NotAsCoded | Fault::Nul) => {
                "malformed"
            }
            Self::Refused(_) | Self::Fields(_) => "refused",
            Self::NotFound(_) | Self::Fault(Fault::NotFound) => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Later { .. } | Self::Fault(Fault::TooOften { .. }) => "too_many_requests",
            Self::Fault(Fault::MethodNotAllowed) => "method_not_allowed",
            Self::Fault(
                Fault::TooLarge { .. } | Fault::TooDetailed | Fault::QueryTooLong { .. } | Fault::Swollen,
            ) => "too_large",
            Self::Fault(Fault::UnknownCoding) => "unsupported_coding",
            Self::Fault(Fault::TimedOut) => "timed_out",
            Self::Behind(_)
            | Self::Fault(
                Fault::Unavailable | Fault::Busy | Fault::Crowded | Fault::WithoutDatabase | Fault::GivenUp,
            ) => "unavailable",
            Self::Fault(Fault::Internal) => "internal",
        }
    }
}

impl From<Full> for RestError {
    fn from(full: Full) -> Self {
        Self::Later { detail: full.to_string(), retry_after_s: EVENTS_RETRY_AFTER_S }
    }
}

impl From<Denied> for RestError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// The one place where the store's errors become this door's; unknown causes are logged here.
impl From<StoreError> for RestError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied(denied) => Self::Denied(denied),
            StoreError::NotFound { kind, .. } => Self::NotFound(kind.noun()),
            StoreError::Conflict(conflict) => Self::Conflict(since_read(&conflict)),
            StoreError::AlreadyExists { .. }
            | StoreError::InUse { .. }
            | StoreError::Invalid(Invalid::OnceTakenOver) => Self::Conflict(error.to_string()),
            StoreError::Invalid(Invalid::FeedbackDayFull { retry_after_s }) => {
                Self::Later { detail: error.to_string(), retry_after_s }
            }
            StoreError::Busy { retry_after_s } => Self::Later { detail: error.to_string(), retry_after_s },
            StoreError::Refused(problems) => fields::of_problems(&problems),
            StoreError::Invalid(invalid) => fields::of_invalid(&invalid),
            StoreError::PasswordNeeded => Self::Refused(error.to_string()),
            StoreError::Unavailable(_) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the database cannot be reached");
                Self::Fault(Fault::Unavailable)
            }
            StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Entropy
            | StoreError::Restored
            | StoreError::Unwritable { .. }
            | StoreError::CorruptRow { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                Self::Fault(Fault::Internal)
            }
        }
    }
}

/// Who changed what since the version that was sent.
fn since_read(conflict: &Conflict) -> String {
    let Conflict { expected, current, by, changes, .. } = conflict;
    let changes: Vec<_> = changes.iter().map(|change| change.phrase.as_str()).collect();
    let what = if changes.is_empty() { "saved it".to_owned() } else { changes.join("; ") };
    format!(
        "since version {expected} {by} {what}; version {current} is in force: read it, then send yours again"
    )
}

impl From<Fault> for RestError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<QueryRejection> for RestError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}

impl From<PathRejection> for RestError {
    fn from(rejection: PathRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}

impl RestError {
    pub(super) fn problem(self) -> Problem {
        let (status, code, detail) = (self.status().as_u16(), self.code(), self.to_string());
        let errors = if let Self::Fields(errors) = self { errors } else { Vec::new() };
        Problem { status, code, detail, errors }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let (status, retry_after_s) = (self.status(), self.retry_after_s());
        let mut response = (status, Json(self.problem())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
