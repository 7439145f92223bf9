//! Signing in with a password, and changing it.

use super::{UserRow, member_entry, sessions, sessions::Who, throttle::Attempt};
use crate::{
    Action, Invalid, NewSession, Principal, RequestOrigin, SignInError, Store, StoreError, UserId,
    clock::SECOND_MS, db::args,
};

impl Store {
    /// Signs a member in: a new session each time. Unknown, disabled and invited accounts answer like a wrong password,
    /// and take as long.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        origin: &RequestOrigin,
        user_agent: &str,
    ) -> Result<NewSession, SignInError> {
        let attempt = Attempt::new(email, &origin.address);
        let now_ms = self.clock().now_ms();
        if let Some(wait_ms) = attempt.begin(self.db(), now_ms).await? {
            return Err(SignInError::Throttled { retry_after_s: seconds(wait_ms) });
        }
        let user = self.find_user(email).await?;
        let hash = user.as_ref().filter(|user| user.is_active()).and_then(|user| user.password_hash.clone());
        let right = self.0.passwords.verify(password, hash).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(SignInError::Wrong);
        };
        let role = user.role()?;
        let who = Who { id: UserId::new(user.id), name: user.name, email: user.email, role };
        let mut tx = self.db().begin().await.map_err(StoreError::from)?;
        attempt.succeeded(&mut tx, now_ms).await?;
        let session = sessions::create(&mut tx, who, origin, user_agent, now_ms).await?;
        tx.commit().await.map_err(StoreError::from)?;
        // Who is signed in by now is not turned away for that.
        if let Err(error) = self.forget_old_sessions().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "sessions that are over are not forgotten yet"
            );
        }
        Ok(session)
    }

    async fn find_user(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let sql = "SELECT id, email, name, role, password_hash, disabled, created_ms, last_seen_ms \
                   FROM users WHERE lower(email) = $1";
        // An e-mail address that cannot be one is nobody's; NUL would not even reach PostgreSQL.
        match crate::text::email(email) {
            Ok(email) => Ok(self.db().optional(sql, args![&email]).await?),
            Err(_) => Ok(None),
        }
    }

    /// Changes one's own password and ends one's other sessions.
    pub async fn change_password(&self, by: &Principal, old: &str, new: &str) -> Result<(), StoreError> {
        let attempt = Attempt::new(&by.email, &by.origin.address);
        let now_ms = self.clock().now_ms();
        if let Some(wait_ms) = attempt.begin(self.db(), now_ms).await? {
            return Err(Invalid::TooManyAttempts { retry_after_s: seconds(wait_ms) }.into());
        }
        let user = self.find_user(&by.email).await?.filter(|user| user.id == by.id.get());
        let right = self.0.passwords.verify(old, user.and_then(|user| user.password_hash)).await?;
        if !right {
            return Err(Invalid::WrongPassword.into());
        }
        let hash = self.0.passwords.hash_new(&by.email, new).await?;
        let mut work = self.begin(by).await?;
        attempt.succeeded(&mut work.tx, now_ms).await?;
        work.tx
            .execute("UPDATE users SET password_hash = $1 WHERE id = $2", args![&hash, by.id.get()])
            .await?;
        let current = by.session.map_or(0, super::SessionId::get);
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
        work.tx.execute(sql, args![by.id.get(), current]).await?;
        let entry =
            member_entry(Action::PasswordChanged, by.id, &by.name, "changed their password".to_owned());
        work.finish(entry).await?;
        Ok(())
    }
}

/// Whole seconds, rounded up.
fn seconds(ms: i64) -> u64 {
    crate::number((ms + SECOND_MS - 1) / SECOND_MS)
}
