//! Whose word a guardrail takes. A server is trusted; a browser proves with a receipt what it was answered, and yet
//! anybody can be a browser.

use serde::{Deserialize, Serialize};

use super::definition::{GuardAction, Metric};

crate::words! {
    /// What a guardrail counts: outcomes, and the exposures that they follow.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Accepts: serde {
        /// Only what servers told.
        Servers = "servers",
        /// And what browsers told with a receipt.
        ServersAndBrowsers = "servers_and_browsers",
    }
}

impl Accepts {
    /// Who takes the feature away from everybody should not listen to anybody; a warning may.
    pub const fn usual_for(action: GuardAction) -> Self {
        if action.reduces() { Self::Servers } else { Self::ServersAndBrowsers }
    }

    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Servers => "servers only",
            Self::ServersAndBrowsers => "servers and proved browsers",
        }
    }

    /// Evidence of before anybody could choose rests on both.
    pub(super) const fn of_before() -> Self {
        Self::ServersAndBrowsers
    }
}

/// A metric as those tell it whose word counts: guardrails with the same one fold the same cells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    pub metric: Metric,
    pub accepts: Accepts,
}
