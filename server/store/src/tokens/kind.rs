//! Who holds a token, and where it counts.

use std::fmt;

use engine::EnvironmentKey;

use crate::Role;

/// Who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A backend: may send every attribute.
    Server,
    /// A browser: trusted attributes that it sends are ignored.
    Client,
    /// A program that manages Fader through REST, with the permissions of a role. It does not evaluate.
    Admin(Role),
}

impl TokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Admin(_) => "admin",
        }
    }

    /// `role` counts for `admin` only, which needs one.
    pub fn parse(text: &str, role: Option<&str>) -> Option<Self> {
        match text {
            "server" => Some(Self::Server),
            "client" => Some(Self::Client),
            "admin" => Role::parse(role?).ok().map(Self::Admin),
            _ => None,
        }
    }

    /// Whose permissions it has, if it manages anything.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Server | Self::Client => None,
            Self::Admin(role) => Some(role),
        }
    }
}

/// Where a token counts. `Display` is how sentences name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenScope {
    /// What concerns this environment, and nothing else.
    Environment(EnvironmentKey),
    /// Every environment, and what they share: people, groups, defaults. For management tokens.
    Workspace,
}

impl TokenScope {
    pub fn environment(&self) -> Option<&EnvironmentKey> {
        match self {
            Self::Environment(key) => Some(key),
            Self::Workspace => None,
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(key) => key.fmt(f),
            Self::Workspace => f.write_str("the whole workspace"),
        }
    }
}

impl From<EnvironmentKey> for TokenScope {
    fn from(key: EnvironmentKey) -> Self {
        Self::Environment(key)
    }
}
