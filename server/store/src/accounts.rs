//! Members, how they sign in and how they stay signed in.

mod devices;
mod guessable;
mod invites;
mod members;
mod open_sessions;
mod passwords;
mod seen_sessions;
mod sessions;
mod setup;
mod sign_in;
mod throttle;
mod witness;

pub use devices::{DEVICE_KEPT_MS, FamiliarDevice};
pub use invites::{Invite, InvitePurpose, InviteToken};
pub use members::{Member, MemberState};
pub(crate) use passwords::Passwords;
pub use seen_sessions::SeenSession;
pub(crate) use seen_sessions::SeenSessions;
pub use sessions::{Browser, NewSession, SessionRow};
pub(crate) use witness::Witnessed;

use crate::{
    Action, Invalid, ObjectKind, ObjectRef, Role, StoreError, Taken, UserId,
    change::{Entry, Work},
    db::{args, violates},
    limits::MEMBER_NAME_CHARS_MAX,
    text,
};

/// A row of `users`.
#[derive(Debug, Clone, sqlx_macros::FromRow)]
struct UserRow {
    id: i64,
    email: String,
    name: String,
    role: String,
    password_hash: Option<String>,
    disabled: bool,
    created_ms: i64,
    last_seen_ms: Option<i64>,
}

impl UserRow {
    fn role(&self) -> Result<Role, StoreError> {
        Role::parse(&self.role)
            .map_err(|_| StoreError::CorruptRow { table: "users", id: self.id.to_string() })
    }

    fn is_active(&self) -> bool {
        !self.disabled && self.password_hash.is_some()
    }
}

/// A new member as the database wants it.
struct NewMember {
    email: String,
    name: String,
    role: Role,
    password_hash: Option<String>,
}

impl NewMember {
    fn parse(email: &str, name: &str, role: Role, password_hash: Option<String>) -> Result<Self, Invalid> {
        let name = text::name(name, MEMBER_NAME_CHARS_MAX, Invalid::MemberName)?;
        Ok(Self { email: text::email(email)?, name, role, password_hash })
    }

    fn owner(&self) -> passwords::Owner<'_> {
        passwords::Owner { email: &self.email, name: &self.name }
    }
}

impl Work<'_> {
    async fn insert_user(&mut self, member: &NewMember) -> Result<UserId, StoreError> {
        let now_ms = self.now_ms();
        let inserted: Result<(i64,), _> = self
            .tx
            .one(
                "INSERT INTO users (email, name, role, password_hash, disabled, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                args![
                    &member.email,
                    &member.name,
                    member.role.as_str(),
                    member.password_hash.as_deref(),
                    false,
                    now_ms,
                ],
            )
            .await;
        match inserted {
            Ok((id,)) => Ok(UserId::new(id)),
            Err(error) if violates(&error, "users_email_unique") => Err(StoreError::AlreadyExists {
                kind: ObjectKind::Member,
                key: member.email.clone(),
                by: Taken::Present,
            }),
            Err(error) => Err(error.into()),
        }
    }

    async fn require_user(&mut self, id: UserId) -> Result<UserRow, StoreError> {
        let sql = "SELECT id, email, name, role, password_hash, disabled, created_ms, last_seen_ms \
                   FROM users WHERE id = $1";
        let row = self.tx.optional(sql, args![id.get()]).await?;
        row.ok_or_else(|| StoreError::NotFound { kind: ObjectKind::Member, key: id.to_string() })
    }
}

fn member_entry(action: Action, id: UserId, name: &str, sentence: String) -> Entry {
    Entry::new(action, ObjectRef::new(ObjectKind::Member, id.to_string()), name, sentence)
}
