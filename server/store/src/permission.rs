//! Who may do what: the role table, and proofs that only its check can make. Operations take a proof, so an
//! operation that forgot to ask does not compile.

use std::{fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{SessionId, StoreError, Token, TokenKind, change::Actor, clock::MINUTE_MS};

/// How long a password that was given counts for what changes who may do what.
pub const PASSWORD_HOLDS_MS: i64 = 10 * MINUTE_MS;

/// A member's number. [`UserId::COMMAND_LINE`] stands for whoever runs the binary on the database; negative numbers for
/// management tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(i64);

impl UserId {
    pub const COMMAND_LINE: Self = Self(0);

    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a member is here for; decides what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
    Product,
    Qa,
    Support,
    Viewer,
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of admin, product, qa, support, viewer")]
pub struct InvalidRole;

impl Role {
    pub const ALL: [Self; 5] = [Self::Admin, Self::Product, Self::Qa, Self::Support, Self::Viewer];

    pub fn parse(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidRole)
    }

    /// The word in URLs, forms and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Product => "product",
            Self::Qa => "qa",
            Self::Support => "support",
            Self::Viewer => "viewer",
        }
    }

    /// The role table of the product.
    pub fn may(self, operation: Operation) -> bool {
        operation.roles().contains(&self)
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::parse(text)
    }
}

/// The name that people read.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "Admin",
            Self::Product => "Product manager",
            Self::Qa => "QA",
            Self::Support => "Support",
            Self::Viewer => "Viewer",
        })
    }
}

/// A line of the role table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    View,
    EditFlags,
    Stop,
    Enrol,
    ReadPeople,
    /// Log complaints, triage feedback.
    HandleFeedback,
    /// Approve changes of production that somebody else proposed.
    Approve,
    ReadAudit,
    Administer,
}

impl Operation {
    pub const ALL: [Self; 9] = [
        Self::View,
        Self::EditFlags,
        Self::Stop,
        Self::Enrol,
        Self::ReadPeople,
        Self::HandleFeedback,
        Self::Approve,
        Self::ReadAudit,
        Self::Administer,
    ];

    fn roles(self) -> &'static [Role] {
        match self {
            Self::View => &Role::ALL,
            Self::EditFlags | Self::Approve => &[Role::Admin, Role::Product],
            Self::Stop | Self::ReadPeople | Self::HandleFeedback | Self::ReadAudit => {
                &[Role::Admin, Role::Product, Role::Qa, Role::Support]
            }
            Self::Enrol => &[Role::Admin, Role::Product, Role::Qa],
            Self::Administer => &[Role::Admin],
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::View => "look at flags and groups",
            Self::EditFlags => "create or edit flags, groups and rollouts",
            Self::Stop => "stop a flag",
            Self::Enrol => "enrol or remove testers",
            Self::ReadPeople => "look up people",
            Self::HandleFeedback => "log complaints or triage feedback",
            Self::Approve => "approve changes",
            Self::ReadAudit => "read the audit log",
            Self::Administer => "manage members, tokens and attributes",
        }
    }
}

/// The role does not allow the operation. `Display` says who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    pub operation: Operation,
    pub role: Role,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.operation.roles().iter().map(ToString::to_string).collect();
        let may = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last} may", rest.join(", ")),
            Some((only, _)) => format!("only {only} may"),
            None => "nobody may".to_owned(),
        };
        write!(f, "your role ({}) does not allow you to {}: {may}", self.role, self.operation.phrase())
    }
}

impl std::error::Error for Denied {}

/// Where a request came from; kept in the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    pub request_id: String,
    pub address: String,
}

/// What stands for somebody being who they say they are at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// A session, whose password was last given then (epoch ms).
    Password { at_ms: i64 },
    /// The command line or a management token: no browser that somebody may have left open, and no password to ask for.
    NoSession,
}

/// Somebody signed in. Only the store makes one: from a session, or for the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub origin: RequestOrigin,
    /// The session they came with, if any.
    pub(crate) session: Option<SessionId>,
    pub(crate) presence: Presence,
}

impl Principal {
    pub(crate) fn new(id: UserId, name: String, email: String, role: Role, origin: RequestOrigin) -> Self {
        Self { id, name, email, role, origin, session: None, presence: Presence::NoSession }
    }

    /// Whoever can run the binary on the database can do everything; the audit log calls them "command line".
    pub fn command_line() -> Self {
        let origin = RequestOrigin { request_id: String::new(), address: "command line".to_owned() };
        Self::new(UserId::COMMAND_LINE, "command line".to_owned(), String::new(), Role::Admin, origin)
    }

    /// Whoever holds a management token acts with its role; other tokens manage nothing.
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Option<Self> {
        let role = token.kind.role()?;
        let name = format!("token {}", token.name);
        Some(Self::new(UserId::new(-token.id.get()), name, String::new(), role, origin))
    }

    /// For showing and hiding controls: the same table as the proofs.
    pub fn may(&self, operation: Operation) -> bool {
        self.role.may(operation)
    }

    fn require(&self, operation: Operation) -> Result<Self, Denied> {
        if self.may(operation) { Ok(self.clone()) } else { Err(Denied { operation, role: self.role }) }
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
        self.require(Operation::Enrol).map(Enroller)
    }

    pub fn people_reader(&self) -> Result<PeopleReader, Denied> {
        self.require(Operation::ReadPeople).map(PeopleReader)
    }

    pub fn people_writer(&self) -> Result<PeopleWriter, Denied> {
        self.require(Operation::Administer).map(PeopleWriter)
    }

    pub fn feedback_handler(&self) -> Result<FeedbackHandler, Denied> {
        self.require(Operation::HandleFeedback).map(FeedbackHandler)
    }

    pub fn approver(&self) -> Result<Approver, Denied> {
        self.require(Operation::Approve).map(Approver)
    }

    /// QA and support see their own changes only: the proof carries that.
    pub fn audit_reader(&self) -> Result<AuditReader, Denied> {
        let principal = self.require(Operation::ReadAudit)?;
        let only_own = match self.role {
            Role::Admin | Role::Product => None,
            Role::Qa | Role::Support | Role::Viewer => Some(self.id),
        };
        Ok(AuditReader { principal, only_own })
    }

    pub fn administrator(&self) -> Result<Administrator, Denied> {
        self.require(Operation::Administer).map(Administrator)
    }

    /// For what changes who may do what. `PasswordNeeded` when it was last given more than [`PASSWORD_HOLDS_MS`] ago.
    pub fn recent_administrator(&self, now_ms: i64) -> Result<RecentAdministrator, StoreError> {
        let administrator = self.administrator()?;
        let is_recent = match self.presence {
            Presence::Password { at_ms } => now_ms.saturating_sub(at_ms) < PASSWORD_HOLDS_MS,
            Presence::NoSession => true,
        };
        if is_recent { Ok(RecentAdministrator(administrator)) } else { Err(StoreError::PasswordNeeded) }
    }
}

macro_rules! proof {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(Principal);

        impl $name {
            pub fn principal(&self) -> &Principal {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = Principal;

            fn deref(&self) -> &Principal {
                &self.0
            }
        }
    };
}

proof!(/// May see flags, groups and their history.
    Viewer);
proof!(/// May create and change flags, groups and rollouts.
    FlagEditor);
proof!(/// May stop a flag.
    Stopper);
proof!(/// May enrol and remove testers.
    Enroller);
proof!(/// May look up known people.
    PeopleReader);
proof!(/// May log complaints and triage feedback.
    FeedbackHandler);
proof!(/// May approve changes of production that somebody else proposed.
    Approver);
proof!(/// May manage members, tokens, attributes and known people.
    Administrator);

/// An administrator who has given their password lately, or comes without a session: may change who may do what.
#[derive(Debug, Clone)]
pub struct RecentAdministrator(Administrator);

impl Deref for RecentAdministrator {
    type Target = Administrator;

    fn deref(&self) -> &Administrator {
        &self.0
    }
}

/// May store people: an admin, or a backend that says with its server token who its users are.
#[derive(Debug, Clone)]
pub struct PeopleWriter(Principal);

impl PeopleWriter {
    /// Of a server token. A management token goes by its role: [`Principal::people_writer`].
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Option<Self> {
        match token.kind {
            TokenKind::Server => {
                let id = UserId::new(-token.id.get());
                let name = format!("token {}", token.name);
                // The role is never asked: this proof is good for nothing but storing people.
                Some(Self(Principal::new(id, name, String::new(), Role::Viewer, origin)))
            }
            TokenKind::Client | TokenKind::Admin(_) => None,
        }
    }

    pub(crate) fn actor(&self) -> Actor {
        (&self.0).into()
    }
}

impl From<&Administrator> for PeopleWriter {
    fn from(administrator: &Administrator) -> Self {
        Self(administrator.principal().clone())
    }
}

impl From<&RecentAdministrator> for PeopleWriter {
    fn from(administrator: &RecentAdministrator) -> Self {
        Self::from(&administrator.0)
    }
}

impl From<&Self> for PeopleWriter {
    fn from(writer: &Self) -> Self {
        writer.clone()
    }
}

/// May read the audit log: all of it, or only their own changes.
#[derive(Debug, Clone)]
pub struct AuditReader {
    principal: Principal,
    only_own: Option<UserId>,
}

impl AuditReader {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Set when this reader sees only what they changed themselves.
    pub fn only_own(&self) -> Option<UserId> {
        self.only_own
    }
}

impl Deref for AuditReader {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn someone(role: Role) -> Principal {
        Principal::new(
            UserId::new(7),
            "Some One".into(),
            "one@example.test".into(),
            role,
            RequestOrigin::default(),
        )
    }

    #[test]
    fn proofs_follow_the_role_table() {
        for role in Role::ALL {
            let p = someone(role);
            assert_eq!(p.flag_editor().is_ok(), p.may(Operation::EditFlags), "{role}");
            assert_eq!(p.stopper().is_ok(), p.may(Operation::Stop), "{role}");
            assert_eq!(p.enroller().is_ok(), p.may(Operation::Enrol), "{role}");
            assert_eq!(p.people_reader().is_ok(), p.may(Operation::ReadPeople), "{role}");
            assert_eq!(p.people_writer().is_ok(), p.may(Operation::Administer), "{role}");
            assert_eq!(p.feedback_handler().is_ok(), p.may(Operation::HandleFeedback), "{role}");
            assert_eq!(p.approver().is_ok(), p.may(Operation::Approve), "{role}");
            assert_eq!(p.audit_reader().is_ok(), p.may(Operation::ReadAudit), "{role}");
            assert_eq!(p.administrator().is_ok(), p.may(Operation::Administer), "{role}");
            assert!(p.may(Operation::View), "{role}");
        }
    }

    #[test]
    fn qa_and_support_read_only_their_own_changes() {
        for (role, own) in
            [(Role::Admin, false), (Role::Product, false), (Role::Qa, true), (Role::Support, true)]
        {
            let reader = someone(role).audit_reader().expect("may read");
            assert_eq!(reader.only_own().is_some(), own, "{role}");
        }
        assert!(someone(Role::Viewer).audit_reader().is_err());
    }

    #[test]
    fn a_password_counts_for_ten_minutes() {
        let session = |at_ms| Principal { presence: Presence::Password { at_ms }, ..someone(Role::Admin) };
        let now_ms = 100 * MINUTE_MS;
        assert!(session(now_ms).recent_administrator(now_ms).is_ok());
        assert!(session(now_ms - PASSWORD_HOLDS_MS + 1).recent_administrator(now_ms).is_ok());
        let late = session(now_ms - PASSWORD_HOLDS_MS).recent_administrator(now_ms);
        assert!(matches!(late, Err(StoreError::PasswordNeeded)), "{late:?}");
        assert!(Principal::command_line().recent_administrator(now_ms).is_ok());
        let product = someone(Role::Product).recent_administrator(now_ms);
        assert!(matches!(product, Err(StoreError::Denied(_))), "{product:?}");
    }

    #[test]
    fn a_denial_says_who_may() {
        let denied = someone(Role::Qa).flag_editor().expect_err("denied");
        let sentence = denied.to_string();
        assert!(
            sentence.contains("your role (QA)") && sentence.contains("Admin and Product manager may"),
            "{sentence}"
        );
    }
}
