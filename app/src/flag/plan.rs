//! The Plan tab: a release plan, its form, and moving it.

pub mod controls;
pub mod editor;
pub mod form;
pub mod line;
pub mod page;
pub mod preview;
pub mod save;
pub mod state;
