//! The Rollout tab: the bank of faders, its form, and saving it.

mod bank;
pub mod details;
mod exceptions;
pub mod form;
pub mod intent;
pub mod merge;
pub mod more;
pub mod page;
pub mod rule;
pub mod save;
pub mod strip;
