//! Access tokens of the public interfaces: each says where it counts, whose it is and until when it works. The secret
//! is shown once and kept as SHA-256.

mod authority;
mod create;
mod expiry;
mod kind;
mod list;
mod load;
mod rotate;
mod uses;

use std::{fmt, str::FromStr, sync::Arc};

use engine::EnvironmentKey;

pub use create::NewToken;
pub use expiry::{InvalidLifetime, Lifetime, TokenRefused};
pub use kind::{TokenKind, TokenScope};
pub use list::{TokenRow, TokenState};
pub(crate) use load::{Rows, read, rows};
pub use rotate::Rotation;
pub(crate) use uses::Uses;

use crate::{Role, UserId};

/// A token's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(i64);

impl TokenId {
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TokenId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The member whose token it is: the one who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOwner {
    pub id: UserId,
    pub name: String,
    pub email: String,
    /// What they may do now: a management token never may more.
    pub role: Role,
    pub disabled: bool,
}

/// What a request with a token may do.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub kind: TokenKind,
    pub scope: TokenScope,
    /// Of a client token: exactly these, or `*` for any.
    pub origins: Vec<String>,
    /// Of a server token: whether it stores people.
    pub writes_traits: bool,
    /// `None` for one that was made at the command line for nobody.
    pub owner: Option<TokenOwner>,
    /// It works until then; `None` for ever.
    pub expires_ms: Option<i64>,
    /// This is a secret that was replaced: it works until then.
    pub(crate) ends_ms: Option<i64>,
    pub(crate) uses: Arc<Uses>,
}

impl Token {
    /// The environment it is bound to; `None` for the whole workspace.
    pub fn environment(&self) -> Option<&EnvironmentKey> {
        self.scope.environment()
    }

    /// The key of that environment, for looking it up; empty, which names none, for the whole workspace.
    pub fn environment_key(&self) -> &str {
        self.environment().map_or("", EnvironmentKey::as_str)
    }

    /// When it stops working by itself (epoch ms), if it does.
    pub fn works_until_ms(&self) -> Option<i64> {
        [self.ends_ms, self.expires_ms].into_iter().flatten().min()
    }

    /// Whether it still works.
    pub(crate) fn check(&self, now_ms: i64) -> Result<(), TokenRefused> {
        if let Some(at_ms) = self.ends_ms.filter(|at| *at <= now_ms) {
            return Err(TokenRefused::Replaced { at_ms });
        }
        if let Some(at_ms) = self.expires_ms.filter(|at| *at <= now_ms) {
            return Err(TokenRefused::Expired { at_ms });
        }
        // Others belong to the application that holds them: it goes on when a member leaves.
        let manages = self.kind.role().is_some();
        if manages && self.owner.as_ref().is_some_and(|owner| owner.disabled) {
            return Err(TokenRefused::OwnerDisabled);
        }
        Ok(())
    }

    /// Notes that a request came with it, in memory: see [`crate::Store::write_token_uses`].
    pub fn note_use(&self, now_ms: i64) {
        self.uses.note(now_ms);
    }

    /// What it is called as somebody who acts: `Ada's token deploy-bot`.
    pub(crate) fn actor_name(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{}'s token {}", owner.name, self.name),
            None => format!("token {}", self.name),
        }
    }
}
