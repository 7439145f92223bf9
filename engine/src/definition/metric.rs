//! What a workspace measures: each metric's kind, unit and direction.

use serde::{Deserialize, Serialize};

use crate::MetricKey;

crate::words! {
    /// What a metric is made of.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum MetricKind: serde {
        ErrorRate = "error_rate",
        Latency = "latency",
        Conversion = "conversion",
        Crashes = "crashes",
        Complaints = "complaints",
        /// Exposures that no outcome followed; counted by the server itself, never sent.
        MissingOutcome = "missing_outcome",
        /// A workspace's own: it happened or not.
        Rate = "rate",
        /// A workspace's own: milliseconds.
        Duration = "duration",
        /// A workspace's own: how often, or how much.
        Count = "count",
    }
}

/// How outcomes of a metric become trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counts {
    /// A trial is a subject in a minute in which it reported something.
    Requests,
    /// The first duration of a subject in a minute.
    Durations,
    /// A trial is an exposed subject; the event may follow within half an hour, once.
    Exposed,
    /// A trial is an exposed subject; there may be several events.
    ExposedMany,
    /// A trial is an exposed subject and minute; the event is that no outcome followed.
    Unanswered,
}

impl MetricKind {
    /// What a workspace can define itself.
    pub const CUSTOM: [Self; 3] = [Self::Rate, Self::Duration, Self::Count];

    /// Every workspace has one of each of these, under the kind's own word.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::ErrorRate
            | Self::Latency
            | Self::Conversion
            | Self::Crashes
            | Self::Complaints
            | Self::MissingOutcome => true,
            Self::Rate | Self::Duration | Self::Count => false,
        }
    }

    pub const fn counts(self) -> Counts {
        match self {
            Self::ErrorRate | Self::Crashes | Self::Rate => Counts::Requests,
            Self::Latency | Self::Duration => Counts::Durations,
            Self::Conversion => Counts::Exposed,
            Self::Complaints | Self::Count => Counts::ExposedMany,
            Self::MissingOutcome => Counts::Unanswered,
        }
    }
}

/// A metric of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricDefinition {
    pub key: MetricKey,
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub kind: MetricKind,
    /// Behind numbers: `%`, `ms`, `€`.
    #[serde(default)]
    pub unit: String,
    /// Errors and delays; otherwise more is better, as of conversions.
    pub lower_is_better: bool,
}

impl MetricDefinition {
    /// Whether an outcome that went well, or not, is the event that this rate counts: what is bad where lower is
    /// better, what is good elsewhere.
    pub const fn is_event(&self, ok: bool) -> bool {
        ok != self.lower_is_better
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_from_their_words() {
        for kind in MetricKind::ALL {
            assert_eq!(MetricKind::parse(kind.as_str()), Ok(kind));
            assert_eq!(kind.is_built_in(), !MetricKind::CUSTOM.contains(&kind));
        }
        assert!(MetricKind::parse("p95").is_err());
    }
}
