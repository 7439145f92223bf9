//! How far somebody's permission goes: their role, the role table in force, and where they may count.

use std::sync::Arc;

use engine::EnvironmentKey;

use super::{Denied, DeniedBecause, Operation, Role, RoleTable};

/// Where somebody's operations may count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    Everywhere,
    /// Of a token that is bound to an environment, and of whoever asks about one.
    Only(EnvironmentKey),
}

impl Reach {
    /// Whether it covers what concerns an environment, or (`None`) all of them.
    pub(super) fn covers(&self, environment: Option<&EnvironmentKey>) -> Result<(), Denied> {
        let because = match (self, environment) {
            (Self::Everywhere, _) => return Ok(()),
            (Self::Only(own), Some(asked)) if own == asked => return Ok(()),
            (Self::Only(_), Some(_)) => DeniedBecause::AnotherEnvironment,
            (Self::Only(_), None) => DeniedBecause::OneEnvironment,
        };
        Err(Denied { operation: Operation::View, because })
    }

    pub(super) fn environment(&self) -> Option<&EnvironmentKey> {
        match self {
            Self::Everywhere => None,
            Self::Only(key) => Some(key),
        }
    }
}

/// How far a permission goes. Whoever makes a change carries it, so that the change is asked once more where it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(super) role: Role,
    /// Of a token, its owner's: what both may.
    pub(super) owner: Option<Role>,
    pub(super) table: Arc<RoleTable>,
    pub(super) reach: Reach,
    /// The operation that a proof was made for.
    pub(super) purpose: Option<Operation>,
}

impl Permit {
    pub(super) fn of(role: Role, table: &Arc<RoleTable>) -> Self {
        Self { role, owner: None, table: Arc::clone(table), reach: Reach::Everywhere, purpose: None }
    }

    /// Of the server itself, which asks nobody.
    pub(crate) fn unlimited() -> Self {
        Self::of(Role::Admin, &Arc::default())
    }

    /// The same permission by what holds now: the table in force, and the role of the member whose it is or, of a token,
    /// of its owner.
    pub(crate) fn renew(&mut self, table: Arc<RoleTable>, role: Option<Role>) {
        self.table = table;
        if let Some(role) = role {
            match &mut self.owner {
                Some(owner) => *owner = role,
                None => self.role = role,
            }
        }
    }

    fn roles(&self) -> impl Iterator<Item = Role> {
        std::iter::once(self.role).chain(self.owner)
    }

    /// The one that stands further down the list.
    pub(super) fn last_role(&self) -> Role {
        let rank = |role: &Role| Role::ALL.iter().position(|it| it == role);
        self.roles().max_by_key(rank).unwrap_or(self.role)
    }

    /// Whether the table lets them do it in the environment; whatever they reach.
    pub(super) fn check(
        &self,
        operation: Operation,
        environment: Option<&EnvironmentKey>,
    ) -> Result<(), Denied> {
        let Some(role) = self.roles().find(|role| !self.table.may(*role, operation, environment)) else {
            return Ok(());
        };
        let environment = environment.filter(|_| operation.is_per_environment());
        let who = self.table.who(operation, environment);
        let because = DeniedBecause::Role { role, who, environment: environment.cloned() };
        Err(Denied { operation, because })
    }

    /// Whether the table lets them do it anywhere.
    pub(super) fn check_somewhere(&self, operation: Operation) -> Result<(), Denied> {
        match self.roles().find(|role| !self.table.may_somewhere(*role, operation)) {
            None => Ok(()),
            Some(role) => {
                let who =
                    Role::ALL.into_iter().filter(|it| self.table.may_somewhere(*it, operation)).collect();
                Err(Denied { operation, because: DeniedBecause::Role { role, who, environment: None } })
            }
        }
    }

    /// Refuses what a proof is not good for: where its bearer does not reach, and where the table says no.
    pub(crate) fn covers(&self, environment: Option<&EnvironmentKey>) -> Result<(), Denied> {
        self.reach.covers(environment)?;
        match self.purpose {
            Some(purpose) => self.check(purpose.about(environment.is_some()), environment),
            None => Ok(()),
        }
    }
}
