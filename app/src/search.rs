//! What the search page and the command palette find.

mod closeness;
mod command;
pub mod find;
mod hit;
mod keys;
mod ours;
pub mod page;
pub mod palette;
pub mod recent;
