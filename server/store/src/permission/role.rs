//! The role table of the product: which role may do what.

use std::fmt;

engine::words! {
    /// What a member is here for; decides what they may do. Each may everything that the ones after it may.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Role: serde {
        Admin = "admin",
        Product = "product",
        Qa = "qa",
        Support = "support",
        Viewer = "viewer",
    } else InvalidRole = "a role is one of admin, product, qa, support, viewer"
}

impl Role {
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

    pub(super) fn roles(self) -> &'static [Role] {
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

    pub(super) fn phrase(self) -> &'static str {
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
