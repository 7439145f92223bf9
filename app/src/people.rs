//! Finding people, and importing them.

pub mod import;
pub mod page;
