//! Support's page about one person.

pub mod changed;
mod customer;
mod facts;
mod flags;
mod history;
pub mod page;
mod report;
pub mod save;
mod tell;
mod timeline;
pub mod traits;
