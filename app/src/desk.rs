//! The desk: what needs somebody, and all flags of an environment at a glance.

mod facets;
pub mod filter;
mod needs;
pub mod page;
mod pulse;
mod row;
mod table;
mod toolbar;
