//! What the command palette finds while somebody types.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

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

/// The best hits in one environment.
#[server(prefix = "/call", endpoint = "find")]
pub async fn find(environment: String, query: String) -> Result<Vec<Hit>, AppError> {
    let page = crate::backend::require_page(&environment)?;
    crate::find::find(&page, &query)
}
