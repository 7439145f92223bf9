//! The tabs of a flag, and where they stand.

use engine::FlagKey;

/// The tabs of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Rollout,
    Feedback,
    Health,
    TryIt,
    History,
    Settings,
    Exposures,
    Plan,
    Connect,
}

impl Tab {
    pub const ALL: [Self; 9] = [
        Self::Rollout,
        Self::Plan,
        Self::Health,
        Self::Feedback,
        Self::Exposures,
        Self::TryIt,
        Self::Connect,
        Self::History,
        Self::Settings,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::Feedback => "Feedback",
            Self::Health => "Health",
            Self::TryIt => "Try it",
            Self::History => "History",
            Self::Settings => "Settings",
            Self::Exposures => "Exposures",
            Self::Plan => "Plan",
            Self::Connect => "Connect",
        }
    }

    pub fn path(self, flag: &FlagKey) -> String {
        match self {
            Self::Rollout => format!("/flags/{flag}"),
            Self::Feedback => format!("/flags/{flag}/feedback"),
            Self::Health => format!("/flags/{flag}/health"),
            Self::TryIt => format!("/flags/{flag}/try"),
            Self::History => format!("/flags/{flag}/history"),
            Self::Settings => format!("/flags/{flag}/settings"),
            Self::Exposures => format!("/flags/{flag}/exposures"),
            Self::Plan => format!("/flags/{flag}/plan"),
            Self::Connect => format!("/flags/{flag}/connect"),
        }
    }
}
