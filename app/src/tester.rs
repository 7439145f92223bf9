//! One tester: their pilots, what they have seen, and what can be done about them.

pub mod page;
mod panels;
pub mod save;
