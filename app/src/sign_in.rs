//! Starting and ending a session.

pub mod kept;
pub mod offer;
pub mod page;
pub mod save;
