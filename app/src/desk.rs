//! The desk: all flags of an environment at a glance.

mod counts;
mod filter;
pub mod page;
mod pulse;
