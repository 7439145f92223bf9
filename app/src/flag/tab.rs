//! The tabs of a flag, and where they stand.

use engine::FlagKey;

use crate::page::address;

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
            Self::Rollout => address::flag(flag),
            Self::Feedback => format!("{}/feedback", address::flag(flag)),
            Self::Health => format!("{}/health", address::flag(flag)),
            Self::TryIt => format!("{}/try", address::flag(flag)),
            Self::History => format!("{}/history", address::flag(flag)),
            Self::Settings => format!("{}/settings", address::flag(flag)),
            Self::Exposures => format!("{}/exposures", address::flag(flag)),
            Self::Plan => format!("{}/plan", address::flag(flag)),
            Self::Connect => format!("{}/connect", address::flag(flag)),
        }
    }
}
