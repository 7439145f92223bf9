//! Importing people from a table.

pub mod form;
pub mod page;
pub mod save;
