//! [`CallError`]: why an island got no answer. The browser knows no more kinds than it treats differently.

use leptos::{
    prelude::{FromServerFnError, ServerFnErrorErr},
    server_fn::codec::JsonEncoding,
};
use serde::{Deserialize, Serialize};

/// What a damaged form is told, whether a page or an island sent it.
pub const BAD_FORM: &str =
    "The form arrived damaged or incomplete. Load the page again and send it once more.";
/// What is said of faults that nobody but the operator can understand.
pub const INTERNAL: &str = "Something went wrong on the server; nothing was changed. Try again in a moment.";

/// `Display` says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "error", content = "detail")]
pub enum CallError {
    /// Somebody has to give the password first; the page for it leads back.
    #[error("This changes who may do what: give your password again.")]
    PasswordNeeded,
    /// The dashboard's own error: its HTTP status and its sentence. Only ever written by the dashboard and read out of the
    /// answer to a call, never out of an address.
    #[error("{sentence}")]
    Refused { status: u16, sentence: String },
    #[error("{BAD_FORM}")]
    BadForm,
    #[error("{INTERNAL}")]
    Internal,
    #[error("The server does not answer. Check the connection and try again.")]
    Unreachable,
}

impl CallError {
    /// The HTTP status that says the same.
    pub fn status_code(&self) -> u16 {
        match self {
            Self::PasswordNeeded => 401,
            Self::Refused { status, .. } => *status,
            Self::BadForm => 422,
            Self::Internal => 500,
            Self::Unreachable => 503,
        }
    }
}

impl FromServerFnError for CallError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Deserialization(_) => Self::Unreachable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Self::BadForm,
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_) => Self::Internal,
        }
    }
}
