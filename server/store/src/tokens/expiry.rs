//! How long a token works, and why a known one is refused.

use std::{fmt, str::FromStr};

use crate::{
    Invalid, TokenKind,
    clock::DAY_MS,
    limits::{TOKEN_DAYS_DEFAULT, TOKEN_DAYS_MAX},
};

/// How long a token works from when it is made or rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    Days(u32),
    /// For server and client tokens, on purpose.
    Never,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::Days(TOKEN_DAYS_DEFAULT)
    }
}

/// The text is no lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number of days from 1 to {TOKEN_DAYS_MAX}, or never")]
pub struct InvalidLifetime;

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        match text.trim() {
            "never" => Ok(Self::Never),
            text => {
                let days = text.parse().map_err(|_| InvalidLifetime)?;
                if (1..=TOKEN_DAYS_MAX).contains(&days) { Ok(Self::Days(days)) } else { Err(InvalidLifetime) }
            }
        }
    }
}

/// The word in forms and on the command line.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => days.fmt(f),
            Self::Never => f.write_str("never"),
        }
    }
}

impl Lifetime {
    /// Until when a token of this kind works that is made at `now_ms`.
    pub(super) fn expires_ms(self, kind: TokenKind, now_ms: i64) -> Result<Option<i64>, Invalid> {
        match (self, kind) {
            (Self::Days(days), _) if (1..=TOKEN_DAYS_MAX).contains(&days) => {
                Ok(Some(now_ms.saturating_add(i64::from(days) * DAY_MS)))
            }
            (Self::Never, TokenKind::Server | TokenKind::Client) => Ok(None),
            (Self::Days(_), _) | (Self::Never, TokenKind::Admin(_)) => Err(Invalid::TokenLifetime),
        }
    }

    /// `for 365 days` or `without an end`.
    pub(super) fn phrase(self) -> String {
        match self {
            Self::Days(days) => format!("for {}", engine::counted(days, "day")),
            Self::Never => "without an end".to_owned(),
        }
    }
}

/// Why a token gets no answer. `Display` says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    #[error("this token is not known here, or was revoked")]
    Unknown,
    #[error(
        "this token expired at {}: an admin rotates it, or makes another, under Settings → Tokens or with `fader token`",
        engine::instant_phrase(*at_ms)
    )]
    Expired { at_ms: i64 },
    #[error(
        "this token was rotated, and its old secret stopped working at {}: use the new one",
        engine::instant_phrase(*at_ms)
    )]
    Replaced { at_ms: i64 },
    #[error("the member whose token this is was disabled: use a token of somebody else")]
    OwnerDisabled,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn a_lifetime_is_days_or_never_and_a_management_token_always_ends() {
        assert_eq!("365".parse(), Ok(Lifetime::default()));
        assert_eq!("never".parse(), Ok(Lifetime::Never));
        for bad in ["0", "731", "-1", "1.5", "", "for ever"] {
            assert_eq!(bad.parse::<Lifetime>(), Err(InvalidLifetime), "{bad}");
        }
        let admin = TokenKind::Admin(Role::Viewer);
        assert_eq!(Lifetime::Days(2).expires_ms(admin, 7), Ok(Some(7 + 2 * DAY_MS)));
        assert_eq!(Lifetime::Never.expires_ms(TokenKind::Client, 7), Ok(None));
        assert_eq!(Lifetime::Never.expires_ms(admin, 7), Err(Invalid::TokenLifetime));
        assert_eq!(Lifetime::Days(9999).expires_ms(TokenKind::Server, 7), Err(Invalid::TokenLifetime));
    }
}
