//! [`AppError`]: the only error that leaves the dashboard. Closed: it cannot say a sentence that somebody else
//! wrote. A form that was refused is not this error but a [`crate::form::state::FormState`] with the sentence beside its field.

use engine::counted;
use store::{Denied, DeniedBecause, ObjectKind, StoreError};

/// Why a request got no page. `Display` says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    #[error("You are signed out. Sign in and try again.")]
    SignedOut,
    #[error("This changes who may do what: give your password again.")]
    PasswordNeeded,
    #[error("{}", crate::form::error::as_sentence(&.0.to_string()))]
    Denied(Denied),
    #[error("{0} does not exist, or it was deleted.")]
    NotFound(Thing),
    #[error(
        "This link is not valid any more: it was used, or it is too old. Ask whoever sent it to you for a new one."
    )]
    StaleLink,
    #[error("Somebody else changed this in the meantime. Load the page again and repeat your change.")]
    Conflict,
    #[error("This was refused. Check what you entered and try again.")]
    Refused,
    #[error("The form arrived damaged or incomplete. Load the page again and send it once more.")]
    BadForm,
    #[error(
        "That is more than one form can hold, and nothing was saved. Go back in your browser, where what you entered \
         still is, and send less at a time."
    )]
    TooLarge,
    #[error("One part of it is longer than {chars_max} characters. Go back, shorten it and send it again.")]
    FieldTooLong { chars_max: usize },
    #[error("Too many attempts. Wait {} and try again.", counted(*.retry_after_s, "second"))]
    Throttled { retry_after_s: u64 },
    #[error("Too many people are signing in at this moment. Try again in {}.", counted(*.retry_after_s, "second"))]
    Busy { retry_after_s: u64 },
    #[error("The address does not answer to this kind of request. Go back and use the page's own buttons.")]
    WrongMethod,
    #[error("Something went wrong on the server; nothing was changed. Try again in a moment.")]
    Internal,
    #[error(
        "The database cannot be reached at the moment, so nothing can be changed. Wait a few seconds and try again."
    )]
    Unavailable,
}

/// What was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Thing {
    #[error("This page")]
    Page,
    #[error("This flag")]
    Flag,
    #[error("This pilot group")]
    Group,
    #[error("This environment")]
    Environment,
    #[error("This change")]
    Change,
    #[error("This member")]
    Member,
    #[error("This token")]
    Token,
    #[error("What you asked for")]
    Other,
    #[error("This feedback")]
    Feedback,
    #[error("This incident")]
    Incident,
}

impl AppError {
    /// The HTTP status that says the same.
    pub fn status_code(&self) -> u16 {
        match self {
            Self::SignedOut | Self::PasswordNeeded => 401,
            Self::Denied(_) => 403,
            Self::NotFound(_) => 404,
            Self::WrongMethod => 405,
            Self::StaleLink => 410,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Refused | Self::BadForm | Self::FieldTooLong { .. } => 422,
            Self::Throttled { .. } => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::Busy { .. } => 503,
        }
    }
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
            | StoreError::Unwritable { .. }
            | StoreError::CorruptRow { .. } => {
                log(&error);
                Self::Internal
            }
        }
    }
}

impl From<Denied> for AppError {
    fn from(denied: Denied) -> Self {
        if denied.because == DeniedBecause::Ended { Self::SignedOut } else { Self::Denied(denied) }
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
        | ObjectKind::Webhook
        | ObjectKind::Roles => Thing::Other,
    }
}

fn log(error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, "the store failed");
}
