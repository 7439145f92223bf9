//! Access tokens of the public interfaces: bound to one environment, printed once, stored as SHA-256.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use engine::EnvironmentKey;
use serde::{Deserialize, Serialize};

use crate::{
    Action, Administrator, Invalid, ObjectKind, ObjectRef, Role, Store, StoreError, TokenHash,
    change::Entry,
    db::{Tx, args},
    limits::{ORIGIN_CHARS_MAX, TOKEN_NAME_CHARS_MAX, TOKEN_ORIGINS_MAX},
    secret::new_secret,
    text, to_json,
    versioned::parse,
};

/// How much of the secret the list shows.
const HINT_CHARS: usize = 4;
/// Revoked tokens are kept for the list.
const TOKENS_LISTED_MAX: i64 = 1000;

/// A token's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A backend: may send every attribute.
    Server,
    /// A browser: trusted attributes that it sends are ignored.
    Client,
    /// A program that manages Fader through REST, with the permissions of a role. It does not evaluate.
    Admin(Role),
}

impl TokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Admin(_) => "admin",
        }
    }

    /// `role` counts for `admin` only, which needs one.
    pub fn parse(text: &str, role: Option<&str>) -> Option<Self> {
        match text {
            "server" => Some(Self::Server),
            "client" => Some(Self::Client),
            "admin" => Role::parse(role?).ok().map(Self::Admin),
            _ => None,
        }
    }

    /// Whose permissions it has, if it manages anything.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Server | Self::Client => None,
            Self::Admin(role) => Some(role),
        }
    }
}

/// What a request with an active token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub kind: TokenKind,
    pub environment: EnvironmentKey,
    /// Of a client token: exactly these, or `*` for any.
    pub origins: Vec<String>,
}

impl Token {
    /// Whether a browser page from `origin` may use it.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// A line of the tokens page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub kind: TokenKind,
    pub environment: EnvironmentKey,
    pub origins: Vec<String>,
    /// The last characters of the secret, to tell tokens apart.
    pub hint: String,
    pub created_ms: i64,
    pub created_by: String,
    pub revoked_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub name: String,
    pub kind: TokenKind,
    pub environment: EnvironmentKey,
    /// For a client token: at least one origin or `*`; for the others: none.
    pub origins: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct Row {
    id: i64,
    name: String,
    kind: String,
    environment: String,
    origins: String,
    token_hash: String,
    hint: String,
    created_ms: i64,
    created_by: String,
    revoked_ms: Option<i64>,
    role: Option<String>,
}

impl TryFrom<Row> for TokenRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let corrupt = || StoreError::CorruptRow { table: "tokens", id: id.clone() };
        Ok(Self {
            id: TokenId(row.id),
            name: row.name,
            kind: TokenKind::parse(&row.kind, row.role.as_deref()).ok_or_else(corrupt)?,
            environment: EnvironmentKey::parse(&row.environment).map_err(|_| corrupt())?,
            origins: parse("tokens", &id, &row.origins)?,
            hint: row.hint,
            created_ms: row.created_ms,
            created_by: row.created_by,
            revoked_ms: row.revoked_ms,
        })
    }
}

/// Of the tokens that are not revoked.
pub(crate) async fn rows(tx: &mut Tx) -> Result<Vec<Row>, StoreError> {
    Ok(tx
        .all(
            "SELECT id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, \
             revoked_ms, role \
             FROM tokens WHERE revoked_ms IS NULL",
            args![],
        )
        .await?)
}

pub(crate) fn read(rows: Vec<Row>, report: &mut dyn FnMut(&str, &str)) -> HashMap<TokenHash, Arc<Token>> {
    let mut tokens = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = row.id.to_string();
        let hash = TokenHash::parse(&row.token_hash);
        if let (Some(hash), Ok(row)) = (hash, TokenRow::try_from(row)) {
            let TokenRow { id, name, kind, environment, origins, .. } = row;
            tokens.insert(hash, Arc::new(Token { id, name, kind, environment, origins }));
        } else {
            report("tokens", &id);
        }
    }
    tokens
}

impl Store {
    /// Makes a token and returns it, for the only time: `fdr_server_production_…`.
    pub async fn create_token(&self, by: &Administrator, token: NewToken) -> Result<String, StoreError> {
        let name = text::name(&token.name, TOKEN_NAME_CHARS_MAX, Invalid::TokenName)?;
        let origins = check_origins(token.kind, &token.origins)?;
        let (kind, environment) = (token.kind.as_str(), token.environment.as_str());
        let mut work = self.begin(by).await?;
        let known: Option<(i64,)> =
            work.tx.optional("SELECT position FROM environments WHERE key = $1", args![environment]).await?;
        if known.is_none() {
            return Err(StoreError::NotFound { kind: ObjectKind::Environment, key: environment.to_owned() });
        }
        let secret = format!("fdr_{kind}_{environment}_{}", new_secret()?);
        let hint = &secret[secret.len() - HINT_CHARS..];
        let (now_ms, author) = (work.now_ms(), work.by().to_owned());
        let origins = to_json("tokens", &origins)?;
        let (id,): (i64,) = work
            .tx
            .one(
                "INSERT INTO tokens (name, kind, environment, origins, token_hash, hint, created_ms, created_by, role) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
                args![
                    &name,
                    kind,
                    environment,
                    &origins,
                    &TokenHash::of(&secret).hex(),
                    hint,
                    now_ms,
                    &author,
                    token.kind.role().map(Role::as_str)
                ],
            )
            .await?;
        let object = ObjectRef::new(ObjectKind::Token, id.to_string());
        let with = token.kind.role().map_or_else(String::new, |role| format!(" with the role {role}"));
        let sentence = format!("created the {kind} token {name} for {environment}{with}");
        let entry = Entry {
            environment: Some(token.environment),
            after: Some(origins),
            ..Entry::new(Action::TokenCreated, object, &name, sentence)
        };
        work.finish(entry).await?;
        Ok(secret)
    }

    /// Newest first, revoked ones too.
    pub async fn list_tokens(&self, _by: &Administrator) -> Result<Vec<TokenRow>, StoreError> {
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, \
             revoked_ms, role \
                 FROM tokens ORDER BY id DESC LIMIT $1",
                args![TOKENS_LISTED_MAX],
            )
            .await?;
        rows.into_iter().map(TokenRow::try_from).collect()
    }

    /// Requests with this token are refused from now on. Revoking a revoked token changes nothing.
    pub async fn revoke_token(&self, by: &Administrator, id: TokenId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let row: Option<(String, String, String, Option<i64>)> = work
            .tx
            .optional("SELECT name, kind, environment, revoked_ms FROM tokens WHERE id = $1", args![id.0])
            .await?;
        let Some((name, kind, environment, revoked_ms)) = row else {
            return Err(StoreError::NotFound { kind: ObjectKind::Token, key: id.to_string() });
        };
        if revoked_ms.is_some() {
            return work.cancel().await;
        }
        let now_ms = work.now_ms();
        work.tx.execute("UPDATE tokens SET revoked_ms = $1 WHERE id = $2", args![now_ms, id.0]).await?;
        let object = ObjectRef::new(ObjectKind::Token, id.to_string());
        let sentence = format!("revoked the {kind} token {name} for {environment}");
        let mut entry = Entry::new(Action::TokenRevoked, object, &name, sentence);
        entry.environment = EnvironmentKey::parse(&environment).ok();
        work.finish(entry).await?;
        Ok(())
    }
}

/// `https://www.example.org`: scheme, host, perhaps a port, nothing more.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    text.len() <= ORIGIN_CHARS_MAX && rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(host))
}

fn check_origins(kind: TokenKind, origins: &[String]) -> Result<Vec<String>, Invalid> {
    let origins: Vec<_> = origins.iter().map(|o| o.trim().trim_end_matches('/').to_lowercase()).collect();
    let fits = match kind {
        TokenKind::Server | TokenKind::Admin(_) => origins.is_empty(),
        TokenKind::Client => !origins.is_empty() && origins.len() <= TOKEN_ORIGINS_MAX,
    };
    let known = |origin: &String| origin == "*" || is_origin(origin);
    if fits && origins.iter().all(known) { Ok(origins) } else { Err(Invalid::Origins) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_tokens_name_exact_origins() {
        let client = |origins: &[&str]| {
            check_origins(TokenKind::Client, &origins.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            client(&["https://Shop.example/", "*"]),
            Ok(vec!["https://shop.example".into(), "*".into()])
        );
        for bad in [&[][..], &["shop.example"], &["https://shop.example/path"], &["https://"], &["null"]] {
            assert_eq!(client(bad), Err(Invalid::Origins), "{bad:?}");
        }
        assert_eq!(check_origins(TokenKind::Server, &["*".into()]), Err(Invalid::Origins));
    }
}
