//! Conditions on attributes: the tree that is edited, the values that are tested, and the tests ready to be run.

mod attribute;
mod comparison;
pub(crate) mod compiled;
mod found;
mod network;
mod operator;
mod read;
mod schema;
mod test;
mod tree;
mod version;

pub use attribute::{AttributeValue, Attributes, NotAnAttribute};
pub use operator::Operator;
pub use read::Written;
pub use schema::{AttributeDefinition, AttributeSchema, AttributeType};
pub use test::Test;
pub use tree::{Condition, DEPTH_MAX, TESTS_MAX};
