//! One test of a condition, as it is edited and stored.

use serde::{Deserialize, Serialize};

use super::operator::Operator;
use crate::AttributeName;

/// One attribute compared with something. A missing attribute fails the test before `negated` is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub attribute: AttributeName,
    pub operator: Operator,
    #[serde(default)]
    pub negated: bool,
    /// For the text and list operators.
    #[serde(default)]
    pub ignore_case: bool,
}
