//! A judgement as a word with a tone.

use engine::guardrail::{Health, Judgement};

use crate::ui::badge::Tone;

/// That no application asks is news for whoever made the flag, and no reason for alarm.
pub fn of(judgement: &Judgement) -> (Tone, &'static str) {
    if judgement.is_unasked() { UNASKED } else { (tone(judgement.health), word(judgement.health)) }
}

pub const UNASKED: (Tone, &str) = (Tone::Neutral, "Not asked yet");

pub fn tone(health: Health) -> Tone {
    match health {
        Health::Healthy => Tone::Good,
        Health::Watching => Tone::Neutral,
        Health::Inconclusive => Tone::Warning,
        Health::Breach => Tone::Danger,
    }
}

pub fn word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "Healthy",
        Health::Watching => "Watching",
        Health::Inconclusive => "Inconclusive",
        Health::Breach => "Breach",
    }
}
