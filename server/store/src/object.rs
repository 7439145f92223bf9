//! What an audit entry or an announcement is about.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The kinds of things that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A flag; with an environment: its rollout there.
    Flag,
    Group,
    Member,
    Token,
    Attribute,
    Person,
    Persona,
    Environment,
    Workspace,
    Feedback,
    Metric,
    Webhook,
}

/// The text names no kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such kind of object")]
pub struct InvalidObjectKind;

impl ObjectKind {
    pub const ALL: [Self; 12] = [
        Self::Flag,
        Self::Group,
        Self::Member,
        Self::Token,
        Self::Attribute,
        Self::Person,
        Self::Persona,
        Self::Environment,
        Self::Workspace,
        Self::Feedback,
        Self::Metric,
        Self::Webhook,
    ];

    /// The word in URLs, exports and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Group => "group",
            Self::Member => "member",
            Self::Token => "token",
            Self::Attribute => "attribute",
            Self::Person => "person",
            Self::Persona => "persona",
            Self::Environment => "environment",
            Self::Workspace => "workspace",
            Self::Feedback => "feedback",
            Self::Metric => "metric",
            Self::Webhook => "webhook",
        }
    }

    /// The word in a sentence.
    pub fn noun(self) -> &'static str {
        self.as_str()
    }

    pub fn parse(text: &str) -> Result<Self, InvalidObjectKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidObjectKind)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ObjectKind {
    type Err = InvalidObjectKind;

    fn from_str(text: &str) -> Result<Self, InvalidObjectKind> {
        Self::parse(text)
    }
}

/// One object: its kind and its key (of members, tokens, personas and feedback: the number).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    pub kind: ObjectKind,
    pub key: String,
}

impl ObjectRef {
    pub fn new(kind: ObjectKind, key: impl Into<String>) -> Self {
        Self { kind, key: key.into() }
    }
}
