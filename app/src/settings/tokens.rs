//! API tokens.

mod form;
pub mod page;
pub mod save;
mod table;
