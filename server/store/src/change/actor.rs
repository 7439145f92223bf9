//! Who makes a change, and what they may at the moment when it counts.

use std::sync::Arc;

use super::Work;
use crate::{
    ActorKind, Denied, DeniedBecause, Operation, Principal, RequestOrigin, Role, SessionId, StoreError,
    UserId, db::args, permission::Permit,
};

/// Who makes a change.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) kind: ActorKind,
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) origin: RequestOrigin,
    /// What they may change, and where.
    pub(crate) permit: Permit,
    /// Who answers for it, if that is somebody.
    pub(crate) person: Option<UserId>,
    /// The session that they came with, if any.
    pub(crate) session: Option<SessionId>,
}

impl Actor {
    /// The server itself, until it is known who comes.
    pub(crate) fn system(origin: RequestOrigin) -> Self {
        Self {
            kind: ActorKind::System,
            id: UserId::COMMAND_LINE,
            name: "Fader".to_owned(),
            email: String::new(),
            origin,
            permit: Permit::unlimited(),
            person: None,
            session: None,
        }
    }

    /// What acts by itself on evidence or on an approved plan.
    pub(crate) fn guard() -> Self {
        let origin = RequestOrigin::at("the server itself");
        Self { name: "Guard".to_owned(), ..Self::system(origin) }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        let kind = match principal.id().get() {
            0 => ActorKind::CommandLine,
            ..0 => ActorKind::Token,
            1.. => ActorKind::Member,
        };
        Self {
            kind,
            id: principal.id(),
            name: principal.name().to_owned(),
            email: principal.email().to_owned(),
            origin: principal.origin().clone(),
            permit: principal.permit().clone(),
            person: principal.person(),
            session: principal.session_id(),
        }
    }
}

impl Work<'_> {
    /// Puts what holds now in the place of what held when the request came: the role table in force, and the role of
    /// whoever answers. Refuses what came with a token or a session that is no more. Under the lock none of it can change
    /// before the commit.
    pub(super) async fn ask_anew(&mut self) -> Result<(), StoreError> {
        if !matches!(self.actor.kind, ActorKind::Member | ActorKind::Token) {
            return Ok(());
        }
        let table = Arc::clone(&self.state().await?.roles);
        // Other numbers stand for the command line and for tokens.
        let role = match self.actor.person.filter(|id| id.get() > 0) {
            Some(id) => Some(self.present_role(id).await?),
            None => None,
        };
        if !self.is_let_in().await? {
            return Err(Denied { operation: Operation::View, because: DeniedBecause::Ended }.into());
        }
        self.actor.permit.renew(table, role);
        Ok(())
    }

    /// Whether the token or the session that the request came with is still good for anything.
    async fn is_let_in(&mut self) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = match (self.actor.kind, self.actor.session) {
            (ActorKind::Token, _) => {
                let sql = "SELECT id FROM tokens WHERE id = $1 AND revoked_ms IS NULL \
                           AND (expires_ms IS NULL OR expires_ms > $2)";
                // Tokens act under negative numbers.
                self.tx.optional(sql, args![-self.actor.id.get(), self.now_ms]).await?
            }
            (ActorKind::Member, Some(session)) => {
                let sql = "SELECT id FROM sessions WHERE id = $1 AND expires_ms > $2";
                self.tx.optional(sql, args![session.get(), self.now_ms]).await?
            }
            (ActorKind::Member, None)
            | (ActorKind::CommandLine | ActorKind::System | ActorKind::Invitation, _) => return Ok(true),
        };
        Ok(found.is_some())
    }

    async fn present_role(&mut self, id: UserId) -> Result<Role, StoreError> {
        let sql = "SELECT role, disabled FROM users WHERE id = $1";
        let row: Option<(String, bool)> = self.tx.optional(sql, args![id.get()]).await?;
        let Some((role, false)) = row else {
            return Err(Denied { operation: Operation::View, because: DeniedBecause::Disabled }.into());
        };
        Role::parse(&role).map_err(|_| StoreError::CorruptRow { table: "users", id: id.to_string() })
    }
}
