//! A judgement as a word with a tone.

use engine::guardrail::Health;

use crate::ui::badge::Tone;

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
