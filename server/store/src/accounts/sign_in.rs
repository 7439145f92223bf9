//! Signing in with a password, giving it again, and changing it.

use super::{
    Browser, UserRow, member_entry,
    passwords::{Owner, Queue},
    sessions,
    throttle::{self, Attempt},
};
use crate::{
    Action, Invalid, NewSession, Principal, RequestOrigin, SessionId, SignInError, Store, StoreError, UserId,
    clock::SECOND_MS, db::args, secret::new_secret,
};

impl Store {
    /// Signs a member in: a new session each time. Unknown, disabled and invited accounts answer like a wrong password,
    /// and take as long.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        origin: &RequestOrigin,
        browser: impl Into<Browser<'_>>,
    ) -> Result<NewSession, SignInError> {
        let (browser, now_ms) = (browser.into(), self.database_now_ms().await?);
        let attempt = Attempt::at_sign_in(&self.db(), email, &origin.address, browser.device, now_ms).await?;
        let queue = if attempt.is_strangers() { Queue::Strangers } else { Queue::Known };
        // Before anything is written: a flood takes no more of the database than of the machine.
        let seat = self.0.passwords.seat(queue).await?;
        if self.0.passwords.is_sweep_due() {
            throttle::sweep(&self.db(), now_ms).await?;
        }
        if let Some(wait_ms) = attempt.begin(&self.db(), now_ms).await? {
            return Err(SignInError::Throttled { retry_after_s: seconds(wait_ms) });
        }
        let found = self.find_user(email).await?;
        let hash = found.as_ref().filter(|user| user.is_active()).and_then(|user| user.password_hash.clone());
        let right = seat.verify(password, hash).await?;
        drop(seat);
        let Some(user) = found.as_ref().filter(|_| right) else {
            self.witness_refusal(found.as_ref(), origin);
            return Err(SignInError::Wrong);
        };
        let entered = self.enter(user, &attempt, origin, browser, now_ms).await;
        if entered.is_err() {
            // They are not slowed down for what the database could not do.
            drop(self.forgive(&attempt, now_ms).await);
        }
        let session = entered?;
        self.note_session(&session);
        // Who is signed in by now is not turned away for that.
        if let Err(error) = self.forget_old_sessions().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "sessions that are over are not forgotten yet"
            );
        }
        Ok(session)
    }

    async fn forgive(&self, attempt: &Attempt, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        attempt.succeeded(&mut tx, now_ms).await?;
        Ok(tx.commit().await?)
    }

    /// Makes the session, and says so in the audit log.
    async fn enter(
        &self,
        user: &UserRow,
        attempt: &Attempt,
        origin: &RequestOrigin,
        browser: Browser<'_>,
        now_ms: i64,
    ) -> Result<NewSession, StoreError> {
        let (id, role) = (UserId::new(user.id), user.role()?);
        let who = self.who((id, user.name.clone(), user.email.clone()), role);
        let member = who.without_session(origin);
        let sentence =
            if attempt.is_strangers() { "signed in, from a new device and address" } else { "signed in" };
        let Some(entry) = self.witness(&member, Action::SignedIn, sentence) else {
            let mut tx = self.db().begin().await?;
            attempt.succeeded(&mut tx, now_ms).await?;
            let session = sessions::create(&mut tx, who, origin, browser, now_ms).await?;
            tx.commit().await?;
            return Ok(session);
        };
        let mut work = self.begin(&member).await?;
        attempt.succeeded(&mut work.tx, now_ms).await?;
        let session = sessions::create(&mut work.tx, who, origin, browser, now_ms).await?;
        work.finish(entry).await?;
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

    /// Gives the password of the session's member once more; the principal that comes back has given it just now. A wrong
    /// one is slowed down as at sign-in, and stands in the audit log.
    pub async fn prove_password(&self, by: &Principal, password: &str) -> Result<Principal, StoreError> {
        let (session, attempt) = self.check_own_password(by, password).await?;
        let now_ms = self.database_now_ms().await?;
        let mut tx = self.db().begin().await?;
        attempt.succeeded(&mut tx, now_ms).await?;
        let sql = "UPDATE sessions SET proved_ms = $1 WHERE id = $2 AND user_id = $3";
        if tx.execute(sql, args![now_ms, session.get(), by.id().get()]).await? == 0 {
            // It ended in the meantime.
            return Err(StoreError::PasswordNeeded);
        }
        tx.commit().await?;
        Ok(by.clone().in_session(session, now_ms))
    }

    /// Changes one's own password: one's other sessions and all links to one's account end, and the present session goes
    /// on under a new token.
    pub async fn change_password(
        &self,
        by: &Principal,
        old: &str,
        new: &str,
    ) -> Result<NewSession, StoreError> {
        let (session, attempt) = self.check_own_password(by, old).await?;
        let hash = self.0.passwords.hash_new(Owner { email: by.email(), name: by.name() }, new).await?;
        let token = new_secret()?;
        let mut work = self.begin(by).await?;
        let now_ms = work.now_ms();
        attempt.succeeded(&mut work.tx, now_ms).await?;
        work.tx
            .execute("UPDATE users SET password_hash = $1 WHERE id = $2", args![&hash, by.id().get()])
            .await?;
        work.tx.execute("DELETE FROM invitations WHERE user_id = $1", args![by.id().get()]).await?;
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
        work.tx.execute(sql, args![by.id().get(), session.get()]).await?;
        let expires_ms = sessions::rotate(&mut work.tx, session, &token, now_ms).await?;
        let entry =
            member_entry(Action::PasswordChanged, by.id(), by.name(), "changed their password".to_owned());
        work.finish(entry).await?;
        let principal = by.clone().in_session(session, now_ms);
        let session = NewSession { token, device: None, principal, expires_ms };
        self.note_session(&session);
        Ok(session)
    }

    /// The session and the attempt, when it was right.
    async fn check_own_password(
        &self,
        by: &Principal,
        password: &str,
    ) -> Result<(SessionId, Attempt), StoreError> {
        let session = by.session_id().ok_or(Invalid::WrongPassword)?;
        let attempt = Attempt::of_session(by.email(), &by.origin().address, session);
        let seat = self.0.passwords.seat(Queue::Known).await?;
        if let Some(wait_ms) = attempt.begin(&self.db(), self.database_now_ms().await?).await? {
            return Err(Invalid::TooManyAttempts { retry_after_s: seconds(wait_ms) }.into());
        }
        let user = self.find_user(by.email()).await?;
        let user = user.filter(|user| user.id == by.id().get() && user.is_active());
        if seat.verify(password, user.and_then(|user| user.password_hash)).await? {
            return Ok((session, attempt));
        }
        drop(seat);
        let sentence = "gave a wrong password when it was asked for again".to_owned();
        let work = self.begin(by).await?;
        work.finish(member_entry(Action::PasswordRefused, by.id(), by.name(), sentence)).await?;
        Err(Invalid::WrongPassword.into())
    }
}

/// Whole seconds, rounded up.
fn seconds(ms: i64) -> u64 {
    crate::number((ms + SECOND_MS - 1) / SECOND_MS)
}
