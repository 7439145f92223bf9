//! What a person reads first: the verdict, what else is said of the rules, and what the guard did last.

use engine::{
    FlagKey,
    guardrail::{Health, Judgement, Verdict, together},
};
use leptos::prelude::*;

use super::{page::Loaded, said::Said, tone::of};
use crate::{
    flag::{FlagPage, Tab, incident},
    page::here::here,
    ui::{
        badge::{Badge, Callout},
        time,
    },
};

/// What a person reads first: the verdict on the whole rollout, then what else is said of its rules.
pub(super) fn view(loaded: &Loaded, shown: &FlagPage, said: &Said) -> impl IntoView + use<> {
    let now_ms = here().now_ms;
    let flag = shown.key();
    if loaded.health.is_empty() {
        let text = if loaded.verdicts.is_empty() {
            "The guard has not looked at this flag yet: it does as soon as outcomes arrive."
        } else {
            "The guard has nothing to judge yet: it looks as soon as outcomes arrive. What it said before stands below."
        };
        let (acted, connect) = (acted(loaded, shown), connect(flag));
        return view! { <Callout><p>{text}</p>{acted}{connect}</Callout> }.into_any();
    }
    let all = together(loaded.health.iter().map(|it| &it.judgement), now_ms);
    let sentence = all.sentence();
    // Each sentence once, with all rules that it is true of.
    let mut lines: Vec<(String, &Judgement, Vec<String>)> = vec![(sentence, &all, Vec::new())];
    for it in &loaded.health {
        let (own, name) = (it.judgement.sentence(), loaded.name_of(&it.rule));
        match lines.iter_mut().find(|(sentence, ..)| *sentence == own) {
            Some((.., names)) => names.push(name),
            None => lines.push((own, &it.judgement, vec![name])),
        }
    }
    let lines: Vec<_> = lines
        .into_iter()
        .enumerate()
        .filter_map(|(at, (sentence, judgement, names))| {
            let (sentence, (tone, word)) = (said.once(&sentence)?, of(judgement));
            // Of the only rule it goes without saying.
            let names = if loaded.rules.len() > 1 { names.join(", ") } else { String::new() };
            let names = (!names.is_empty()).then(|| view! { " "<small>{names}</small> });
            let class = if at == 0 { "health-verdict" } else { "health-also" };
            Some(view! { <p class=class><Badge tone=tone text=word /><span><b>{sentence}</b>{names}</span></p> })
        })
        .collect();
    let connect = all.is_unasked().then(|| connect(flag));
    view! {
        <section class="card health-summary" aria-label="Verdict">
            {lines}
            {connect}
            {acted(loaded, shown)}
        </section>
    }
    .into_any()
}

/// What the guard did last, unless the header of the page tells it.
fn acted(loaded: &Loaded, shown: &FlagPage) -> Option<impl IntoView + use<>> {
    let told = shown.stop_entry().map(|entry| entry.seq);
    let (verdict, seq) = loaded.verdicts.iter().find_map(|it| Some((it, it.incident()?)))?;
    let what = verdict.taken.map_or("", super::verdicts::phrase);
    let href = here().href(&incident::path(shown.key(), seq));
    (told != Some(seq)).then(|| {
        view! {
            <p class="note">
                "The guard acted "{time::ago(here().now_ms, verdict.at_ms)}": "{what}". "
                <a href=href>"See what happened"</a>
            </p>
        }
    })
}

/// Why the guardrails beside a broken one say nothing.
pub(super) fn others(loaded: &Loaded, said: &Said) -> Option<impl IntoView + use<>> {
    let all = together(loaded.health.iter().map(|it| &it.judgement), here().now_ms);
    let broken = all.health == Health::Breach;
    let quiet = all.evidence.iter().filter(|it| broken && it.verdict != Verdict::Regressed);
    let quiet: Vec<_> = quiet
        .filter_map(|it| said.once(&it.sentence()))
        .map(|sentence| view! { <li>{sentence}"."</li> })
        .collect();
    (!quiet.is_empty()).then(|| {
        view! {
            <details class="card fold" id="health-quiet">
                <summary><b>"Why the other guardrails are quiet"</b></summary>
                <ul>{quiet}</ul>
            </details>
        }
    })
}

/// For a flag that no application asks for: how one comes to do so.
pub fn connect(flag: &FlagKey) -> impl IntoView + use<> {
    let href = here().href(&Tab::Connect.path(flag));
    view! {
        <p class="note">
            <a href=href>"Connect your app"</a>
            ": a few lines in your language, a token, and lights that show when it asks."
        </p>
    }
}
