//! What is stored with the person, where they are enrolled, and erasing them.

use engine::Attributes;
use leptos::prelude::*;

use super::{flags::action, page::Person, traits::edit};
use crate::{
    group,
    page::here::here,
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        time,
    },
};

pub fn view(person: &Person) -> impl IntoView + use<> {
    view! { {traits(person)} {enrolled(person)} {erase(person)} }
}

fn traits(person: &Person) -> impl IntoView + use<> {
    let title = if person.answer.as_of_ms.is_some() { "Stored with them then" } else { "Stored with them" };
    let body = match &person.answer.traits {
        None => {
            let text = if person.answer.as_of_ms.is_some() {
                "Nothing was known of them at that instant."
            } else {
                "Nothing. Only what an application sends with a call counts."
            };
            view! { <p class="muted">{text}</p> }.into_any()
        }
        Some(traits) => list(person, traits).into_any(),
    };
    let edit = (person.may.administer && person.answer.as_of_ms.is_none()).then(|| {
        let stored = person.answer.traits.as_ref().unwrap_or(Attributes::EMPTY);
        edit(stored, person.snapshot.attributes(), action(&person.subject))
    });
    view! {
        <section class="card stack" aria-labelledby="traits-title">
            <h2 id="traits-title">{title}</h2>
            {body}
            {edit}
        </section>
    }
}

fn list(person: &Person, traits: &Attributes) -> impl IntoView + use<> {
    let schema = person.snapshot.attributes();
    let rows = traits
        .iter()
        .map(|(name, value)| {
            let personal =
                schema.is_personal(name).then(|| view! { <Badge tone=Tone::Neutral text="personal" /> });
            view! { <dt>{name.to_owned()}</dt><dd>{value.display()}" "{personal}</dd> }
        })
        .collect_view();
    view! { <dl class="person-traits">{rows}</dl> }
}

/// In which groups by name: now, or at the instant that is looked at.
fn enrolled(person: &Person) -> impl IntoView + use<> {
    let as_of_ms = person.answer.as_of_ms;
    let at_ms = as_of_ms.unwrap_or(here().now_ms);
    let rows = person
        .enrolments
        .iter()
        .map(|it| {
            let href = here().href(&group::head::Tab::Testers.address(&it.group));
            let (tone, state) = match (it.enrolment.is_active(at_ms), it.enrolment.until_ms) {
                (true, _) => (Tone::Good, "in"),
                (false, Some(until)) if until <= at_ms => (Tone::Neutral, "over"),
                (false, _) => (Tone::Neutral, "not yet"),
            };
            let until = it.enrolment.until_ms.map(|ms| format!("until {}", time::minute(ms)));
            let purpose = it.enrolment.purpose.clone();
            view! {
                <li>
                    <a href=href>{it.name.clone()}</a>
                    <Badge tone=tone text=state />
                    <small class="muted">{until.into_iter().chain((!purpose.is_empty()).then_some(purpose)).collect::<Vec<_>>().join(" · ")}</small>
                </li>
            }
        })
        .collect_view();
    let (title, none) = match as_of_ms {
        Some(_) => ("Enrolled in then", "In no pilot group by name at that instant."),
        None => ("Enrolled in", "In no pilot group by name."),
    };
    let body = if person.enrolments.is_empty() {
        view! { <p class="muted">{none}</p> }.into_any()
    } else {
        view! { <ul class="person-enrolled">{rows}</ul> }.into_any()
    };
    view! {
        <section class="card stack" aria-labelledby="enrolled-title">
            <h2 id="enrolled-title">{title}</h2>
            {body}
        </section>
    }
}

fn erase(person: &Person) -> Option<impl IntoView + use<>> {
    if !person.may.administer {
        return None;
    }
    let key = person.subject.to_string();
    Some(view! {
        <Confirm
            label="Erase this person"
            text=format!(
                "Deletes what is stored with {key}, its history and everything the ledger has, in all environments. \
                 It cannot be undone. Type the key to confirm.",
            )
            action=action(&person.subject)
            button="Erase for ever"
            danger=true
        >
            <input type="hidden" name="intent" value="erase" />
            <input name="confirm" aria-label="The key, to confirm" autocomplete="off" class="mono" />
        </Confirm>
    })
}
