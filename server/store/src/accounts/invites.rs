//! One-time links: to join, or to choose a new password. 256 random bits, stored as SHA-256, used once.

use std::fmt;

use super::{Browser, NewMember, UserRow, devices, member_entry, passwords::Owner, sessions};
use crate::{
    Action, Invalid, NewSession, RecentAdministrator, RequestOrigin, Role, Store, StoreError, TokenHash,
    UserId,
    change::Work,
    clock::{DAY_MS, HOUR_MS},
    db::args,
    secret::new_secret,
};

/// How long an invitation holds.
pub const INVITE_MS: i64 = 7 * DAY_MS;
/// How long a link for a new password holds.
pub const RESET_MS: i64 = 24 * HOUR_MS;

/// The secret part of a link; shown to the admin once.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteToken(String);

impl InviteToken {
    pub(crate) fn new(secret: String) -> Self {
        Self(secret)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteToken(…)")
    }
}

engine::words! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum InvitePurpose {
        /// The first password of a new member.
        Join = "join",
        /// A new password for one who had one.
        Reset = "reset",
    }
}

/// Whom a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    pub email: String,
    pub name: String,
    pub purpose: InvitePurpose,
    pub expires_ms: i64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    user_id: i64,
    email: String,
    name: String,
    role: String,
    purpose: String,
    expires_ms: i64,
}

impl Row {
    fn purpose(&self) -> InvitePurpose {
        if self.purpose == InvitePurpose::Reset.as_str() { InvitePurpose::Reset } else { InvitePurpose::Join }
    }
}

impl Store {
    /// Makes a member without a password and a link to choose one.
    pub async fn invite_member(
        &self,
        by: &RecentAdministrator,
        email: &str,
        name: &str,
        role: Role,
    ) -> Result<InviteToken, StoreError> {
        let member = NewMember::parse(email, name, role, None)?;
        let mut work = self.begin(by).await?;
        let id = work.insert_user(&member).await?;
        let token = work.replace_invite(id, InvitePurpose::Join).await?;
        let sentence = format!("invited {} ({}) as {role}", member.name, member.email);
        work.finish(member_entry(Action::MemberInvited, id, &member.name, sentence)).await?;
        Ok(token)
    }

    /// A new link for a member who lost theirs or forgot the password; earlier links end. The present password and the
    /// sessions stay until the link is used.
    pub async fn reset_member(
        &self,
        by: &RecentAdministrator,
        id: UserId,
    ) -> Result<InviteToken, StoreError> {
        let mut work = self.begin(by).await?;
        let UserRow { name, email, password_hash, disabled, .. } = work.require_user(id).await?;
        if disabled {
            return Err(Invalid::DisabledMember.into());
        }
        let (purpose, sentence) = match password_hash {
            Some(_) => (InvitePurpose::Reset, format!("made a link for a new password of {name} ({email})")),
            None => (InvitePurpose::Join, format!("invited {name} ({email}) again")),
        };
        let token = work.replace_invite(id, purpose).await?;
        work.finish(member_entry(Action::MemberReset, id, &name, sentence)).await?;
        Ok(token)
    }

    /// Whom the link is for, while it holds.
    pub async fn find_invite(&self, token: &str) -> Result<Option<Invite>, StoreError> {
        let row = self.invited(token).await?;
        Ok(row.map(|row| Invite {
            purpose: row.purpose(),
            email: row.email,
            name: row.name,
            expires_ms: row.expires_ms,
        }))
    }

    /// Sets the password, ends all links to the account and all its sessions, and signs in. No device is familiar any more
    /// but the one that comes.
    pub async fn accept_invite(
        &self,
        token: &str,
        password: &str,
        origin: &RequestOrigin,
        browser: impl Into<Browser<'_>>,
    ) -> Result<NewSession, StoreError> {
        let row = self.invited(token).await?.ok_or(Invalid::ExpiredLink)?;
        let owner = Owner { email: &row.email, name: &row.name };
        let hash = self.0.passwords.hash_new(owner, password).await?;
        let role = Role::parse(&row.role)
            .map_err(|_| StoreError::CorruptRow { table: "users", id: row.user_id.to_string() })?;
        let purpose = row.purpose();
        let who = self.who((UserId::new(row.user_id), row.name, row.email), role);
        let member = who.without_session(origin);
        let (id, name) = (who.id, who.name.clone());
        let mut work = self.begin(&member).await?;
        let now_ms = work.now_ms();
        // Deleting it is using it: of two at the same time, the second finds nothing.
        let sql = "DELETE FROM invitations WHERE token_hash = $1 AND expires_ms > $2";
        if work.tx.execute(sql, args![&TokenHash::of(token).hex(), now_ms]).await? == 0 {
            return Err(Invalid::ExpiredLink.into());
        }
        work.tx.execute("DELETE FROM invitations WHERE user_id = $1", args![id.get()]).await?;
        work.tx.execute("DELETE FROM sessions WHERE user_id = $1", args![id.get()]).await?;
        devices::forget_all(&mut work.tx, id).await?;
        let sql = "UPDATE users SET password_hash = $1 WHERE id = $2 AND NOT disabled";
        if work.tx.execute(sql, args![&hash, id.get()]).await? == 0 {
            return Err(Invalid::ExpiredLink.into());
        }
        let session = sessions::create(&mut work.tx, who, origin, browser.into(), now_ms).await?;
        let (action, sentence) = match purpose {
            InvitePurpose::Join => (Action::MemberJoined, format!("joined as {role}")),
            InvitePurpose::Reset => {
                (Action::PasswordChanged, "chose a new password through a link".to_owned())
            }
        };
        work.finish(member_entry(action, id, &name, sentence)).await?;
        self.note_session(&session);
        Ok(session)
    }

    async fn invited(&self, token: &str) -> Result<Option<Row>, StoreError> {
        let row = self
            .db()
            .optional(
                "SELECT invitations.user_id, users.email, users.name, users.role, invitations.purpose, \
                 invitations.expires_ms \
                 FROM invitations \
                 JOIN users ON users.id = invitations.user_id \
                 WHERE invitations.token_hash = $1 AND invitations.expires_ms > $2 AND NOT users.disabled",
                args![&TokenHash::of(token).hex(), self.shared_now_ms()],
            )
            .await?;
        Ok(row)
    }
}

impl Work<'_> {
    async fn replace_invite(
        &mut self,
        id: UserId,
        purpose: InvitePurpose,
    ) -> Result<InviteToken, StoreError> {
        let token = new_secret()?;
        let now_ms = self.now_ms();
        let holds_ms = match purpose {
            InvitePurpose::Join => INVITE_MS,
            InvitePurpose::Reset => RESET_MS,
        };
        self.tx.execute("DELETE FROM invitations WHERE user_id = $1", args![id.get()]).await?;
        self.tx
            .execute(
                "INSERT INTO invitations (token_hash, user_id, purpose, created_ms, expires_ms) \
                 VALUES ($1, $2, $3, $4, $5)",
                args![&TokenHash::of(&token).hex(), id.get(), purpose.as_str(), now_ms, now_ms + holds_ms],
            )
            .await?;
        Ok(InviteToken(token))
    }
}
