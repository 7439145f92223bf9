//! The desk: all flags of an environment at a glance.

mod filter;
pub mod page;
mod pulse;
mod row;
