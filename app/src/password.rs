//! Giving one's password again before a change of who may do what.

pub mod ask;
pub mod page;
pub mod save;
