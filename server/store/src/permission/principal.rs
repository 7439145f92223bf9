//! Somebody signed in, and the checks that turn them into proofs. Its fields are this module's alone: what a principal
//! may do is settled when it is made.

use engine::EnvironmentKey;

use super::{
    Administrator, Approver, AuditReader, Denied, DeniedBecause, Enroller, FeedbackHandler, FlagEditor,
    LedgerReader, Operation, PeopleReader, PeopleWriter, RecentAdministrator, RequestOrigin, Role, SessionId,
    Stopper, UserId, Viewer,
};
use crate::clock::MINUTE_MS;

/// How long a password that was given counts for what changes who may do what.
pub const PASSWORD_HOLDS_MS: i64 = 10 * MINUTE_MS;

/// What stands for somebody being who they say they are at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// A session, whose password was last given then (epoch ms).
    Session { id: SessionId, password_ms: i64 },
    /// The command line or a management token: no browser that somebody may have left open, and no password to ask for.
    NoSession,
}

/// Where somebody's operations may count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    Everywhere,
    /// A token that is bound to an environment.
    Only(EnvironmentKey),
}

impl Reach {
    /// Whether it covers what concerns an environment, or (`None`) all of them.
    pub(crate) fn covers(&self, environment: Option<&EnvironmentKey>) -> Result<(), Denied> {
        let because = match (self, environment) {
            (Self::Everywhere, _) => return Ok(()),
            (Self::Only(own), Some(asked)) if own == asked => return Ok(()),
            (Self::Only(_), Some(_)) => DeniedBecause::AnotherEnvironment,
            (Self::Only(_), None) => DeniedBecause::OneEnvironment,
        };
        Err(Denied { operation: Operation::View, because })
    }
}

/// What a token is good for, as far as permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRights {
    /// Manages, with at most this role.
    Manages(Role),
    /// Evaluates and sends events; may store people where that was granted.
    Server { stores_people: bool },
    /// In every visitor's hands.
    Client,
}

/// The member who answers for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenAnswerer {
    pub(crate) id: UserId,
    /// What they may do now.
    pub(crate) role: Role,
    pub(crate) disabled: bool,
}

/// A token as permission sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenAuthority {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) rights: TokenRights,
    pub(crate) reach: Reach,
    /// `None` for a token that is nobody's.
    pub(crate) owner: Option<TokenAnswerer>,
}

/// An administrator is wanted who has just shown who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecentRefused {
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The password was given too long ago.
    #[error("give your password again")]
    PasswordNeeded,
}

/// Somebody signed in. Only the store makes one: from a session, a management token, or for the command line. Nobody else
/// can change what it says:
///
/// ```compile_fail,E0616
/// fn promote(mut principal: store::Principal) {
///     principal.role = store::Role::Admin;
/// }
/// ```
///
/// and nobody else can make one, or a proof of what it may do:
///
/// ```compile_fail,E0624
/// let origin = store::RequestOrigin::default();
/// let id = store::UserId::new(1);
/// store::Principal::new(id, "Mallory".into(), "m@example.test".into(), store::Role::Admin, origin);
/// ```
///
/// ```compile_fail,E0423
/// fn administer(principal: store::Principal) -> store::Administrator {
///     store::Administrator(principal)
/// }
/// ```
///
/// What it says can be read:
///
/// ```
/// let somebody = store::Principal::command_line();
/// assert_eq!(somebody.role(), store::Role::Admin);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    id: UserId,
    name: String,
    email: String,
    role: Role,
    origin: RequestOrigin,
    presence: Presence,
    reach: Reach,
    /// Who answers for what is done; `None` for a token that is nobody's.
    person: Option<UserId>,
}

/// Making one, and what it says.
impl Principal {
    /// A member without a session: see [`Self::in_session`].
    pub(crate) fn new(id: UserId, name: String, email: String, role: Role, origin: RequestOrigin) -> Self {
        Self {
            id,
            name,
            email,
            role,
            origin,
            presence: Presence::NoSession,
            reach: Reach::Everywhere,
            person: Some(id),
        }
    }

    /// The same member, in a session whose password was last given at `password_ms`.
    pub(crate) fn in_session(self, id: SessionId, password_ms: i64) -> Self {
        Self { presence: Presence::Session { id, password_ms }, ..self }
    }

    /// Whoever can run the binary on the database can do everything; the audit log calls them "command line".
    pub fn command_line() -> Self {
        let origin = RequestOrigin { request_id: String::new(), address: "command line".to_owned() };
        Self::new(UserId::COMMAND_LINE, "command line".to_owned(), String::new(), Role::Admin, origin)
    }

    /// Whoever holds a management token acts for its owner, with its role and never with more than the owner may now,
    /// where it counts; other tokens manage nothing.
    pub(crate) fn of_authority(token: TokenAuthority, origin: RequestOrigin) -> Option<Self> {
        let TokenRights::Manages(role) = token.rights else { return None };
        let role = match token.owner {
            Some(owner) if owner.disabled => return None,
            Some(owner) => role.lesser(owner.role),
            None => role,
        };
        let person = token.owner.map(|owner| owner.id);
        let reach = token.reach;
        Some(Self { reach, person, ..Self::new(token.id, token.name, String::new(), role, origin) })
    }

    /// A member's number; [`UserId::COMMAND_LINE`], or a negative one of a token.
    pub fn id(&self) -> UserId {
        self.id
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Empty for what is no member.
    pub fn email(&self) -> &str {
        &self.email
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn origin(&self) -> &RequestOrigin {
        &self.origin
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The session they came with, if any.
    pub fn session_id(&self) -> Option<SessionId> {
        match self.presence {
            Presence::Session { id, .. } => Some(id),
            Presence::NoSession => None,
        }
    }

    /// The person who answers for what is done; of a token its owner, whatever the token is called.
    pub fn person(&self) -> Option<UserId> {
        self.person
    }

    /// Who is remembered as the author: whoever runs the binary for a token that is nobody's.
    pub(crate) fn author(&self) -> UserId {
        self.person.unwrap_or(UserId::COMMAND_LINE)
    }

    /// The environment that a request is about: that of a bound token, which need not be named; otherwise the one
    /// that is named, if any.
    pub fn environment(&self, named: Option<EnvironmentKey>) -> Result<Option<EnvironmentKey>, Denied> {
        match &self.reach {
            Reach::Everywhere => Ok(named),
            Reach::Only(own) => {
                self.require_in(named.as_ref().unwrap_or(own))?;
                Ok(Some(own.clone()))
            }
        }
    }
}

/// The checks, and the proofs that only they make.
impl Principal {
    /// Refuses a token of another environment.
    pub(crate) fn require_in(&self, environment: &EnvironmentKey) -> Result<(), Denied> {
        self.reach.covers(Some(environment))
    }

    /// For showing and hiding controls: the same table as the proofs.
    pub fn may(&self, operation: Operation) -> bool {
        self.role.may(operation)
    }

    /// For what concerns one environment: the operation asks where.
    fn require(&self, operation: Operation) -> Result<Self, Denied> {
        if self.may(operation) {
            Ok(self.clone())
        } else {
            Err(Denied { operation, because: DeniedBecause::Role(self.role) })
        }
    }

    /// For what concerns every environment: people, groups, defaults, members.
    fn require_everywhere(&self, operation: Operation) -> Result<Self, Denied> {
        let principal = self.require(operation)?;
        self.reach.covers(None).map_err(|denied| Denied { operation, ..denied })?;
        Ok(principal)
    }

    /// Anybody signed in.
    pub fn viewer(&self) -> Viewer {
        Viewer(self.clone())
    }

    pub fn flag_editor(&self) -> Result<FlagEditor, Denied> {
        self.require(Operation::EditFlags).map(FlagEditor)
    }

    pub fn stopper(&self) -> Result<Stopper, Denied> {
        self.require(Operation::Stop).map(Stopper)
    }

    pub fn enroller(&self) -> Result<Enroller, Denied> {
        self.require_everywhere(Operation::Enrol).map(Enroller)
    }

    pub fn people_reader(&self) -> Result<PeopleReader, Denied> {
        self.require_everywhere(Operation::ReadPeople).map(PeopleReader)
    }

    /// Who was served what, in the environments that this principal reaches.
    pub fn ledger_reader(&self) -> Result<LedgerReader, Denied> {
        self.require(Operation::ReadPeople).map(LedgerReader)
    }

    pub fn people_writer(&self) -> Result<PeopleWriter, Denied> {
        self.require_everywhere(Operation::Administer).map(PeopleWriter)
    }

    pub fn feedback_handler(&self) -> Result<FeedbackHandler, Denied> {
        self.require_everywhere(Operation::HandleFeedback).map(FeedbackHandler)
    }

    /// Somebody has to answer for an approval: a token that is nobody's gives none.
    pub fn approver(&self) -> Result<Approver, Denied> {
        let (operation, principal) = (Operation::Approve, self.require(Operation::Approve)?);
        if principal.person.is_none() {
            return Err(Denied { operation, because: DeniedBecause::Nobodys });
        }
        Ok(Approver(principal))
    }

    /// QA and support see their own changes only: the proof carries that.
    pub fn audit_reader(&self) -> Result<AuditReader, Denied> {
        let principal = self.require_everywhere(Operation::ReadAudit)?;
        let only_own = match self.role {
            Role::Admin | Role::Product => None,
            Role::Qa | Role::Support | Role::Viewer => Some(self.id),
        };
        Ok(AuditReader::new(principal, only_own))
    }

    pub fn administrator(&self) -> Result<Administrator, Denied> {
        self.require_everywhere(Operation::Administer).map(Administrator)
    }

    /// For what changes who may do what. `PasswordNeeded` when it was last given more than [`PASSWORD_HOLDS_MS`] ago.
    pub fn recent_administrator(&self, now_ms: i64) -> Result<RecentAdministrator, RecentRefused> {
        let administrator = self.administrator()?;
        let is_recent = match self.presence {
            Presence::Session { password_ms, .. } => now_ms.saturating_sub(password_ms) < PASSWORD_HOLDS_MS,
            Presence::NoSession => true,
        };
        if is_recent { Ok(RecentAdministrator(administrator)) } else { Err(RecentRefused::PasswordNeeded) }
    }
}
