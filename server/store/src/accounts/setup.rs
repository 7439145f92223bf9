//! The first admin: whoever can read the server's output has the code.

use subtle::ConstantTimeEq;

use super::{Browser, NewMember, member_entry, sessions};
use crate::{
    Action, Invalid, NewSession, RequestOrigin, Role, Store, StoreError,
    change::Actor,
    db::args,
    secret::{random_hex, sha256_hex},
};

const SETUP_CODE_BYTES: usize = 16;

impl Store {
    /// Whether there is no member yet.
    pub async fn setup_needed(&self) -> Result<bool, StoreError> {
        let (users,): (i64,) = self.db().one("SELECT COUNT(*) FROM users", args![]).await?;
        Ok(users == 0)
    }

    /// A new one-time code for the server to print, as long as there is no member. It replaces the last one.
    pub async fn issue_setup_code(&self) -> Result<Option<String>, StoreError> {
        if !self.setup_needed().await? {
            return Ok(None);
        }
        let code = random_hex::<SETUP_CODE_BYTES>()?;
        let sql = "UPDATE workspace SET setup_code_hash = $1 WHERE id = 1";
        self.db().execute(sql, args![&sha256_hex(&code)]).await?;
        Ok(Some(code))
    }

    /// Makes the first admin and signs them in.
    pub async fn set_up(
        &self,
        code: &str,
        email: &str,
        name: &str,
        password: &str,
        origin: &RequestOrigin,
        browser: impl Into<Browser<'_>>,
    ) -> Result<NewSession, StoreError> {
        self.check_setup_code(code).await?;
        let mut member = NewMember::parse(email, name, Role::Admin, None)?;
        member.password_hash = Some(self.0.passwords.hash_new(member.owner(), password).await?);
        let mut work = self.begin_as(Actor::system(origin.clone())).await?;
        // Looked at again under the lock: of two people with the code, one is first.
        let (users,): (i64,) = work.tx.one("SELECT COUNT(*) FROM users", args![]).await?;
        if users > 0 {
            return Err(Invalid::AlreadySetUp.into());
        }
        let id = work.insert_user(&member).await?;
        work.tx.execute("UPDATE workspace SET setup_code_hash = NULL WHERE id = 1", args![]).await?;
        let now_ms = work.now_ms();
        let who = self.who((id, member.name.clone(), member.email), Role::Admin);
        let session = sessions::create(&mut work.tx, who, origin, browser.into(), now_ms).await?;
        work.act_as(&session.principal);
        let sentence = "set up the workspace and became its first admin".to_owned();
        work.finish(member_entry(Action::WorkspaceSetUp, id, &member.name, sentence)).await?;
        self.note_session(&session);
        Ok(session)
    }

    async fn check_setup_code(&self, code: &str) -> Result<(), StoreError> {
        if !self.setup_needed().await? {
            return Err(Invalid::AlreadySetUp.into());
        }
        let sql = "SELECT setup_code_hash FROM workspace WHERE id = 1";
        let (hash,): (Option<String>,) = self.db().one(sql, args![]).await?;
        let sent = sha256_hex(code.trim());
        let right = hash.is_some_and(|hash| bool::from(hash.as_bytes().ct_eq(sent.as_bytes())));
        if right { Ok(()) } else { Err(Invalid::SetupCode.into()) }
    }
}
