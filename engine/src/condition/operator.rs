//! How a test compares an attribute, as it is edited and stored.

use serde::{Deserialize, Serialize};

use super::schema::AttributeType;
use crate::Number;

/// How the attribute is compared. Dates are RFC 3339 or `2026-03-01` (midnight UTC); without an offset they are in UTC. `now`, `30 days
/// ago` and `in 12 hours` move with the clock of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operator {
    Equals(String),
    OneOf(Vec<String>),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    /// An IP address in one of these networks: `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    InNetwork(Vec<String>),
    /// A regular expression found anywhere in the text; linear time, so no look-around or back-references.
    Matches(String),
    NumberEquals(Number),
    LessThan(Number),
    AtMost(Number),
    GreaterThan(Number),
    AtLeast(Number),
    /// Both bounds included.
    Between {
        low: Number,
        high: Number,
    },
    Is(bool),
    ContainsAny(Vec<String>),
    ContainsAll(Vec<String>),
    Before(String),
    After(String),
    VersionEquals(String),
    VersionBelow(String),
    VersionAtMost(String),
    VersionAbove(String),
    VersionAtLeast(String),
    Exists,
}

impl Operator {
    /// Whether `ignore_case` means something to it.
    pub fn has_case(&self) -> bool {
        matches!(self.attribute_type(), Some(AttributeType::Text | AttributeType::List))
            && !matches!(self, Self::InNetwork(_))
    }

    /// The attribute type the operator is for; `None` for any.
    pub fn attribute_type(&self) -> Option<AttributeType> {
        match self {
            Self::Equals(_)
            | Self::OneOf(_)
            | Self::Contains(_)
            | Self::StartsWith(_)
            | Self::EndsWith(_)
            | Self::InNetwork(_)
            | Self::Matches(_) => Some(AttributeType::Text),
            Self::NumberEquals(_)
            | Self::LessThan(_)
            | Self::AtMost(_)
            | Self::GreaterThan(_)
            | Self::AtLeast(_)
            | Self::Between { .. } => Some(AttributeType::Number),
            Self::Is(_) => Some(AttributeType::Boolean),
            Self::ContainsAny(_) | Self::ContainsAll(_) => Some(AttributeType::List),
            Self::Before(_) | Self::After(_) => Some(AttributeType::Date),
            Self::VersionEquals(_)
            | Self::VersionBelow(_)
            | Self::VersionAtMost(_)
            | Self::VersionAbove(_)
            | Self::VersionAtLeast(_) => Some(AttributeType::Semver),
            Self::Exists => None,
        }
    }

    /// The texts it compares with.
    pub(crate) fn texts(&self) -> &[String] {
        match self {
            Self::Equals(text)
            | Self::Contains(text)
            | Self::StartsWith(text)
            | Self::EndsWith(text)
            | Self::Matches(text)
            | Self::Before(text)
            | Self::After(text)
            | Self::VersionEquals(text)
            | Self::VersionBelow(text)
            | Self::VersionAtMost(text)
            | Self::VersionAbove(text)
            | Self::VersionAtLeast(text) => std::slice::from_ref(text),
            Self::OneOf(texts)
            | Self::InNetwork(texts)
            | Self::ContainsAny(texts)
            | Self::ContainsAll(texts) => texts,
            Self::NumberEquals(_)
            | Self::LessThan(_)
            | Self::AtMost(_)
            | Self::GreaterThan(_)
            | Self::AtLeast(_)
            | Self::Between { .. }
            | Self::Is(_)
            | Self::Exists => &[],
        }
    }
}
