//! Members and their roles.

pub mod page;
pub mod save;
