//! Starting and ending a session.

pub mod page;
pub mod save;
