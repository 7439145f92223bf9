//! Conditions on attributes: the tree that is edited, the values that are tested, and the tests ready to be run.

mod attribute;
mod comparison;
pub(crate) mod compiled;
mod operator;
mod read;
mod tree;

pub use attribute::{
    AttributeDefinition, AttributeSchema, AttributeType, AttributeValue, Attributes, NotAnAttribute,
};
pub use operator::Operator;
pub use tree::{Condition, DEPTH_MAX, TESTS_MAX, Test};
