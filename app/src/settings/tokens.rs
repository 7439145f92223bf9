//! API tokens.

pub mod form;
pub mod page;
pub mod save;
pub mod table;
