//! Pilot groups: the list, one group with the people who meet it, and its form.

pub mod form;
pub mod head;
pub mod history;
pub mod list;
pub mod page;
pub mod panels;
pub mod preview;
pub mod save;
