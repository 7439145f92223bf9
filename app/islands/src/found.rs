//! What a search finds, as it travels to the palette.

use serde::{Deserialize, Serialize};

/// One line of the palette and of the search page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub kind: HitKind,
    pub title: String,
    pub detail: String,
    pub href: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HitKind {
    Flag,
    Group,
    Page,
    Action,
    Person,
}

impl HitKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Flag => "Flag",
            Self::Group => "Group",
            Self::Page => "Page",
            Self::Action => "Action",
            Self::Person => "Person",
        }
    }

    /// Part of Fader itself rather than of the workspace.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Page | Self::Action)
    }
}
