//! The desk: all flags of an environment at a glance.

pub mod counts;
pub mod filter;
pub mod page;
pub mod pulse;
