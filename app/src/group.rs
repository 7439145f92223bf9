//! Pilot groups: the list, one group with the people who meet it, and its form.

pub mod form;
pub mod head;
mod history;
mod impact;
pub mod list;
pub mod page;
mod panels;
mod preview;
pub mod save;
