//! What an audit entry or an announcement is about.

use std::fmt;

use serde::{Deserialize, Serialize};

engine::words! {
    /// The kinds of things that change.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ObjectKind: serde {
        /// A flag; with an environment: its rollout there.
        Flag = "flag",
        Group = "group",
        Member = "member",
        Token = "token",
        Attribute = "attribute",
        Person = "person",
        Persona = "persona",
        Environment = "environment",
        Workspace = "workspace",
        Feedback = "feedback",
        Metric = "metric",
        Webhook = "webhook",
        /// Who may do what.
        Roles = "roles",
    } else InvalidObjectKind = "there is no such kind of object"
}

impl ObjectKind {
    /// The word in a sentence.
    pub fn noun(self) -> &'static str {
        self.as_str()
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
