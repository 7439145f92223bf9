//! Support's page about one person.

mod facts;
mod flags;
mod history;
pub mod page;
pub mod save;
mod sentence;
mod timeline;
pub mod traits;
