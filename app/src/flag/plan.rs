//! The Plan tab: a release plan, its form, and moving it.

mod controls;
mod editor;
pub mod form;
mod line;
pub mod page;
mod preview;
pub mod save;
pub mod state;
pub mod who;
