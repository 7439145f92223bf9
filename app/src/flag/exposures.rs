//! The Exposures tab: who was served the flag.

pub mod export;
pub mod page;
mod query;
