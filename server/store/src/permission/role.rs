//! Roles, and the operations that the role table decides about.

use std::fmt;

engine::words! {
    /// What a member is here for; decides what they may do, by the [`super::RoleTable`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Role: serde {
        Admin = "admin",
        Product = "product",
        Qa = "qa",
        Support = "support",
        Viewer = "viewer",
    } else InvalidRole = "a role is one of admin, product, qa, support, viewer"
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

engine::words! {
    /// A line of the role table.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Operation: serde {
        View = "view",
        /// Flags and groups as they are in every environment.
        EditFlags = "edit_flags",
        /// What one environment does with a flag: its rollout, its plan, its guardrails.
        RollOut = "roll_out",
        Stop = "stop",
        /// Into groups, which every environment shares.
        Enrol = "enrol",
        /// Keep a tester from a flag, or show them a variant, in one environment.
        Exclude = "exclude",
        ReadPeople = "read_people",
        /// Log complaints, triage feedback.
        HandleFeedback = "handle_feedback",
        /// Approve changes of production that somebody else proposed.
        Approve = "approve",
        /// The entries of the audit log about flags, groups and people.
        ReadTrail = "read_trail",
        /// The whole audit log.
        ReadAudit = "read_audit",
        Administer = "administer",
    }
}

impl Operation {
    /// Whether each environment has its own answer. The others are the same everywhere.
    pub fn is_per_environment(self) -> bool {
        match self {
            Self::RollOut | Self::Stop | Self::Exclude | Self::Approve => true,
            Self::View
            | Self::EditFlags
            | Self::Enrol
            | Self::ReadPeople
            | Self::HandleFeedback
            | Self::ReadTrail
            | Self::ReadAudit
            | Self::Administer => false,
        }
    }

    /// What it takes to do with this proof what is about one environment, or (`false`) about all of them.
    pub(super) fn about(self, one_environment: bool) -> Self {
        match (self, one_environment) {
            (Self::EditFlags | Self::RollOut, true) => Self::RollOut,
            (Self::EditFlags | Self::RollOut, false) => Self::EditFlags,
            (Self::Enrol | Self::Exclude, true) => Self::Exclude,
            (Self::Enrol | Self::Exclude, false) => Self::Enrol,
            (other, _) => other,
        }
    }

    /// The roles that may until an admin changes the table.
    pub(super) fn defaults(self) -> &'static [Role] {
        match self {
            Self::View => &Role::ALL,
            Self::EditFlags | Self::RollOut | Self::Enrol | Self::Exclude | Self::ReadAudit => {
                &[Role::Admin, Role::Product, Role::Qa]
            }
            Self::Stop | Self::ReadPeople | Self::HandleFeedback | Self::ReadTrail => {
                &[Role::Admin, Role::Product, Role::Qa, Role::Support]
            }
            Self::Approve => &[Role::Admin, Role::Product],
            Self::Administer => &[Role::Admin],
        }
    }

    /// `stop flags`: after "may" and "does not allow you to".
    pub fn phrase(self) -> &'static str {
        match self {
            Self::View => "see flags, groups and their history",
            Self::EditFlags => "create and edit flags and groups",
            Self::RollOut => "change rollouts, plans and guardrails of flags, or resume them",
            Self::Stop => "stop a flag",
            Self::Enrol => "enrol, invite and remove testers",
            Self::Exclude => "exclude testers from a flag, or make previews",
            Self::ReadPeople => "look people up, and what they were served",
            Self::HandleFeedback => "log complaints and triage feedback",
            Self::Approve => "approve what somebody else proposed",
            Self::ReadTrail => "read the audit entries of flags, groups and people",
            Self::ReadAudit => "read and export the whole audit log",
            Self::Administer => {
                "manage members, roles, tokens, environments, attributes, webhooks and defaults, or store and erase people"
            }
        }
    }
}
