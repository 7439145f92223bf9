//! The Settings tab: the flag's definition, and the corner of things that cannot be missed.

pub mod form;
pub mod page;
pub mod save;
