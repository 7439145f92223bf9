//! Webhooks.

pub mod page;
pub mod save;
