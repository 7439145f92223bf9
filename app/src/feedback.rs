//! What users tell: the inbox, one item, and what it adds up to.

mod card;
mod charts;
pub mod item;
pub mod new;
pub mod page;
pub mod query;
pub mod save;
mod summary;
