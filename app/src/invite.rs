//! Choosing a password through a link.

pub mod page;
pub mod save;
