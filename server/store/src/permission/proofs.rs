//! What a check returns: who holds one may do what its name says. Operations take them by name.

use std::{ops::Deref, sync::Arc};

use super::{
    Denied, DeniedBecause, Operation, Principal, RequestOrigin, Role, RoleTable, TokenAuthority, TokenRights,
};

macro_rules! proof {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub(super) Principal);

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
proof!(/// May create and change flags and groups, or what an environment does with a flag; the table is asked once more where
    /// the change counts.
    FlagEditor);
proof!(/// May stop a flag.
    Stopper);
proof!(/// May enrol and remove testers, or exclude them from a flag in an environment.
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
pub struct RecentAdministrator(pub(super) Administrator);

impl Deref for RecentAdministrator {
    type Target = Administrator;

    fn deref(&self) -> &Administrator {
        &self.0
    }
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
pub struct PeopleWriter(pub(super) Principal);

impl PeopleWriter {
    /// Of a server token that was granted it, or of a management token by its role and where it counts. People are the
    /// same in every environment.
    pub(crate) fn of_authority(
        token: TokenAuthority,
        table: &Arc<RoleTable>,
        origin: RequestOrigin,
    ) -> Result<Self, Denied> {
        let denied = |because| Denied { operation: Operation::Administer, because };
        match token.rights {
            // The role is never asked: this proof is good for nothing but storing people.
            TokenRights::Server { stores_people: true } => {
                Ok(Self(Principal::new((token.id, token.name, String::new()), Role::Viewer, table, origin)))
            }
            TokenRights::Server { stores_people: false } => Err(denied(DeniedBecause::NoTraits)),
            TokenRights::Client => Err(denied(DeniedBecause::ClientToken)),
            TokenRights::Manages(_) => match Principal::of_authority(token, table, origin) {
                Some(principal) => principal.people_writer(),
                None => Err(denied(DeniedBecause::Nobodys)),
            },
        }
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.0
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

/// How much of the audit log somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditScope {
    Whole,
    /// The entries of flags and groups, and what they did themselves; of people and their feedback where they may look
    /// people up.
    Seen {
        people: bool,
    },
}

/// May read the audit log: all of it, or what its scope says.
#[derive(Debug, Clone)]
pub struct AuditReader {
    principal: Principal,
    scope: AuditScope,
}

impl AuditReader {
    pub(super) fn new(principal: Principal, scope: AuditScope) -> Self {
        Self { principal, scope }
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn scope(&self) -> AuditScope {
        self.scope
    }
}

impl Deref for AuditReader {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}
