//! Sessions: 256 random bits in the cookie, their SHA-256 in the database, two expiries.

use std::{fmt, sync::Arc};

use super::{devices, member_entry};
use crate::{
    Action, Principal, RecentAdministrator, RequestOrigin, Role, RoleTable, SessionId, Store, StoreError,
    TokenHash, UserId,
    change::Work,
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

/// What a request says of the browser that it comes from.
#[derive(Clone, Copy, Default)]
pub struct Browser<'a> {
    pub user_agent: &'a str,
    /// What its device cookie holds, if it has one.
    pub device: Option<&'a str>,
}

impl<'a> From<&'a str> for Browser<'a> {
    fn from(user_agent: &'a str) -> Self {
        Self { user_agent, device: None }
    }
}

/// Somebody has just signed in, or goes on under a new token.
#[derive(Clone)]
pub struct NewSession {
    /// For the cookie; nothing else keeps it.
    pub token: String,
    /// For the device cookie, when it is to be set; nothing else keeps it.
    pub device: Option<String>,
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

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    created_ms: i64,
    last_seen_ms: i64,
    address: String,
    user_agent: String,
    current: bool,
}

#[derive(sqlx_macros::FromRow)]
struct FoundRow {
    id: i64,
    last_seen_ms: i64,
    expires_ms: i64,
    user_id: i64,
    email: String,
    name: String,
    role: String,
    time_zone: Option<String>,
    proved_ms: i64,
}

/// The member a session is made for.
pub(super) struct Who {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: Role,
    /// The table in force.
    pub(super) roles: Arc<RoleTable>,
}

impl Who {
    /// What is done on the way to a session is theirs.
    pub(super) fn without_session(&self, origin: &RequestOrigin) -> Principal {
        let who = (self.id, self.name.clone(), self.email.clone());
        Principal::new(who, self.role, &self.roles, origin.clone())
    }
}

/// Makes a session; its password was given just now.
pub(super) async fn create(
    tx: &mut Tx,
    who: Who,
    origin: &RequestOrigin,
    browser: Browser<'_>,
    now_ms: i64,
) -> Result<NewSession, StoreError> {
    let token = new_secret()?;
    let expires_ms = now_ms + SESSION_ABSOLUTE_MS;
    let address = shorten(&origin.address, ORIGIN_TEXT_CHARS_MAX);
    let user_agent = shorten(browser.user_agent, ORIGIN_TEXT_CHARS_MAX);
    let (id,): (i64,) = tx
        .one(
            "INSERT INTO sessions (user_id, token_hash, created_ms, last_seen_ms, proved_ms, expires_ms, address, user_agent) \
             VALUES ($1, $2, $3, $3, $3, $4, $5, $6) RETURNING id",
            args![who.id.get(), &TokenHash::of(&token).hex(), now_ms, expires_ms, &address, &user_agent],
        )
        .await?;
    tx.execute("UPDATE users SET last_seen_ms = $1 WHERE id = $2", args![now_ms, who.id.get()]).await?;
    let principal = who.without_session(origin).in_session(SessionId::new(id), now_ms);
    let device = Some(devices::remember(tx, principal.id(), browser, now_ms).await?);
    Ok(NewSession { token, device, principal, expires_ms })
}

/// The session goes on under another token, its password just given; when it is over at the latest. `PasswordNeeded` when
/// it ended in the meantime.
pub(super) async fn rotate(
    tx: &mut Tx,
    session: SessionId,
    token: &str,
    now_ms: i64,
) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = tx
        .optional(
            "UPDATE sessions SET token_hash = $1, proved_ms = $2 WHERE id = $3 RETURNING expires_ms",
            args![&TokenHash::of(token).hex(), now_ms, session.get()],
        )
        .await?;
    row.map(|(expires_ms,)| expires_ms).ok_or(StoreError::PasswordNeeded)
}

impl Store {
    /// A member (number, name, e-mail address) under the role table in force.
    pub(super) fn who(&self, (id, name, email): (UserId, String, String), role: Role) -> Who {
        Who { id, name, email, role, roles: self.live().roles() }
    }

    /// Who the cookie stands for, if its session is not over and its member is not disabled.
    pub async fn find_session(
        &self,
        token: &str,
        origin: RequestOrigin,
    ) -> Result<Option<Principal>, StoreError> {
        let hash = TokenHash::of(token);
        let row: Option<FoundRow> = self
            .db()
            .optional(
                "SELECT sessions.id, sessions.last_seen_ms, sessions.expires_ms, sessions.proved_ms, \
                 users.id AS user_id, users.email, users.name, users.role, users.time_zone \
                 FROM sessions \
                 JOIN users ON users.id = sessions.user_id \
                 WHERE sessions.token_hash = $1 AND NOT users.disabled",
                args![&hash.hex()],
            )
            .await?;
        let now_ms = self.shared_now_ms();
        let Some(row) =
            row.filter(|row| row.expires_ms > now_ms && row.last_seen_ms > now_ms - SESSION_IDLE_MS)
        else {
            self.0.seen_sessions.forget(&hash);
            return Ok(None);
        };
        self.0.seen_sessions.note(hash, now_ms);
        if now_ms - row.last_seen_ms >= TOUCH_EVERY_MS {
            match self.touch_session(&row, now_ms).await {
                // What can only be read at the moment can be read all the same.
                Ok(()) | Err(StoreError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let role = Role::parse(&row.role)
            .map_err(|_| StoreError::CorruptRow { table: "users", id: row.user_id.to_string() })?;
        let who = (UserId::new(row.user_id), row.name, row.email);
        let principal = Principal::new(who, role, &self.live().roles(), origin);
        Ok(Some(principal.in_session(SessionId::new(row.id), row.proved_ms).reading_in(row.time_zone)))
    }

    /// In which zone a member reads and types times, by its IANA name; `None` as the browser says. Their own affair, so it is no
    /// entry of the audit log.
    pub async fn set_time_zone(&self, by: &Principal, zone: Option<&str>) -> Result<(), StoreError> {
        if by.session_id().is_none() {
            return Ok(());
        }
        self.db()
            .execute("UPDATE users SET time_zone = $1 WHERE id = $2", args![zone, by.id().get()])
            .await?;
        Ok(())
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
        let now_ms = self.database_now_ms().await?;
        self.db()
            .execute(
                "DELETE FROM sessions WHERE expires_ms <= $1 OR last_seen_ms <= $2",
                args![now_ms, now_ms - SESSION_IDLE_MS],
            )
            .await?;
        Ok(())
    }

    /// Ends one session; an unknown token is no error.
    pub async fn sign_out(&self, token: &str, origin: &RequestOrigin) -> Result<(), StoreError> {
        let hash = TokenHash::of(token);
        let sql = "DELETE FROM sessions WHERE token_hash = $1";
        let member = self.find_session(token, origin.clone()).await?;
        let entry = member.as_ref().and_then(|by| self.witness(by, Action::SignedOut, "signed out"));
        if let (Some(by), Some(entry)) = (&member, entry) {
            match self.begin(by).await {
                Ok(mut work) => {
                    work.tx.execute(sql, args![&hash.hex()]).await?;
                    work.finish(entry).await?;
                }
                // It was ended in the meantime.
                Err(StoreError::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        } else {
            self.db().execute(sql, args![&hash.hex()]).await?;
        }
        self.0.seen_sessions.forget(&hash);
        Ok(())
    }

    /// The member's own sessions, the latest first; the one of `current_token` is marked.
    pub async fn list_sessions(
        &self,
        by: &Principal,
        current_token: &str,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let now_ms = self.shared_now_ms();
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, created_ms, last_seen_ms, address, user_agent, token_hash = $5 AS current FROM sessions \
                 WHERE user_id = $1 AND expires_ms > $2 AND last_seen_ms > $3 \
                 ORDER BY last_seen_ms DESC LIMIT $4",
                args![
                    by.id().get(),
                    now_ms,
                    now_ms - SESSION_IDLE_MS,
                    SESSIONS_LISTED_MAX,
                    &TokenHash::of(current_token).hex(),
                ],
            )
            .await?;
        let row = |row: Row| SessionRow {
            id: SessionId::new(row.id),
            created_ms: row.created_ms,
            last_seen_ms: row.last_seen_ms,
            address: row.address,
            user_agent: row.user_agent,
            current: row.current,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Ends one of the member's own sessions; one that is over already is no error.
    pub async fn revoke_session(&self, by: &Principal, id: SessionId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let sql = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
        if work.tx.execute(sql, args![id.get(), by.id().get()]).await? == 0 {
            return work.cancel().await;
        }
        work.finish_sign_out(by, "signed another browser of theirs out").await
    }

    /// Ends all of the member's sessions but the one that asks: how many.
    pub async fn revoke_other_sessions(&self, by: &Principal) -> Result<u64, StoreError> {
        let mut work = self.begin(by).await?;
        let current = by.session_id().map_or(0, SessionId::get);
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
        let ended = work.tx.execute(sql, args![by.id().get(), current]).await?;
        if ended == 0 {
            work.cancel().await?;
        } else {
            work.finish_sign_out(by, "signed all their other browsers out").await?;
        }
        Ok(ended)
    }

    /// Signs a member out everywhere; what they have open in a browser ends as well. They may sign in again.
    pub async fn revoke_sessions(&self, by: &RecentAdministrator, id: UserId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let user = work.require_user(id).await?;
        work.tx.execute("DELETE FROM sessions WHERE user_id = $1", args![id.get()]).await?;
        let sentence = format!("signed {} out everywhere", user.name);
        work.finish(member_entry(Action::SessionsRevoked, id, &user.name, sentence)).await?;
        Ok(())
    }
}

impl Work<'_> {
    async fn finish_sign_out(self, by: &Principal, sentence: &str) -> Result<(), StoreError> {
        self.finish(member_entry(Action::SessionsRevoked, by.id(), by.name(), sentence.to_owned())).await?;
        Ok(())
    }
}
