//! Where a plan stands, as a word with a tone.

use engine::plan::PlanState;

use crate::ui::badge::Tone;

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
