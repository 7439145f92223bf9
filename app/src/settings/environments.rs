//! The environments, and how long their ledgers are kept.

pub mod page;
pub mod save;
