//! The audit log: its page, one entry, the export, and reverting.

pub mod entry;
pub mod export;
pub mod log;
pub mod page;
mod query;
pub mod save;
