//! [`AppError`]: the only error that leaves the dashboard. Closed: it cannot say a sentence that somebody else
//! wrote. A form that was refused is not this error but a [`crate::draft::Draft`] with the reason beside its field.

use islands::error::{BAD_FORM, CallError, INTERNAL};

/// Why a request got no page. `Display` says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    #[error("You are signed out. Sign in and try again.")]
    SignedOut,
    #[error("This changes who may do what: give your password again.")]
    PasswordNeeded,
    #[error("Your role does not allow this. {0}")]
    Denied(Needs),
    #[error("{0} does not exist, or it was deleted.")]
    NotFound(Thing),
    #[error("This link is not valid any more: it was used, or it is too old. Ask an admin for a new one.")]
    StaleLink,
    #[error("Somebody else changed this in the meantime. Load the page again and repeat your change.")]
    Conflict,
    #[error("This was refused. Check what you entered and try again.")]
    Refused,
    #[error("{BAD_FORM}")]
    BadForm,
    #[error("That file is not a text. Save the table as CSV (UTF-8) in your spreadsheet and send that file.")]
    NoTextFile,
    #[error("That is more than one form can hold. Send less at a time.")]
    TooLarge,
    #[error("One part of it is longer than {chars_max} characters. Go back, shorten it and send it again.")]
    FieldTooLong { chars_max: usize },
    #[error("Too many attempts. Wait {retry_after_s} seconds and try again.")]
    Throttled { retry_after_s: u64 },
    #[error("Too many people are signing in at this moment. Try again in {retry_after_s} seconds.")]
    Busy { retry_after_s: u64 },
    #[error("The address does not answer to this kind of request. Go back and use the page's own buttons.")]
    WrongMethod,
    #[error("{INTERNAL}")]
    Internal,
    #[error(
        "The database cannot be reached at the moment, so nothing can be changed. Wait a few seconds and try again."
    )]
    Unavailable,
}

/// Who may do what was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Needs {
    #[error("Ask an administrator.")]
    Administrator,
    #[error("Ask an administrator or a product manager.")]
    Editor,
    #[error("Ask an administrator, a product manager or a tester.")]
    Enroller,
    #[error("Ask anybody who is more than a viewer.")]
    Staff,
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
            Self::Refused | Self::BadForm | Self::NoTextFile | Self::FieldTooLong { .. } => 422,
            Self::Throttled { .. } => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::Busy { .. } => 503,
        }
    }
}

/// What an island needs to know of it.
impl From<AppError> for CallError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::PasswordNeeded => Self::PasswordNeeded,
            AppError::BadForm => Self::BadForm,
            AppError::Internal => Self::Internal,
            other => Self::Refused { status: other.status_code(), sentence: other.to_string() },
        }
    }
}
