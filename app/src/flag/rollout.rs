//! The Rollout tab: the bank of faders, its form, and saving it.

pub mod details;
pub mod form;
pub mod intent;
pub mod merge;
pub mod more;
pub mod page;
pub mod rule;
pub mod save;
pub mod strip;
