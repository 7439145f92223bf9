//! One channel of the mixing desk, small: how far a rule is open.

use engine::Percentage;
use leptos::prelude::*;

const HEIGHT: f64 = 28.0;
const CAP: f64 = 6.0;

/// An upright fader. `muted` keeps the position and takes the colour: a stopped flag keeps its percentages.
pub fn mini_fader(percentage: Percentage, muted: bool) -> impl IntoView {
    let travel = HEIGHT - CAP;
    let top = travel * (1.0 - percentage.as_f64() / 100.0);
    let middle = top + CAP / 2.0;
    let state = match (muted, percentage) {
        (true, _) => "muted",
        (false, Percentage::NONE) => "closed",
        (false, _) => "open",
    };
    view! {
        <svg class="mini-fader" data-state=state viewBox="0 0 14 28" width="14" height="28" aria-hidden="true">
            <path class="track" d="M7 1v26" />
            <path class="level" d=format!("M7 27V{middle:.1}") />
            <rect class="cap" x="1" y=format!("{top:.1}") width="12" height="6" rx="1.5" />
            <path class="line" d=format!("M4 {middle:.1}h6") />
        </svg>
    }
}
