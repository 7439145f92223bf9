//! Support's page about one person.

pub mod facts;
pub mod flags;
pub mod history;
pub mod page;
pub mod save;
pub mod sentence;
pub mod timeline;
