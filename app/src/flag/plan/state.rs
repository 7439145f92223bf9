//! Where a plan stands, as a word with a tone.

use engine::plan::PlanState;

use crate::{form::error::as_sentence, ui::badge::Tone};

pub const fn is_ended(state: &PlanState) -> bool {
    matches!(state, PlanState::Finished { .. } | PlanState::Abandoned { .. })
}

pub fn state_badge(state: &PlanState) -> (Tone, &'static str) {
    match state {
        PlanState::Draft => (Tone::Neutral, "Not started"),
        PlanState::Scheduled { .. } => (Tone::Accent, "Scheduled"),
        PlanState::Running { .. } => (Tone::Accent, "Running"),
        PlanState::Paused { .. } => (Tone::Warning, "Paused"),
        PlanState::Holding { .. } => (Tone::Warning, "Holding"),
        PlanState::Finished { .. } => (Tone::Good, "Finished"),
        PlanState::Abandoned { .. } => (Tone::Neutral, "Abandoned"),
        PlanState::RolledBack { .. } => (Tone::Danger, "Rolled back"),
    }
}

/// A sentence that stands beside the badge `word`, without saying the word again: `At step 1 of 3 by Ada.`
pub fn beside_badge(word: &str, sentence: &str) -> String {
    let rest = sentence.strip_prefix(word).filter(|rest| rest.starts_with([' ', '.', ':']));
    match rest.map(|rest| rest.trim_start_matches([' ', '.', ':'])) {
        None => sentence.to_owned(),
        Some("") => String::new(),
        Some(rest) => as_sentence(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_and_its_sentence_say_a_word_once() {
        assert_eq!(beside_badge("Not started", "Not started."), "");
        assert_eq!(beside_badge("Paused", "Paused at step 1 of 3 by Ada."), "At step 1 of 3 by Ada.");
        assert_eq!(beside_badge("Running", "At step 1 of 3."), "At step 1 of 3.");
        assert_eq!(beside_badge("Pause", "Paused at step 1 of 3."), "Paused at step 1 of 3.");
    }
}
