//! The condition builder: conditions as texts, the fields in which they are written, and what can be suggested there.

pub mod builder;
mod counts;
pub mod form;
mod operator;
mod posted;
mod row;
mod tree;
pub mod vocabulary;
