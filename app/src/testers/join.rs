//! The page behind an invitation for testers.

pub mod page;
pub mod save;
