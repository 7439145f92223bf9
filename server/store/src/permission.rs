//! Who may do what: the role table, and proofs that only its check can make. Operations take a proof, so an
//! operation that forgot to ask does not compile.

use std::{fmt, ops::Deref, str::FromStr};

use engine::EnvironmentKey;
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
    /// Each may everything that the ones after it may.
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

    /// The one of the two that may less.
    #[must_use]
    pub fn lesser(self, other: Self) -> Self {
        let rank = |role: Self| Self::ALL.iter().position(|it| *it == role);
        if rank(self) < rank(other) { other } else { self }
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
            Self::Administer => {
                "store or erase people, or to manage members, tokens, attributes and defaults"
            }
        }
    }
}

/// Why an operation is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedBecause {
    /// The role table says no.
    Role(Role),
    /// A token of one environment, for what concerns them all.
    OneEnvironment,
    /// A token of another environment.
    AnotherEnvironment,
    /// A token that is nobody's, for what a person has to answer for.
    Nobodys,
    /// A server token that was not granted to store people.
    NoTraits,
    /// A client token is in every visitor's hands.
    ClientToken,
}

/// Somebody may not do the operation. `Display` says who may, and how one becomes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    pub operation: Operation,
    pub because: DeniedBecause,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Looking is never denied so: then it is about what was to be changed.
        let what = match self.operation {
            Operation::View => "this".to_owned(),
            operation => format!("to {}", operation.phrase()),
        };
        match self.because {
            DeniedBecause::Role(role) => self.fmt_role(f, role),
            DeniedBecause::OneEnvironment => write!(
                f,
                "this token is bound to one environment, and {what} concerns the whole workspace: an admin makes a \
                 management token for the whole workspace under Settings → Tokens, or with `fader token create --kind \
                 admin` and no --env"
            ),
            DeniedBecause::AnotherEnvironment => write!(
                f,
                "this token is bound to another environment: use one of this environment, or a management token for \
                 the whole workspace (Settings → Tokens, or `fader token create --kind admin` and no --env)"
            ),
            DeniedBecause::Nobodys => write!(
                f,
                "this token is nobody's, and {what} takes a person: make it under Settings → Tokens, or name its \
                 owner with `fader token create --owner`"
            ),
            DeniedBecause::NoTraits => write!(
                f,
                "this server token may not store people: an admin lets it under Settings → Tokens, or makes one with \
                 `fader token create --kind server --writes-traits`"
            ),
            DeniedBecause::ClientToken => write!(
                f,
                "a client token stores nobody, as every visitor has it: send this from a backend, with a server token \
                 that may store people"
            ),
        }
    }
}

impl Denied {
    fn fmt_role(self, f: &mut fmt::Formatter<'_>, role: Role) -> fmt::Result {
        let names: Vec<_> = self.operation.roles().iter().map(ToString::to_string).collect();
        let may = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last} may", rest.join(", ")),
            Some((only, _)) => format!("only {only} may"),
            None => "nobody may".to_owned(),
        };
        write!(f, "your role ({role}) does not allow you to {}: {may}", self.operation.phrase())
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

/// Somebody signed in. Only the store makes one: from a session, a management token, or for the command line.
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
    pub(crate) reach: Reach,
    /// Who answers for what is done; `None` for a token that is nobody's.
    pub(crate) person: Option<UserId>,
}

impl Principal {
    pub(crate) fn new(id: UserId, name: String, email: String, role: Role, origin: RequestOrigin) -> Self {
        Self {
            id,
            name,
            email,
            role,
            origin,
            session: None,
            presence: Presence::NoSession,
            reach: Reach::Everywhere,
            person: Some(id),
        }
    }

    /// Whoever can run the binary on the database can do everything; the audit log calls them "command line".
    pub fn command_line() -> Self {
        let origin = RequestOrigin { request_id: String::new(), address: "command line".to_owned() };
        Self::new(UserId::COMMAND_LINE, "command line".to_owned(), String::new(), Role::Admin, origin)
    }

    /// Whoever holds a management token acts for its owner, with its role and never with more than the owner may now,
    /// where it counts; other tokens manage nothing.
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Option<Self> {
        let role = token.kind.role()?;
        let role = match &token.owner {
            Some(owner) if owner.disabled => return None,
            Some(owner) => role.lesser(owner.role),
            None => role,
        };
        let mut principal = Self::new(token_id(token), token.actor_name(), String::new(), role, origin);
        principal.reach = token.environment().cloned().map_or(Reach::Everywhere, Reach::Only);
        principal.person = token.owner.as_ref().map(|owner| owner.id);
        Some(principal)
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
        Ok(AuditReader { principal, only_own })
    }

    pub fn administrator(&self) -> Result<Administrator, Denied> {
        self.require_everywhere(Operation::Administer).map(Administrator)
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
proof!(/// May read who was served what in an environment; each operation asks whether it is theirs.
    LedgerReader);
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

/// Tokens act under negative numbers.
fn token_id(token: &Token) -> UserId {
    UserId::new(-token.id.get())
}

impl From<&PeopleReader> for LedgerReader {
    fn from(reader: &PeopleReader) -> Self {
        Self(reader.principal().clone())
    }
}

impl From<&Self> for LedgerReader {
    fn from(reader: &Self) -> Self {
        reader.clone()
    }
}

/// May store people: an admin, or a backend that says with its server token who its users are.
#[derive(Debug, Clone)]
pub struct PeopleWriter(Principal);

impl PeopleWriter {
    /// Of a server token that was granted it, or of a management token by its role and where it counts. People are the
    /// same in every environment.
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Result<Self, Denied> {
        let denied = |because| Denied { operation: Operation::Administer, because };
        match token.kind {
            TokenKind::Server if token.writes_traits => {
                // The role is never asked: this proof is good for nothing but storing people.
                let (id, name) = (token_id(token), token.actor_name());
                Ok(Self(Principal::new(id, name, String::new(), Role::Viewer, origin)))
            }
            TokenKind::Server => Err(denied(DeniedBecause::NoTraits)),
            TokenKind::Client => Err(denied(DeniedBecause::ClientToken)),
            TokenKind::Admin(_) => match Principal::of_token(token, origin) {
                Some(principal) => principal.people_writer(),
                None => Err(denied(DeniedBecause::Nobodys)),
            },
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
    fn the_lesser_role_may_nothing_that_either_may_not() {
        for (a, b) in Role::ALL.into_iter().flat_map(|a| Role::ALL.map(|b| (a, b))) {
            let lesser = a.lesser(b);
            assert_eq!(lesser, b.lesser(a));
            for operation in Operation::ALL {
                assert_eq!(
                    lesser.may(operation),
                    a.may(operation) && b.may(operation),
                    "{a} {b} {operation:?}"
                );
            }
        }
    }

    #[test]
    fn who_is_bound_to_an_environment_has_no_proof_for_what_concerns_them_all() {
        let [production, staging] =
            ["production", "staging"].map(|key| EnvironmentKey::parse(key).expect("a key"));
        let bound = Principal { reach: Reach::Only(staging.clone()), ..someone(Role::Admin) };
        let whole = [
            bound.enroller().map(drop),
            bound.people_reader().map(drop),
            bound.people_writer().map(drop),
            bound.feedback_handler().map(drop),
            bound.audit_reader().map(drop),
            bound.administrator().map(drop),
        ];
        for denied in whole {
            assert_eq!(denied.map_err(|it| it.because), Err(DeniedBecause::OneEnvironment));
        }
        assert!(bound.flag_editor().is_ok() && bound.stopper().is_ok() && bound.approver().is_ok());
        assert!(bound.require_in(&staging).is_ok() && bound.require_in(&production).is_err());
        assert_eq!(bound.environment(None), Ok(Some(staging)));
        assert!(bound.environment(Some(production.clone())).is_err());
        assert_eq!(someone(Role::Viewer).environment(Some(production.clone())), Ok(Some(production)));
    }

    #[test]
    fn a_denied_token_says_how_to_make_the_right_one() {
        let because = [
            DeniedBecause::OneEnvironment,
            DeniedBecause::AnotherEnvironment,
            DeniedBecause::Nobodys,
            DeniedBecause::NoTraits,
        ];
        for because in because {
            let sentence = Denied { operation: Operation::Administer, because }.to_string();
            assert!(
                sentence.contains("Settings → Tokens") && sentence.contains("fader token create"),
                "{sentence}"
            );
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
