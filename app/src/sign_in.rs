//! Starting and ending a session.

pub mod kept;
pub mod page;
pub mod save;
