//! Whom a request comes from: numbers, and where it came from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A member's number. [`UserId::COMMAND_LINE`] stands for whoever runs the binary on the database; negative numbers for
/// management tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(i64);

impl UserId {
    pub const COMMAND_LINE: Self = Self(0);

    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A session's number: not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(i64);

impl SessionId {
    pub(crate) const fn new(id: i64) -> Self {
        Self(id)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A key that was taken for one request. Changes that are made in its name need it to be theirs still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceClaim {
    pub(crate) token: i64,
    pub(crate) key: String,
    pub(crate) mark: String,
}

/// Where a request came from; kept in the audit log, but for its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    pub request_id: String,
    pub address: String,
    /// The key in whose name it is made once, where it has one.
    pub once: Option<Box<OnceClaim>>,
}

impl RequestOrigin {
    /// What is not asked for over HTTP.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), ..Self::default() }
    }
}
