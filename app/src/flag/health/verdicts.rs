//! What the guard said and did, newest first, each with its evidence.

use engine::RuleId;
use leptos::prelude::*;
use store::{Consequence, VerdictRow};

use super::tone::{tone, word};
use crate::{
    page::here::here,
    ui::{badge::Badge, empty::Empty, time},
};

/// What was done, as the end of a sentence.
pub fn phrase(taken: Consequence) -> &'static str {
    match taken {
        Consequence::Notified => "it told you",
        Consequence::PlanPaused => "it paused the plan",
        Consequence::SteppedBack => "it stepped back",
        Consequence::Stopped => "it stopped the flag",
        Consequence::PlanAdvanced => "it went on to the next step",
        Consequence::PlanFinished => "it finished the plan",
    }
}

pub fn view(verdicts: &[VerdictRow], name: &dyn Fn(&RuleId) -> String) -> impl IntoView + use<> {
    if verdicts.is_empty() {
        let text = "Every change of the guard's mind will stand here with its evidence.";
        return view! { <Empty title="No verdicts yet" text=text /> }.into_any();
    }
    let now_ms = here().now_ms;
    let rows: Vec<_> = verdicts.iter().map(|verdict| row(verdict, name(&verdict.rule), now_ms)).collect();
    view! {
        <section class="card stack" aria-labelledby="verdicts-title">
            <h2 id="verdicts-title">"What the guard said"</h2>
            <ol class="verdicts">{rows}</ol>
        </section>
    }
    .into_any()
}

fn row(verdict: &VerdictRow, rule: String, now_ms: i64) -> impl IntoView + use<> {
    let taken = verdict.taken.map(|taken| {
        let phrase = crate::form::error::as_sentence(phrase(taken));
        view! { " "<b>{phrase}</b> }
    });
    let evidence: Vec<_> = verdict
        .judgement
        .evidence
        .iter()
        .map(|evidence| view! { <li>{evidence.sentence()}"."</li> })
        .collect();
    view! {
        <li data-key=verdict.id.to_string()>
            <p>
                <Badge tone=tone(verdict.health) text=word(verdict.health) />
                " "
                {verdict.sentence.clone()}
                {taken}
            </p>
            <p class="note">{rule}", "{time::ago(now_ms, verdict.at_ms)}</p>
            <details>
                <summary class="note">"Evidence"</summary>
                <ul>{evidence}</ul>
            </details>
        </li>
    }
}
