//! The list of tokens, and when they end.

use engine::EnvironmentKey;

use super::{TokenId, TokenKind, TokenOwner, TokenScope};
use serde::{Deserialize, Serialize};

use crate::{
    Administrator, Role, Store, StoreError, UserId, clock::DAY_MS, db::args, limits::TOKEN_WARNING_DAYS,
    versioned::parse,
};

/// Revoked tokens are kept for the list.
const TOKENS_LISTED_MAX: i64 = 1000;

/// A line of the tokens page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub kind: TokenKind,
    pub scope: TokenScope,
    pub origins: Vec<String>,
    pub writes_traits: bool,
    pub owner: Option<TokenOwner>,
    /// The last characters of the secret, to tell tokens apart.
    pub hint: String,
    pub created_ms: i64,
    pub created_by: String,
    pub expires_ms: Option<i64>,
    /// To a quarter of a minute; of other copies of the server, to a minute.
    pub last_used_ms: Option<i64>,
    /// A secret that was replaced works until then.
    pub replaced_until_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
}

/// Whether a token works, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    Active,
    /// Within [`TOKEN_WARNING_DAYS`].
    ExpiresSoon {
        at_ms: i64,
    },
    Expired {
        at_ms: i64,
    },
    /// A management token of somebody who was disabled.
    OwnerDisabled,
    Revoked {
        at_ms: i64,
    },
}

impl TokenRow {
    pub fn state(&self, now_ms: i64) -> TokenState {
        if let Some(at_ms) = self.revoked_ms {
            return TokenState::Revoked { at_ms };
        }
        match self.expires_ms {
            Some(at_ms) if at_ms <= now_ms => return TokenState::Expired { at_ms },
            Some(_) | None => {}
        }
        if self.kind.role().is_some() && self.owner.as_ref().is_some_and(|owner| owner.disabled) {
            return TokenState::OwnerDisabled;
        }
        match self.expires_ms {
            Some(at_ms) if at_ms - now_ms <= TOKEN_WARNING_DAYS * DAY_MS => TokenState::ExpiresSoon { at_ms },
            Some(_) | None => TokenState::Active,
        }
    }
}

macro_rules! tokens {
    ($rest:literal) => {
        concat!(
            "SELECT tokens.id, tokens.name, tokens.kind, tokens.environment, tokens.origins, tokens.token_hash, \
             tokens.hint, tokens.created_ms, tokens.created_by, tokens.revoked_ms, tokens.role, \
             tokens.writes_traits, tokens.expires_ms, tokens.last_used_ms, tokens.owner, \
             users.name AS owner_name, users.email AS owner_email, users.role AS owner_role, \
             users.disabled AS owner_disabled, \
             (SELECT MAX(ends_ms) FROM replaced_secrets WHERE token = tokens.id) AS replaced_until_ms \
             FROM tokens LEFT JOIN users ON users.id = tokens.owner ",
            $rest
        )
    };
}
pub(super) use tokens;

#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
pub(crate) struct Row {
    pub(super) id: i64,
    name: String,
    kind: String,
    environment: Option<String>,
    origins: String,
    pub(super) token_hash: String,
    hint: String,
    created_ms: i64,
    created_by: String,
    revoked_ms: Option<i64>,
    role: Option<String>,
    writes_traits: bool,
    expires_ms: Option<i64>,
    last_used_ms: Option<i64>,
    owner: Option<i64>,
    owner_name: Option<String>,
    owner_email: Option<String>,
    owner_role: Option<String>,
    owner_disabled: Option<bool>,
    replaced_until_ms: Option<i64>,
}

impl Row {
    /// `Err` where a member is named who cannot be read.
    fn owner(&self) -> Result<Option<TokenOwner>, ()> {
        let Some(id) = self.owner else { return Ok(None) };
        let owner = || {
            Some(TokenOwner {
                id: UserId::new(id),
                name: self.owner_name.clone()?,
                email: self.owner_email.clone()?,
                role: Role::parse(self.owner_role.as_deref()?).ok()?,
                disabled: self.owner_disabled?,
            })
        };
        owner().map(Some).ok_or(())
    }
}

impl TryFrom<Row> for TokenRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let corrupt = || StoreError::CorruptRow { table: "tokens", id: id.clone() };
        let scope = match row.environment.as_deref().map(EnvironmentKey::parse) {
            Some(key) => TokenScope::Environment(key.map_err(|_| corrupt())?),
            None => TokenScope::Workspace,
        };
        Ok(Self {
            id: TokenId(row.id),
            kind: TokenKind::parse(&row.kind, row.role.as_deref()).ok_or_else(corrupt)?,
            owner: row.owner().map_err(|()| corrupt())?,
            origins: parse("tokens", &id, &row.origins)?,
            scope,
            name: row.name,
            writes_traits: row.writes_traits,
            hint: row.hint,
            created_ms: row.created_ms,
            created_by: row.created_by,
            expires_ms: row.expires_ms,
            last_used_ms: row.last_used_ms,
            replaced_until_ms: row.replaced_until_ms,
            revoked_ms: row.revoked_ms,
        })
    }
}

impl Store {
    /// Newest first, revoked ones too.
    pub async fn list_tokens(&self, _by: &Administrator) -> Result<Vec<TokenRow>, StoreError> {
        let rows: Vec<Row> =
            self.db().all(tokens!("ORDER BY tokens.id DESC LIMIT $1"), args![TOKENS_LISTED_MAX]).await?;
        let state = self.live().state();
        let used_here = |id: TokenId| {
            state.tokens.values().filter(|token| token.id == id).filter_map(|token| token.uses.at_ms()).max()
        };
        let fresh = |row: Row| {
            let mut row = TokenRow::try_from(row)?;
            row.last_used_ms = row.last_used_ms.max(used_here(row.id));
            Ok(row)
        };
        rows.into_iter().map(fresh).collect()
    }

    /// How many tokens that work expire within the days of warning. From memory.
    pub fn tokens_that_expire_soon(&self, _by: &Administrator) -> usize {
        let (state, now_ms) = (self.live().state(), self.clock().now_ms());
        let soon = |at_ms: i64| at_ms > now_ms && at_ms - now_ms <= TOKEN_WARNING_DAYS * DAY_MS;
        let current = state.tokens.values().filter(|token| token.ends_ms.is_none());
        current.filter(|token| token.check(now_ms).is_ok() && token.expires_ms.is_some_and(soon)).count()
    }
}
