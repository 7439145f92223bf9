//! Entries of the audit log: the sentence first, then what exactly changed. Also for the History tab of an object.

use jiff::civil::Date;
use leptos::prelude::*;
use store::{ActorKind, AuditEntry, AuditStanding, AuditVerdict, ObjectKind, ObjectRef};

use crate::{
    page::{address, here::here},
    ui::{
        badge::{Badge, Tone},
        icon, time,
    },
    zone::{Zone, zone},
};

/// The entries, newest first, under a heading per day.
pub fn log(entries: Vec<AuditEntry>) -> impl IntoView {
    let now_ms = here().now_ms;
    let zone = zone();
    let mut days: Vec<(Option<Date>, Vec<AuditEntry>)> = Vec::new();
    for entry in entries {
        let day = zone.day(entry.at_ms);
        match days.last_mut() {
            Some((last, list)) if *last == day => list.push(entry),
            _ => days.push((day, vec![entry])),
        }
    }
    days.into_iter()
        .map(|(_, entries)| {
            let at_ms = entries.first().map_or(now_ms, |entry| entry.at_ms);
            let name = day_name(&zone, now_ms, at_ms);
            view! {
                <section class="log">
                    <h2>{name}</h2>
                    <ol>{entries.into_iter().map(line).collect_view()}</ol>
                </section>
            }
        })
        .collect_view()
}

fn line(entry: AuditEntry) -> impl IntoView {
    let here = here();
    let environment = entry.environment.as_ref().map(|key| {
        let name = here.environments.iter().find(|it| it.key == *key).map(|it| it.name.clone());
        view! { <Badge text=name.unwrap_or_else(|| key.to_string()) /> }
    });
    let reason =
        (!entry.reason.is_empty()).then(|| view! { <q class="log-reason">{entry.reason.clone()}</q> });
    let address = here.href(&format!("/audit/{}", entry.seq));
    let detail = says_more(&entry).then(|| {
        view! {
            <details>
                <summary>{icon::right()}{count(entry.changes.len())}</summary>
                {changes(&entry)}
            </details>
        }
    });
    // Whoever reads a part of the log finds nothing behind the others.
    let reader = here.principal.as_ref().and_then(|who| who.audit_reader().ok());
    let may_open = reader.is_some_and(|reader| reader.sees(&entry));
    let clock = time::at(entry.at_ms, time::clock(entry.at_ms));
    let clock = if may_open {
        view! { <a href=address>{clock}<span class="visually-hidden">{format!(", change {}", entry.seq)}</span></a> }
            .into_any()
    } else {
        clock.into_any()
    };
    view! {
        <li id=format!("change-{}", entry.seq) data-key=entry.seq.to_string()>
            <div class="log-time">{clock}</div>
            <div class="log-body">
                <p>{actor(&entry)}" "{entry.sentence.clone()}</p>
                <div class="cluster">{environment}{reason}{detail}</div>
            </div>
        </li>
    }
}

/// Who did it, as the subject of the sentence.
pub fn actor(entry: &AuditEntry) -> impl IntoView + use<> {
    let name = match entry.actor_kind {
        // Of the server itself: Fader, or its Guard.
        ActorKind::Member | ActorKind::Token | ActorKind::System => entry.actor.clone(),
        ActorKind::CommandLine => "The command line".to_owned(),
        ActorKind::Invitation => format!("A tester with the {}", entry.actor),
    };
    view! { <strong title=entry.actor_email.clone()>{name}</strong> }
}

/// Every change as a phrase, with both sides where there are two.
pub fn changes(entry: &AuditEntry) -> impl IntoView + use<> {
    let lines = entry
        .changes
        .iter()
        .map(|change| {
            let sides = (change.before.is_some() || change.after.is_some()).then(|| {
                let before = side(change.before.clone());
                let after = side(change.after.clone());
                view! { <p class="diff"><del>{before}</del><span aria-hidden="true">"→"</span><ins>{after}</ins></p> }
            });
            view! { <li>{crate::form::error::as_sentence(&change.phrase)}{sides}</li> }
        })
        .collect_view();
    view! { <ul class="changes">{lines}</ul> }
}

/// The page of what an entry is about, where it has one.
pub fn object_address(object: &ObjectRef) -> Option<String> {
    match object.kind {
        ObjectKind::Flag => Some(address::flag(&object.key)),
        ObjectKind::Group => Some(address::group(&object.key)),
        ObjectKind::Member => Some("/settings/members".to_owned()),
        ObjectKind::Token => Some("/settings/tokens".to_owned()),
        ObjectKind::Feedback => Some(format!("/feedback/{}", object.key)),
        ObjectKind::Metric => Some("/settings/metrics".to_owned()),
        ObjectKind::Webhook => Some("/settings/webhooks".to_owned()),
        ObjectKind::Roles => Some(crate::settings::roles::ADDRESS.to_owned()),
        // An erased person is named by a digest, several at once by nothing.
        ObjectKind::Person if object.key.is_empty() || object.key.starts_with("sha256:") => None,
        ObjectKind::Person => Some(address::person(&object.key)),
        ObjectKind::Workspace if object.key == "guardrails" => Some("/settings/guardrails".to_owned()),
        ObjectKind::Attribute | ObjectKind::Persona | ObjectKind::Environment | ObjectKind::Workspace => None,
    }
}

/// What the chain of hashes says about the log, and how far somebody has looked.
pub fn chain_badge(standing: &AuditStanding, now_ms: i64) -> impl IntoView + use<> {
    let (tone, text) = chain_words(standing, now_ms);
    let mark =
        if matches!(tone, Tone::Danger) { icon::warning().into_any() } else { icon::shield().into_any() };
    let title =
        standing.whole_ms.map(|at| format!("The whole chain was verified last on {}", time::full(at)));
    view! { <span class="badge" data-tone=tone.as_str() data-long="" title=title>{mark}{text}</span> }
}

fn chain_words(standing: &AuditStanding, now_ms: i64) -> (Tone, String) {
    let grouped = |number: u64| engine::grouped(usize::try_from(number).unwrap_or(usize::MAX));
    let AuditStanding { verdict, whole_ms, behind, .. } = standing;
    match (verdict, whole_ms) {
        (AuditVerdict::Broken { seq, why }, _) => {
            (Tone::Danger, format!("Chain broken at entry {seq}: {why}"))
        }
        (AuditVerdict::Differs { row }, _) => {
            (Tone::Danger, format!("{row} in force is not what the log says"))
        }
        (AuditVerdict::Intact { entries }, None) => {
            let all = entries.saturating_add(*behind);
            (
                Tone::Neutral,
                format!(
                    "Verifying the chain · {} of {} so far",
                    grouped(*entries),
                    engine::counted(all, "entry")
                ),
            )
        }
        (AuditVerdict::Intact { entries }, Some(at)) => {
            let newer = match behind {
                0 => String::new(),
                newer => format!(", {} newer still to come", grouped(*newer)),
            };
            let last = time::today(now_ms, *at);
            (
                Tone::Good,
                format!(
                    "Chain verified · {}{newer}, the whole chain last at {last}",
                    engine::counted(*entries, "entry")
                ),
            )
        }
    }
}

/// Whether the changes say anything that the sentence does not.
fn says_more(entry: &AuditEntry) -> bool {
    let told = |phrase: &str, side: &Option<String>| {
        side.as_ref().is_none_or(|side| phrase.contains(side.trim_end_matches(" %")))
    };
    let whole =
        |change: &engine::Change| told(&change.phrase, &change.before) && told(&change.phrase, &change.after);
    entry.changes.len() > 1 || !entry.changes.iter().all(whole)
}

fn side(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "nothing".to_owned())
}

fn count(changes: usize) -> String {
    if changes == 1 { "What changed".to_owned() } else { engine::counted(changes, "change") }
}

fn day_name(zone: &Zone, now_ms: i64, at_ms: i64) -> String {
    let (today, day) = (zone.day(now_ms), zone.day(at_ms));
    if day == today {
        "Today".to_owned()
    } else if today.and_then(|today| today.yesterday().ok()) == day {
        "Yesterday".to_owned()
    } else {
        time::date(at_ms)
    }
}

#[cfg(test)]
mod tests {
    use store::{AuditHead, BrokenChain, LiveRow};

    use super::*;

    const NOW_MS: i64 = 1_795_378_765_000;
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn words(verdict: AuditVerdict, whole_ms: Option<i64>, behind: u64) -> String {
        let head = AuditHead { seq: 17_614, hash: "9f".repeat(32) };
        chain_words(&AuditStanding { verdict, head, whole_ms, behind }, NOW_MS).1
    }

    #[test]
    fn the_badge_says_how_far_somebody_has_looked() {
        let intact = || AuditVerdict::Intact { entries: 17_614 };
        assert_eq!(
            words(intact(), Some(NOW_MS - 60_000), 0),
            "Chain verified · 17,614 entries, the whole chain last at 20:18:25 UTC"
        );
        assert_eq!(
            words(intact(), Some(NOW_MS - DAY_MS), 3),
            "Chain verified · 17,614 entries, 3 newer still to come, the whole chain last at 21 Nov 2026, 20:19:25 UTC"
        );
        assert_eq!(words(intact(), None, 6), "Verifying the chain · 17,614 of 17,620 entries so far");
        let broken = AuditVerdict::Broken { seq: 7, why: BrokenChain::Missing };
        assert_eq!(words(broken, Some(NOW_MS), 0), "Chain broken at entry 7: the entry is missing");
        let row = LiveRow { what: "rollout", key: "a".into(), environment: "production".into() };
        assert_eq!(
            words(AuditVerdict::Differs { row }, Some(NOW_MS), 0),
            "the rollout of a in production in force is not what the log says"
        );
    }
}
