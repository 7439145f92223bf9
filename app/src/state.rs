//! What the server gives the dashboard, and the one place where the store's errors become the dashboard's.
//! Pages get it through [`crate::page::Page`].

use http::StatusCode;
use leptos::prelude::LeptosOptions;
use store::{ObjectKind, Operation, SignInError, Store, StoreError};

use crate::{
    error::{AppError, Needs, Thing},
    form::state::{Reason, Refusal, as_sentence},
    live::Seats,
};

/// What [`crate::router()`] is made with. The server's session middleware puts a [`store::Principal`] and a
/// [`store::RequestOrigin`] into the extensions of each request.
#[derive(Clone)]
pub struct AppState {
    pub store: Store,
    pub options: LeptosOptions,
    /// How browsers reach the site, such as `https://fader.example.org`: what links begin with.
    pub origin: String,
    /// The site is reached through TLS: cookies are `Secure`.
    pub secure: bool,
    /// Where webhooks may lead.
    pub webhooks: store::Reach,
    /// The streams of open pages.
    pub live: Seats,
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { kind, .. } => Self::NotFound(thing(kind)),
            StoreError::Conflict(_) => Self::Conflict,
            StoreError::Denied(denied) => denied.into(),
            StoreError::PasswordNeeded => Self::PasswordNeeded,
            StoreError::Busy { retry_after_s } => Self::Busy { retry_after_s },
            StoreError::Refused(_)
            | StoreError::AlreadyExists { .. }
            | StoreError::InUse { .. }
            | StoreError::Invalid(_) => Self::Refused,
            StoreError::Unavailable(_) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the database cannot be reached");
                Self::Unavailable
            }
            StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Entropy
            | StoreError::Restored
            | StoreError::CorruptRow { .. } => {
                log(&error);
                Self::Internal
            }
        }
    }
}

impl From<store::Denied> for AppError {
    fn from(denied: store::Denied) -> Self {
        Self::Denied(match denied.operation {
            Operation::Administer => Needs::Administrator,
            Operation::EditFlags | Operation::Approve => Needs::Editor,
            Operation::Enrol => Needs::Enroller,
            Operation::View
            | Operation::Stop
            | Operation::ReadPeople
            | Operation::HandleFeedback
            | Operation::ReadAudit => Needs::Staff,
        })
    }
}

/// Keeps the store's own sentences: they stand beside the form that was refused.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            StoreError::Conflict(_) | StoreError::AlreadyExists { .. } | StoreError::InUse { .. } => {
                StatusCode::CONFLICT
            }
            StoreError::Denied(_) => StatusCode::FORBIDDEN,
            StoreError::PasswordNeeded => StatusCode::UNAUTHORIZED,
            StoreError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Refused(_) | StoreError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::Unavailable(_)
            | StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Entropy
            | StoreError::Restored
            | StoreError::CorruptRow { .. } => {
                return AppError::from(error).into();
            }
        };
        match error {
            StoreError::Conflict(conflict) => {
                Self { conflict: Some(conflict.clone()), ..Self::of(status, None, conflict) }
            }
            StoreError::Refused(problems) => {
                let reason = |problem: engine::Problem| Reason {
                    field: None,
                    sentence: as_sentence(&problem.to_string()),
                };
                Self { status, reasons: problems.into_iter().map(reason).collect(), conflict: None }
            }
            other => Self::of(status, None, other),
        }
    }
}

impl From<SignInError> for Refusal {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Wrong => {
                Self::of(StatusCode::UNAUTHORIZED, None, "The e-mail address or the password is not right.")
            }
            SignInError::Throttled { retry_after_s } => {
                let wait = crate::ui::time::wait_phrase(retry_after_s);
                let sentence = format!("There were too many attempts. Try again in {wait}.");
                Self::of(StatusCode::TOO_MANY_REQUESTS, None, sentence)
            }
            SignInError::Store(error) => error.into(),
        }
    }
}

fn thing(kind: ObjectKind) -> Thing {
    match kind {
        ObjectKind::Flag => Thing::Flag,
        ObjectKind::Group => Thing::Group,
        ObjectKind::Environment => Thing::Environment,
        ObjectKind::Member => Thing::Member,
        ObjectKind::Token => Thing::Token,
        ObjectKind::Feedback => Thing::Feedback,
        ObjectKind::Attribute
        | ObjectKind::Person
        | ObjectKind::Persona
        | ObjectKind::Workspace
        | ObjectKind::Metric
        | ObjectKind::Webhook => Thing::Other,
    }
}

fn log(error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, "the store failed");
}

/// In the extensions of a request from an address that has used up its allowance: the server counts, the action
/// refuses in the shape of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    pub retry_after_s: u64,
}
