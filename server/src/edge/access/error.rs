//! Why a token, or the want of one, gets no answer.

use http::StatusCode;
use store::TokenRefused;

/// `Display` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    #[error("send a token as \"Authorization: Bearer …\" or in X-API-Key")]
    NoToken,
    #[error("Authorization and X-API-Key name two different tokens: send one of them")]
    TwoTokens,
    #[error(transparent)]
    WrongToken(#[from] TokenRefused),
    #[error("too many wrong tokens came from this address")]
    TooManyWrongTokens { retry_after_s: u64 },
    #[error("pages of {origin} may not use this token: an admin can add the origin to it")]
    Origin { origin: String },
    #[error(
        "this is a management token: it does not evaluate and sends no events; use a server or client token"
    )]
    ManagementToken,
    #[error(
        "this needs a management token: an admin makes one under Settings → Tokens, or with `fader token create --kind admin`"
    )]
    NotManagementToken,
    #[error("this needs a server token: an answer that a browser gets is no proof for a backend")]
    NotServerToken,
    #[error("this token is asked more often than the server allows")]
    TooMany { retry_after_s: u64 },
    #[error("that is more feedback at once than the server takes: wait, then send it again")]
    TooMuchFeedback { retry_after_s: u64 },
    #[error("that is more events at once than the server takes from browsers: wait, then send fewer")]
    TooManyEvents { retry_after_s: u64 },
    #[error(
        "send events of this token from a page of its origins; for an app without pages an admin allows any origin"
    )]
    NoOrigin,
}

impl AccessError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::TwoTokens | Self::WrongToken(_) => StatusCode::UNAUTHORIZED,
            Self::Origin { .. }
            | Self::NoOrigin
            | Self::ManagementToken
            | Self::NotManagementToken
            | Self::NotServerToken => StatusCode::FORBIDDEN,
            Self::TooManyWrongTokens { .. }
            | Self::TooMany { .. }
            | Self::TooMuchFeedback { .. }
            | Self::TooManyEvents { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyWrongTokens { retry_after_s }
            | Self::TooMany { retry_after_s }
            | Self::TooMuchFeedback { retry_after_s }
            | Self::TooManyEvents { retry_after_s } => Some(*retry_after_s),
            Self::NoToken
            | Self::TwoTokens
            | Self::WrongToken(_)
            | Self::Origin { .. }
            | Self::NoOrigin
            | Self::ManagementToken
            | Self::NotManagementToken
            | Self::NotServerToken => None,
        }
    }
}
