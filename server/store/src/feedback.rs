//! What users tell about what they saw, and complaints that support logs for them. Text from users is data: limited,
//! cleaned of control characters, never part of an audit entry, so that it can be erased.

mod day;
mod decided;
mod inbox;
mod item;
mod record;
mod retention;
mod summary;
mod triage;
mod untriaged;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub(crate) use inbox::newest;
pub use inbox::{FeedbackFilter, Handler};
pub use item::{Feedback, Saw};
pub use record::{NewComplaint, NewFeedback, Recorded};
pub use summary::{TrendPoint, VariantSummary};
pub use triage::Triage;
pub use untriaged::Untriaged;

/// An item's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedbackId(i64);

impl FeedbackId {
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for FeedbackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FeedbackId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

engine::words! {
    /// Who told it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum FeedbackSource: serde {
        User = "user",
        /// Support, for a person: a complaint.
        Support = "support",
    } else InvalidFeedbackSource = "feedback comes from a user or from support"
}

engine::words! {
    /// Whether the user got done what they came for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Completed: serde {
        Yes = "yes",
        Partly = "partly",
        No = "no",
    } else InvalidCompleted = "completed is one of yes, partly, no"
}

engine::words! {
    /// What the user ticked.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum FeedbackKind: serde {
        Confusing = "confusing",
        Broken = "broken",
        Slow = "slow",
        Love = "love",
    } else InvalidFeedbackKind = "a kind is one of confusing, broken, slow, love"
}

engine::words! {
    /// What became of an item.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum TriageState: serde {
        New = "new",
        Looking = "looking",
        Resolved = "resolved",
        WontFix = "wont_fix",
    } else InvalidTriageState = "there is no such state of feedback"
}

/// One to five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Rating(u8);

/// The number is no rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rating is a whole number from 1 to 5")]
pub struct InvalidRating;

impl Rating {
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    pub fn get(self) -> u8 {
        self.0
    }

    /// Rated so low that it counts as a complaint.
    pub fn is_low(self) -> bool {
        self.0 <= 2
    }
}

impl TryFrom<i64> for Rating {
    type Error = InvalidRating;

    fn try_from(number: i64) -> Result<Self, InvalidRating> {
        Self::ALL.into_iter().find(|it| i64::from(it.0) == number).ok_or(InvalidRating)
    }
}

impl From<Rating> for i64 {
    fn from(rating: Rating) -> Self {
        rating.0.into()
    }
}

impl FromStr for Rating {
    type Err = InvalidRating;

    fn from_str(text: &str) -> Result<Self, InvalidRating> {
        Self::try_from(text.parse::<i64>().map_err(|_| InvalidRating)?)
    }
}
