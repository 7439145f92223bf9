//! Sessions: 256 random bits in the cookie, their SHA-256 in the database, two expiries.

use std::{fmt, str::FromStr};

use crate::{
    Action, Administrator, Principal, RequestOrigin, Role, Store, StoreError, TokenHash, UserId,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::{Tx, args},
    limits::ORIGIN_TEXT_CHARS_MAX,
    secret::new_secret,
    text::shorten,
};

/// A session nobody used for so long is over.
pub const SESSION_IDLE_MS: i64 = 12 * HOUR_MS;
/// A session is over so long after signing in, used or not.
pub const SESSION_ABSOLUTE_MS: i64 = 30 * DAY_MS;
/// How exact "last seen" is.
const TOUCH_EVERY_MS: i64 = MINUTE_MS;
const SESSIONS_LISTED_MAX: i64 = 100;

/// A session's number: not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(i64);

impl SessionId {
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Somebody has just signed in.
#[derive(Clone)]
pub struct NewSession {
    /// For the cookie; nothing else keeps it.
    pub token: String,
    pub principal: Principal,
    /// When it is over at the latest.
    pub expires_ms: i64,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// One of a member's own sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub created_ms: i64,
    pub last_seen_ms: i64,
    pub address: String,
    pub user_agent: String,
    /// The one that asks.
    pub current: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    created_ms: i64,
    last_seen_ms: i64,
    address: String,
    user_agent: String,
    current: bool,
}

#[derive(sqlx::FromRow)]
struct FoundRow {
    id: i64,
    last_seen_ms: i64,
    expires_ms: i64,
    user_id: i64,
    email: String,
    name: String,
    role: String,
}

/// The member a session is made for.
pub(super) struct Who {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: Role,
}

/// Makes a session.
pub(super) async fn create(
    tx: &mut Tx,
    who: Who,
    origin: &RequestOrigin,
    user_agent: &str,
    now_ms: i64,
) -> Result<NewSession, StoreError> {
    let token = new_secret()?;
    let expires_ms = now_ms + SESSION_ABSOLUTE_MS;
    let address = shorten(&origin.address, ORIGIN_TEXT_CHARS_MAX);
    let user_agent = shorten(user_agent, ORIGIN_TEXT_CHARS_MAX);
    let (id,): (i64,) = tx
        .one(
            "INSERT INTO sessions (user_id, token_hash, created_ms, last_seen_ms, expires_ms, address, user_agent) \
             VALUES ($1, $2, $3, $3, $4, $5, $6) RETURNING id",
            args![who.id.get(), &TokenHash::of(&token).hex(), now_ms, expires_ms, &address, &user_agent],
        )
        .await?;
    tx.execute("UPDATE users SET last_seen_ms = $1 WHERE id = $2", args![now_ms, who.id.get()]).await?;
    let mut principal = Principal::new(who.id, who.name, who.email, who.role, origin.clone());
    principal.session = Some(SessionId(id));
    Ok(NewSession { token, principal, expires_ms })
}

impl Store {
    /// Who the cookie stands for, if its session is not over and its member is not disabled.
    pub async fn find_session(
        &self,
        token: &str,
        origin: RequestOrigin,
    ) -> Result<Option<Principal>, StoreError> {
        let row: Option<FoundRow> = self
            .db()
            .optional(
                "SELECT sessions.id, sessions.last_seen_ms, sessions.expires_ms, \
                 users.id AS user_id, users.email, users.name, users.role \
                 FROM sessions \
                 JOIN users ON users.id = sessions.user_id \
                 WHERE sessions.token_hash = $1 AND NOT users.disabled",
                args![&TokenHash::of(token).hex()],
            )
            .await?;
        let now_ms = self.clock().now_ms();
        let Some(row) =
            row.filter(|row| row.expires_ms > now_ms && row.last_seen_ms > now_ms - SESSION_IDLE_MS)
        else {
            return Ok(None);
        };
        if now_ms - row.last_seen_ms >= TOUCH_EVERY_MS {
            match self.touch_session(&row, now_ms).await {
                // What can only be read at the moment can be read all the same.
                Ok(()) | Err(StoreError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let role = Role::parse(&row.role)
            .map_err(|_| StoreError::CorruptRow { table: "users", id: row.user_id.to_string() })?;
        let mut principal = Principal::new(UserId::new(row.user_id), row.name, row.email, role, origin);
        principal.session = Some(SessionId(row.id));
        Ok(Some(principal))
    }

    async fn touch_session(&self, row: &FoundRow, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute("UPDATE sessions SET last_seen_ms = $1 WHERE id = $2", args![now_ms, row.id]).await?;
        tx.execute("UPDATE users SET last_seen_ms = $1 WHERE id = $2", args![now_ms, row.user_id]).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets the sessions that are over. In a transaction of its own: together with the rows of a sign-in it could
    /// wait for another sign-in that waits for it.
    pub(super) async fn forget_old_sessions(&self) -> Result<(), StoreError> {
        let now_ms = self.clock().now_ms();
        self.db()
            .execute(
                "DELETE FROM sessions WHERE expires_ms <= $1 OR last_seen_ms <= $2",
                args![now_ms, now_ms - SESSION_IDLE_MS],
            )
            .await?;
        Ok(())
    }

    /// Ends one session; an unknown token is no error.
    pub async fn sign_out(&self, token: &str) -> Result<(), StoreError> {
        let hash = TokenHash::of(token).hex();
        self.db().execute("DELETE FROM sessions WHERE token_hash = $1", args![&hash]).await?;
        Ok(())
    }

    /// The member's own sessions, the latest first; the one of `current_token` is marked.
    pub async fn list_sessions(
        &self,
        by: &Principal,
        current_token: &str,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let now_ms = self.clock().now_ms();
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, created_ms, last_seen_ms, address, user_agent, token_hash = $5 AS current FROM sessions \
                 WHERE user_id = $1 AND expires_ms > $2 AND last_seen_ms > $3 \
                 ORDER BY last_seen_ms DESC LIMIT $4",
                args![
                    by.id.get(),
                    now_ms,
                    now_ms - SESSION_IDLE_MS,
                    SESSIONS_LISTED_MAX,
                    &TokenHash::of(current_token).hex(),
                ],
            )
            .await?;
        let row = |row: Row| SessionRow {
            id: SessionId(row.id),
            created_ms: row.created_ms,
            last_seen_ms: row.last_seen_ms,
            address: row.address,
            user_agent: row.user_agent,
            current: row.current,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Ends one of the member's own sessions.
    pub async fn revoke_session(&self, by: &Principal, id: SessionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
        self.db().execute(sql, args![id.0, by.id.get()]).await?;
        Ok(())
    }

    /// Signs a member out everywhere.
    pub async fn revoke_sessions(&self, by: &Administrator, id: UserId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let user = work.require_user(id).await?;
        work.tx.execute("DELETE FROM sessions WHERE user_id = $1", args![id.get()]).await?;
        let sentence = format!("signed {} out everywhere", user.name);
        work.finish(super::member_entry(Action::SessionsRevoked, id, &user.name, sentence)).await?;
        Ok(())
    }
}
