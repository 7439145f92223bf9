//! Every flag for one person: saw, would see, why; and what can be done about it.

use engine::{Arm, SubjectKey, VariantKey, counted};
use leptos::prelude::*;
use store::{FlagAnswer, Seen};

use super::{customer, page::Person};
use crate::{
    page::{address, here::here},
    ui::{
        badge::{Badge, Tone},
        copy::copy_button,
        time,
        trace::trace,
    },
};

/// Lines of the ledger shown of one flag; the exposures are all in the ledger's own page.
const SEEN_SHOWN: usize = 10;

/// The words over the columns.
#[derive(Clone, Copy)]
struct Words {
    saw: &'static str,
    would: &'static str,
    differs: &'static str,
}

const NOW: Words = Words { saw: "Saw", would: "Would see now", differs: "not what they saw last" };
const THEN: Words =
    Words { saw: "Served (ledger)", would: "Decided (settings)", differs: "not what was served" };

pub fn view(person: &Person) -> impl IntoView + use<> {
    let words = if person.answer.as_of_ms.is_some() { THEN } else { NOW };
    let mut flags: Vec<_> = person.answer.flags.iter().collect();
    // What is worth reading first: surprises, what was seen, what they have.
    flags.sort_by_key(|it| (!it.differs(), it.saw.is_empty(), !it.on));
    let rows = flags.iter().map(|answer| row(person, answer, words)).collect_view();
    let none = flags.is_empty().then(|| {
        let text = if person.answer.as_of_ms.is_some() {
            "There was no flag in this environment then."
        } else {
            "There is no flag in this environment yet."
        };
        view! { <p class="muted">{text}</p> }
    });
    let other = other(&person.answer.other);
    view! {
        <section class="person-flags" aria-labelledby="flags-title">
            <h2 id="flags-title">{format!("Flags in {}", person.answer.environment.name)}</h2>
            {none}
            {rows}
            {other}
        </section>
    }
}

fn row(person: &Person, answer: &FlagAnswer, words: Words) -> impl IntoView + use<> {
    let flag = &answer.flag;
    let id = format!("flag-{}", flag.key);
    let href = here().href(&address::flag(&flag.key));
    let differs = answer.differs();
    let badge = differs.then(|| view! { <Badge tone=Tone::Warning text=words.differs /> });
    let hints = answer.hints.iter().map(|hint| view! { <li>{hint.clone()}</li> }).collect_view();
    let hints = (!answer.hints.is_empty()).then(|| view! { <ul class="person-hints">{hints}</ul> });
    let labelled = id.clone();
    let change = change(person, answer);
    view! {
        <article class="person-flag" data-differs=differs.then_some("") aria-labelledby=labelled>
            <h3 id=id><a href=href>{flag.name.clone()}</a>{badge}</h3>
            <div class="person-saw">
                <h4>{words.saw}</h4>
                {saw(answer, person.answer.as_of_ms)}
            </div>
            <div class="person-would">
                <h4>{words.would}</h4>
                {would(answer)}
            </div>
            <div class="person-why">
                <h4>"Why"</h4>
                <p>{answer.would.sentence()}</p>
                {hints}
            </div>
            <div class="person-more">
                <details id=format!("tell-{}", flag.key)>
                    <summary>"For the customer"</summary>
                    {tell(answer, person.answer.as_of_ms)}
                </details>
                <details id=format!("steps-{}", flag.key)>
                    <summary>"Step by step"</summary>
                    {trace(&answer.would.steps)}
                </details>
                {change}
            </div>
        </article>
    }
}

/// What can be sent to them about this flag, or why there is nothing.
fn tell(answer: &FlagAnswer, as_of_ms: Option<i64>) -> AnyView {
    let flag = &answer.flag;
    if let Some(sentence) = customer::about(answer, as_of_ms) {
        let say = format!("say-{}", flag.key);
        return view! {
            <div class="secret">
                <input
                    id=say.clone()
                    readonly=true
                    value=sentence
                    aria-label=format!("Sentence for the customer about {}", flag.name)
                    autocomplete="off"
                />
                {copy_button(say)}
            </div>
        }
        .into_any();
    }
    if flag.public_name.is_empty() {
        let settings = here().href(&format!("/flags/{}/settings", flag.key));
        return view! {
            <p class="note">"It has no name for customers, so they are told nothing of it: "<a href=settings>"give it one"</a>"."</p>
        }
        .into_any();
    }
    view! { <p class="note">"There is nothing to tell them: no record that they had it."</p> }.into_any()
}

fn variant(key: &VariantKey, on: bool) -> impl IntoView + use<> {
    view! { <strong class="person-variant" data-on=on.then_some("")>{key.to_string()}</strong> }
}

fn saw(answer: &FlagAnswer, as_of_ms: Option<i64>) -> AnyView {
    let Some((last, earlier)) = answer.saw.split_first() else {
        let text = if as_of_ms.is_some() { "Nothing up to then" } else { "Never" };
        return view! { <p class="muted">{text}</p> }.into_any();
    };
    let off = &answer.flag.off_variant;
    let lines = earlier
        .iter()
        .take(SEEN_SHOWN)
        .map(|seen| view! { <li>{seen_line(seen, off, as_of_ms)}</li> })
        .collect_view();
    let more = (!earlier.is_empty()).then(|| {
        view! {
            <details id=format!("saw-{}", answer.flag.key)>
                <summary>{format!("{} before", earlier.len())}</summary>
                <ul class="person-seen">{lines}</ul>
            </details>
        }
    });
    view! { {seen_line(last, off, as_of_ms)} {more} }.into_any()
}

/// Of an instant the times are exact; of now, how long ago.
fn seen_line(seen: &Seen, off: &VariantKey, as_of_ms: Option<i64>) -> AnyView {
    let times = if seen.count == 1 { "once".to_owned() } else { counted(seen.count, "time") };
    let at = |ms: i64| match as_of_ms {
        Some(_) => time::minute(ms),
        None => time::ago_phrase(here().now_ms, ms),
    };
    let when = |ms: i64| view! { {time::at(ms, at(ms))} };
    let when = if at(seen.first_ms) == at(seen.last_ms) {
        view! { <span>{when(seen.last_ms)}</span> }.into_any()
    } else {
        view! { <span>"first "{when(seen.first_ms)}", last "{when(seen.last_ms)}</span> }.into_any()
    };
    let arm = match seen.arm {
        Some(Arm::Control) => ", control",
        Some(Arm::Treatment) | None => "",
    };
    view! {
        <p class="person-seen-line">
            {variant(&seen.variant, seen.variant != *off)}
            <span class="muted">{when}{format!(", {times}, revision {}{arm}", seen.revision)}</span>
        </p>
    }
    .into_any()
}

fn would(answer: &FlagAnswer) -> AnyView {
    let Ok(served) = &answer.would.decision else {
        return view! { <p class="muted">"No answer: the caller’s own default"</p> }.into_any();
    };
    let value = serde_json::to_string(&served.value).unwrap_or_default();
    let says_more = value != "true" && value != "false";
    let value = says_more.then(|| view! { <code class="person-value">{value}</code> });
    view! { <p class="person-seen-line">{variant(&served.variant, answer.on)}{value}</p> }.into_any()
}

/// Pinning and excluding, for who may change rollouts; always of the present configuration.
fn change(person: &Person, answer: &FlagAnswer) -> Option<impl IntoView + use<>> {
    let flag = &answer.flag.key;
    let version = *person.versions.get(flag)?;
    let rollout = person.snapshot.flag(flag.as_str()).filter(|it| !it.is_archived())?.rollout();
    if !person.may.edit_flags {
        return None;
    }
    let pinned = rollout.pins.iter().find(|pin| pin.subject == person.subject).map(|pin| pin.variant.clone());
    let excluded = rollout.exclusions.subjects.contains(&person.subject);
    let options = answer.flag.variants.iter().map(|it| it.key.to_string());
    let options = options
        .map(|key| {
            let selected = pinned.as_ref().is_some_and(|pinned| pinned.as_str() == key);
            view! { <option value=key.clone() selected=selected>{key.clone()}</option> }
        })
        .collect_view();
    let unpin = pinned.is_some().then(|| {
        view! { <button name="intent" value="unpin" class="button" data-size="small">"Unpin"</button> }
    });
    let (word, label) = if excluded { ("include", "No longer exclude") } else { ("exclude", "Exclude") };
    let select = format!("pin-{flag}");
    Some(view! {
        <details id=format!("change-{flag}")>
            <summary>"Change"</summary>
            <form method="post" action=action(&person.subject) class="person-change">
                <input type="hidden" name="flag" value=flag.to_string() />
                <input type="hidden" name="version" value=version.to_string() />
                <label for=select.clone()>"Always serve"</label>
                <select id=select name="variant">{options}</select>
                <button name="intent" value="pin" class="button" data-size="small">"Pin"</button>
                {unpin}
                <button name="intent" value=word class="button" data-size="small">{label}</button>
                <input
                    name="comment"
                    placeholder="Why? (kept in the audit log)"
                    aria-label=format!("Why you change {}", answer.flag.name)
                    autocomplete="off"
                />
            </form>
        </details>
    })
}

/// Where the forms of this page post to.
pub fn action(subject: &SubjectKey) -> String {
    let here = here();
    here.href(&address::person(subject.as_str()))
}

fn other(seen: &[Seen]) -> Option<impl IntoView + use<>> {
    if seen.is_empty() {
        return None;
    }
    let lines = seen
        .iter()
        .map(|seen| view! { <li><code>{seen.flag.to_string()}</code>{seen_line(seen, &seen.variant, Some(seen.last_ms))}</li> })
        .collect_view();
    Some(view! {
        <section class="card stack" aria-labelledby="other-title">
            <h3 id="other-title">"Served, but not in this configuration"</h3>
            <ul class="person-seen">{lines}</ul>
        </section>
    })
}
