//! What the workspace measures.

pub mod page;
pub mod save;
