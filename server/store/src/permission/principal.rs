//! Somebody signed in, and the checks that turn them into proofs. Its fields are this module's alone: what a principal
//! may do is settled when it is made.

use std::sync::Arc;

use engine::EnvironmentKey;

use super::{
    Administrator, Approver, AuditReader, AuditScope, Denied, DeniedBecause, Enroller, FeedbackHandler,
    FlagEditor, LedgerReader, Operation, PeopleReader, PeopleWriter, Permit, RecentAdministrator,
    RequestOrigin, Role, RoleTable, SessionId, Stopper, UserId, Viewer, denied::all_of, permit::Reach,
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
    /// Their role now.
    pub(crate) role: Role,
    pub(crate) disabled: bool,
}

/// A token as permission sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenAuthority {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) rights: TokenRights,
    /// The environment that it is bound to, if any.
    pub(crate) bound_to: Option<EnvironmentKey>,
    /// `None` for a token that is nobody's.
    pub(crate) owner: Option<TokenAnswerer>,
}

/// An administrator is wanted who has just shown who they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
/// let who = (id, "Mallory".to_owned(), "m@example.test".to_owned());
/// store::Principal::new(who, store::Role::Admin, &Default::default(), origin);
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
    permit: Permit,
    origin: RequestOrigin,
    presence: Presence,
    /// In which they read and type times, if they chose one.
    time_zone: Option<String>,
    /// Who answers for what is done; `None` for a token that is nobody's.
    person: Option<UserId>,
}

/// Making one, and what it says.
impl Principal {
    /// A member (number, name, e-mail address) without a session, under the role table in force: see
    /// [`Self::in_session`].
    pub(crate) fn new(
        (id, name, email): (UserId, String, String),
        role: Role,
        table: &Arc<RoleTable>,
        origin: RequestOrigin,
    ) -> Self {
        Self {
            id,
            name,
            email,
            permit: Permit::of(role, table),
            origin,
            presence: Presence::NoSession,
            time_zone: None,
            person: Some(id),
        }
    }

    /// The same member, in a session whose password was last given at `password_ms`.
    pub(crate) fn in_session(self, id: SessionId, password_ms: i64) -> Self {
        Self { presence: Presence::Session { id, password_ms }, ..self }
    }

    /// The same member, with the time zone that they chose.
    pub(crate) fn reading_in(self, time_zone: Option<String>) -> Self {
        Self { time_zone, ..self }
    }

    /// Whoever can run the binary on the database can do everything; the audit log calls them "command line".
    pub fn command_line() -> Self {
        let origin = RequestOrigin::at("command line");
        let who = (UserId::COMMAND_LINE, "command line".to_owned(), String::new());
        Self::new(who, Role::Admin, &Arc::default(), origin)
    }

    /// Whoever holds a management token acts for its owner: it may what both its role and its owner's may now, where it
    /// counts; other tokens manage nothing.
    pub(crate) fn of_authority(
        token: TokenAuthority,
        table: &Arc<RoleTable>,
        origin: RequestOrigin,
    ) -> Option<Self> {
        let TokenRights::Manages(role) = token.rights else { return None };
        if token.owner.is_some_and(|owner| owner.disabled) {
            return None;
        }
        let mut principal = Self::new((token.id, token.name, String::new()), role, table, origin);
        principal.permit.owner = token.owner.map(|owner| owner.role);
        principal.permit.reach = token.bound_to.map_or(Reach::Everywhere, Reach::Only);
        principal.person = token.owner.map(|owner| owner.id);
        Some(principal)
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

    /// A member's own; of a token that of its owner where that is further down the list of roles.
    pub fn role(&self) -> Role {
        self.permit.last_role()
    }

    /// The IANA name of the zone that they chose to read and type times in.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    pub fn origin(&self) -> &RequestOrigin {
        &self.origin
    }

    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
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
        match &self.permit.reach {
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
    /// Refuses what is about an environment that this principal, or the proof in its hands, is not good for.
    pub(crate) fn require_in(&self, environment: &EnvironmentKey) -> Result<(), Denied> {
        self.permit.covers(Some(environment))
    }

    /// The same principal, asking about one environment: what they get proofs for is good there and nowhere else.
    /// Refuses a token of another environment.
    pub fn within(&self, environment: &EnvironmentKey) -> Result<Self, Denied> {
        self.permit.reach.covers(Some(environment))?;
        let mut there = self.clone();
        there.permit.reach = Reach::Only(environment.clone());
        Ok(there)
    }

    /// For showing and hiding what is the same in every environment, and what leads to one environment or another: the
    /// same table as the proofs.
    pub fn may(&self, operation: Operation) -> bool {
        self.permit.check_somewhere(operation).is_ok()
    }

    /// For showing and hiding controls of one environment: the same table as the proofs.
    pub fn may_in(&self, operation: Operation, environment: &EnvironmentKey) -> bool {
        self.permit.check(operation, Some(environment)).is_ok()
    }

    /// Who may do it, by the table in force: `Admin and Product manager`, `Only Admin`.
    pub fn who_may(&self, operation: Operation, environment: Option<&EnvironmentKey>) -> String {
        let who = all_of(&self.permit.table.who(operation, environment));
        who.strip_prefix("only ").map_or_else(|| who.clone(), |role| format!("Only {role}"))
    }

    fn proved(&self, operation: Operation) -> Self {
        let mut proved = self.clone();
        proved.permit.purpose = Some(operation);
        proved
    }

    /// For what concerns one environment: the operation asks where, and the table says whether there.
    fn require(&self, operation: Operation) -> Result<Self, Denied> {
        match self.permit.reach.environment() {
            Some(own) => self.permit.check(operation.about(true), Some(own))?,
            None => self.permit.check_somewhere(operation)?,
        }
        Ok(self.proved(operation))
    }

    /// For what concerns every environment: people, groups, defaults, members.
    fn require_everywhere(&self, operation: Operation) -> Result<Self, Denied> {
        self.permit.check_somewhere(operation)?;
        self.permit.reach.covers(None).map_err(|denied| Denied { operation, ..denied })?;
        Ok(self.proved(operation))
    }

    /// Anybody signed in.
    pub fn viewer(&self) -> Viewer {
        Viewer(self.proved(Operation::View))
    }

    /// Within an environment ([`Self::within`]): who changes what it does with flags. Otherwise: who changes flags and
    /// groups, and with what the table lets them in each environment.
    pub fn flag_editor(&self) -> Result<FlagEditor, Denied> {
        self.require(Operation::EditFlags).map(FlagEditor)
    }

    /// To change what a flag or a group is: that is the same in every environment.
    pub fn definition_editor(&self) -> Result<FlagEditor, Denied> {
        self.require_everywhere(Operation::EditFlags).map(FlagEditor)
    }

    pub fn stopper(&self) -> Result<Stopper, Denied> {
        self.require(Operation::Stop).map(Stopper)
    }

    /// For testers of groups, which all environments share.
    pub fn enroller(&self) -> Result<Enroller, Denied> {
        self.require_everywhere(Operation::Enrol).map(Enroller)
    }

    /// For keeping testers from a flag, and for previews: each is about one environment.
    pub fn excluder(&self) -> Result<Enroller, Denied> {
        self.require(Operation::Exclude).map(Enroller)
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

    /// All of the log, or the entries of what they may see anyway: the proof carries that.
    pub fn audit_reader(&self) -> Result<AuditReader, Denied> {
        let whole = self.require_everywhere(Operation::ReadAudit);
        let (principal, scope) = match whole {
            Ok(principal) => (principal, AuditScope::Whole),
            Err(Denied { because: DeniedBecause::Role { .. }, .. }) => {
                let people = self.may(Operation::ReadPeople);
                (self.require_everywhere(Operation::ReadTrail)?, AuditScope::Seen { people })
            }
            Err(denied) => return Err(denied),
        };
        Ok(AuditReader::new(principal, scope))
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
