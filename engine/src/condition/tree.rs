//! Conditions on attributes: the tree that is edited and stored, and what can be wrong with it.

use serde::{Deserialize, Serialize};

use super::{comparison::Comparison, operator::Operator, test::Test};
use crate::{AttributeName, Problem};

/// How many levels of branches and tests a condition may have.
pub const DEPTH_MAX: usize = 8;
pub const TESTS_MAX: usize = 200;
pub const VALUES_MAX: usize = 1000;
pub const TEST_VALUE_CHARS_MAX: usize = 1000;

/// A condition tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Test),
}

impl Condition {
    /// Everything that is wrong with the tree on its own; empty when it can be saved.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check(&mut problems);
        problems
    }

    /// Adds everything that is wrong with the tree to `problems`.
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        let (mut tests, mut too_deep, mut empty) = (0, false, false);
        self.visit(1, &mut |node, depth| {
            too_deep |= depth > DEPTH_MAX;
            match node {
                Self::All(nodes) | Self::Any(nodes) => empty |= nodes.is_empty(),
                Self::Not(_) => {}
                Self::Test(test) => {
                    tests += 1;
                    if tests <= TESTS_MAX {
                        test.check(problems);
                    }
                }
            }
        });
        if empty {
            problems.push(Problem::EmptyBranch);
        }
        if too_deep {
            problems.push(Problem::TooDeep { max: DEPTH_MAX });
        }
        if tests > TESTS_MAX {
            problems.push(Problem::TooManyTests { max: TESTS_MAX });
        }
    }

    /// Every attribute that the tree tests, with repeats.
    pub fn attributes(&self) -> Vec<&AttributeName> {
        let mut names = Vec::new();
        self.collect_attributes(&mut names);
        names
    }

    fn collect_attributes<'a>(&'a self, names: &mut Vec<&'a AttributeName>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                for node in nodes {
                    node.collect_attributes(names);
                }
            }
            Self::Not(node) => node.collect_attributes(names),
            Self::Test(test) => names.push(&test.attribute),
        }
    }

    /// Calls `f` with every node and its depth, down to the first level that is too deep.
    fn visit(&self, depth: usize, f: &mut impl FnMut(&Self, usize)) {
        f(self, depth);
        if depth > DEPTH_MAX {
            return;
        }
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                for node in nodes {
                    node.visit(depth + 1, f);
                }
            }
            Self::Not(node) => node.visit(depth + 1, f),
            Self::Test(_) => {}
        }
    }
}

impl Test {
    fn check(&self, problems: &mut Vec<Problem>) {
        let attribute = || self.attribute.clone();
        let texts = self.operator.texts();
        if texts.len() > VALUES_MAX {
            problems.push(Problem::TooManyValues { attribute: attribute(), max: VALUES_MAX });
        }
        if texts.iter().any(|text| text.chars().count() > TEST_VALUE_CHARS_MAX) {
            problems.push(Problem::TestValueTooLong { attribute: attribute(), max: TEST_VALUE_CHARS_MAX });
        }
        match &self.operator {
            Operator::OneOf(values)
            | Operator::InNetwork(values)
            | Operator::ContainsAny(values)
            | Operator::ContainsAll(values)
                if values.is_empty() =>
            {
                problems.push(Problem::NoValues { attribute: attribute() });
            }
            // Nothing typed would match everyone who has the attribute.
            Operator::Contains(part)
            | Operator::StartsWith(part)
            | Operator::EndsWith(part)
            | Operator::Matches(part)
                if part.is_empty() =>
            {
                problems.push(Problem::NoValues { attribute: attribute() });
            }
            Operator::Between { low, high } if low > high => {
                problems.push(Problem::BoundsSwapped { attribute: attribute() });
            }
            _ => problems.extend(Comparison::new(self).err()),
        }
    }
}
