//! What the search page and the command palette find.

pub mod closeness;
pub mod find;
pub mod page;
