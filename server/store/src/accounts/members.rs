//! Members: adding, roles, disabling. There is always an active admin.

use engine::Change;

use super::{NewMember, UserRow, devices, member_entry};
use crate::{
    Action, Administrator, Invalid, RecentAdministrator, Role, Store, StoreError, UserId, Viewer,
    change::{Entry, Work},
    db::args,
};

const MEMBERS_LISTED_MAX: i64 = 1000;
/// As many names as are read.
const WHOM_TO_ASK_MAX: i64 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// Has a link, and no password yet.
    Invited,
    Active,
    Disabled,
}

/// A line of the members page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub state: MemberState,
    pub created_ms: i64,
    /// To the minute.
    pub last_seen_ms: Option<i64>,
}

impl TryFrom<UserRow> for Member {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let role = row.role()?;
        let state = match (row.disabled, row.password_hash.is_some()) {
            (true, _) => MemberState::Disabled,
            (false, true) => MemberState::Active,
            (false, false) => MemberState::Invited,
        };
        let UserRow { id, email, name, created_ms, last_seen_ms, .. } = row;
        Ok(Self { id: UserId::new(id), name, email, role, state, created_ms, last_seen_ms })
    }
}

impl Store {
    /// By name, disabled ones too.
    pub async fn list_members(&self, _by: &Administrator) -> Result<Vec<Member>, StoreError> {
        let rows: Vec<UserRow> = self
            .db()
            .all(
                "SELECT id, email, name, role, password_hash, disabled, created_ms, last_seen_ms \
                 FROM users ORDER BY lower(name), id LIMIT $1",
                args![MEMBERS_LISTED_MAX],
            )
            .await?;
        rows.into_iter().map(Member::try_from).collect()
    }

    /// The names of some who may administer: whom to ask. Everybody signed in may know them.
    pub async fn whom_to_ask(&self, _by: &Viewer) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = self
            .db()
            .all(
                "SELECT name FROM users WHERE role = 'admin' AND NOT disabled AND password_hash IS NOT NULL \
                 ORDER BY COALESCE(last_seen_ms, 0) DESC, id LIMIT $1",
                args![WHOM_TO_ASK_MAX],
            )
            .await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Adds a member who can sign in at once.
    pub async fn add_user(
        &self,
        by: &RecentAdministrator,
        email: &str,
        name: &str,
        role: Role,
        password: &str,
    ) -> Result<UserId, StoreError> {
        let mut member = NewMember::parse(email, name, role, None)?;
        member.password_hash = Some(self.0.passwords.hash_new(member.owner(), password).await?);
        let mut work = self.begin(by).await?;
        let id = work.insert_user(&member).await?;
        let sentence = format!("added {} ({}) as {role}", member.name, member.email);
        work.finish(member_entry(Action::MemberAdded, id, &member.name, sentence)).await?;
        Ok(id)
    }

    pub async fn set_role(&self, by: &RecentAdministrator, id: UserId, role: Role) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let user = work.require_user(id).await?;
        let before = user.role()?;
        if before == role {
            return work.cancel().await;
        }
        work.check_other_admin(&user).await?;
        work.tx.execute("UPDATE users SET role = $1 WHERE id = $2", args![role.as_str(), id.get()]).await?;
        let phrase = format!("changed the role of {} from {before} to {role}", user.name);
        let change = Change {
            phrase: phrase.clone(),
            before: Some(before.to_string()),
            after: Some(role.to_string()),
        };
        let entry = Entry {
            changes: vec![change],
            ..member_entry(Action::MemberRoleChanged, id, &user.name, phrase)
        };
        work.finish(entry).await?;
        Ok(())
    }

    /// The member cannot sign in any more; their sessions and links end.
    pub async fn disable_member(&self, by: &RecentAdministrator, id: UserId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let user = work.require_user(id).await?;
        if user.disabled {
            return work.cancel().await;
        }
        work.check_other_admin(&user).await?;
        work.tx.execute("UPDATE users SET disabled = $1 WHERE id = $2", args![true, id.get()]).await?;
        work.tx.execute("DELETE FROM sessions WHERE user_id = $1", args![id.get()]).await?;
        work.tx.execute("DELETE FROM invitations WHERE user_id = $1", args![id.get()]).await?;
        devices::forget_all(&mut work.tx, id).await?;
        let sentence = format!("disabled {}", user.name);
        work.finish(member_entry(Action::MemberDisabled, id, &user.name, sentence)).await?;
        Ok(())
    }

    pub async fn enable_member(&self, by: &RecentAdministrator, id: UserId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let user = work.require_user(id).await?;
        if !user.disabled {
            return work.cancel().await;
        }
        work.tx.execute("UPDATE users SET disabled = $1 WHERE id = $2", args![false, id.get()]).await?;
        let sentence = format!("enabled {}", user.name);
        work.finish(member_entry(Action::MemberEnabled, id, &user.name, sentence)).await?;
        Ok(())
    }
}

impl Work<'_> {
    /// Refuses to take the last active admin away; under the lock, so two admins cannot remove each other.
    async fn check_other_admin(&mut self, user: &UserRow) -> Result<(), StoreError> {
        if user.role()? != Role::Admin || !user.is_active() {
            return Ok(());
        }
        let (others,): (i64,) = self
            .tx
            .one(
                "SELECT COUNT(*) FROM users \
                 WHERE role = 'admin' AND NOT disabled AND password_hash IS NOT NULL AND id <> $1",
                args![user.id],
            )
            .await?;
        if others == 0 { Err(Invalid::LastAdmin.into()) } else { Ok(()) }
    }
}
