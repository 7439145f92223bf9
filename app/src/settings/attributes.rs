//! The attribute schema.

pub mod page;
pub mod save;
