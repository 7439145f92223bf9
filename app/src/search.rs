//! What the search page and the command palette find.

mod closeness;
pub mod find;
pub mod page;
