//! What users tell: the inbox, one item, and what it adds up to.

pub mod card;
pub mod charts;
pub mod item;
pub mod new;
pub mod page;
pub mod query;
pub mod save;
pub mod summary;
