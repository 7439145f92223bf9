//! The first visit: making the first admin.

pub mod page;
pub mod save;
