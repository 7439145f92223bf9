//! One's own account: password, sessions, light or dark.

pub mod page;
pub mod save;
pub mod theme;
