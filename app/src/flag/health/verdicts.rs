//! What the guard said and did, folded: each sentence once, with when and of whom it was said, and its evidence.

use engine::{FlagKey, RuleId, guardrail::Health};
use leptos::prelude::*;
use store::{Consequence, VerdictRow};

use super::{
    said::Said,
    tone::{tone, word},
};
use crate::{
    flag::incident,
    form::error::as_sentence,
    page::here::here,
    ui::{badge::Badge, time},
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

/// The same words, whenever they were said; the newest first.
struct Group<'a> {
    sentence: &'a str,
    health: Health,
    verdicts: Vec<&'a VerdictRow>,
}

fn groups(verdicts: &[VerdictRow]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for verdict in verdicts {
        match groups.iter_mut().find(|it| it.sentence == verdict.sentence && it.health == verdict.health) {
            Some(group) => group.verdicts.push(verdict),
            None => groups.push(Group {
                sentence: &verdict.sentence,
                health: verdict.health,
                verdicts: vec![verdict],
            }),
        }
    }
    groups
}

pub fn view(
    flag: &FlagKey,
    verdicts: &[VerdictRow],
    name: &dyn Fn(&RuleId) -> String,
    said: &Said,
) -> Option<impl IntoView + use<>> {
    let rows: Vec<_> = groups(verdicts).iter().map(|group| row(flag, group, name, said)).collect();
    let count = engine::counted(verdicts.len() as u64, "verdict");
    (!rows.is_empty()).then(|| {
        view! {
            <details class="card fold" id="health-verdicts">
                <summary><b>"What the guard said"</b>" "<small>{count}</small></summary>
                <ol class="verdicts">{rows}</ol>
            </details>
        }
    })
}

fn row(
    flag: &FlagKey,
    group: &Group<'_>,
    name: &dyn Fn(&RuleId) -> String,
    said: &Said,
) -> impl IntoView + use<> {
    let now_ms = here().now_ms;
    let times: Vec<_> = group
        .verdicts
        .iter()
        .map(|verdict| {
            let taken = verdict.taken.map(|taken| done(flag, verdict, taken));
            view! { <li>{name(&verdict.rule)}", "{time::ago(now_ms, verdict.at_ms)}{taken}</li> }
        })
        .collect();
    let newest = group.verdicts.first();
    // What stands at the top of the page already is not said again.
    let sentence = said.once(group.sentence);
    let evidence = newest.into_iter().flat_map(|verdict| &verdict.judgement.evidence);
    let evidence: Vec<_> = evidence
        .filter_map(|it| said.once(&it.sentence()))
        .map(|sentence| view! { <li>{sentence}"."</li> })
        .collect();
    let evidence = (!evidence.is_empty()).then(|| {
        view! {
            <details>
                <summary class="note">"Evidence"</summary>
                <ul>{evidence}</ul>
            </details>
        }
    });
    view! {
        <li data-key=newest.map(|it| it.id.to_string())>
            <p><Badge tone=tone(group.health) text=word(group.health) />" "{sentence}</p>
            <ul class="verdict-times">{times}</ul>
            {evidence}
        </li>
    }
}

/// What was done, with the way to what is known of it.
fn done(flag: &FlagKey, verdict: &VerdictRow, taken: Consequence) -> impl IntoView + use<> {
    let phrase = as_sentence(phrase(taken));
    let phrase = phrase.trim_end_matches('.').to_owned();
    match verdict.incident() {
        Some(seq) => {
            let href = here().href(&incident::path(flag, seq));
            view! { ". "<a href=href><b>{phrase}</b></a> }.into_any()
        }
        None => view! { ". "<b>{phrase}</b> }.into_any(),
    }
}
