//! The Rollout tab: the bank of faders, its form, and saving it.

mod bank;
mod details;
mod exceptions;
pub mod form;
pub mod intent;
mod merge;
mod more;
mod new_group;
pub mod page;
mod picker;
mod rule;
pub mod save;
mod strip;
pub mod tester;
