//! One act of the guard on a card that whoever never saw Fader can read: what the feature is, what broke, what was done, whom
//! it concerned, and how it stands now.

mod card;
pub mod page;
pub mod shared;
mod text;

use engine::FlagKey;

use crate::page::address;

/// Stands for the newest act, wherever its number is not known.
const LATEST: &str = "latest";

/// Where the guard's newest act on a flag is read.
pub fn latest(flag: &FlagKey) -> String {
    format!("{}/incidents/{LATEST}", address::flag(flag))
}

/// Where an act of the guard is read; `seq` is its audit entry.
pub fn path(flag: &FlagKey, seq: u64) -> String {
    format!("{}/incidents/{seq}", address::flag(flag))
}
