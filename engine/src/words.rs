//! Definitions, differences and explanations in the words that people read.

mod diff;
mod hint;
mod moved;
mod narrate;
mod noun;
pub(crate) mod sentence;

pub use diff::{Change, flag_changes, group_changes, rollout_changes};
pub use hint::{group_name, hints};
pub use moved::move_reason;
pub use noun::{counted, with_article};
pub use sentence::{attributes_phrase, audience_phrase, condition_phrase, rollout_phrase};
