//! What opens below a strip: whom the rule is about, what falls together, what is served, and its place.

use leptos::prelude::*;

use super::{
    bank::Bank,
    picker,
    rule::{RuleForm, SPLIT},
    strip::SWAP,
};
use crate::{
    condition::{builder::ConditionBuilder, form::ConditionErrors},
    form::error::sentences_at,
    ui::icon,
};

pub fn details(bank: &Bank<'_>, at: usize, name: &str) -> impl IntoView + use<> {
    let rule = &bank.form.rules[at];
    let summary = if rule.everyone { "Options" } else { "Audience and options" };
    view! {
        <details class="strip-more" id=format!("more-{}", rule.id) open=rule.open>
            <summary aria-label=format!("{summary} of {name}")>{icon::right()}{summary}</summary>
            <div class="strip-panel">
                {(!rule.everyone).then(|| audience(bank, at))}
                <div class="field-row">{bucket(bank, rule)}{holdback(bank, rule)}{serves(bank, rule)}</div>
                {place(bank, at, name)}
            </div>
        </details>
    }
}

fn error_at(bank: &Bank<'_>, name: &str) -> Option<impl IntoView + use<>> {
    let sentence = sentences_at(bank.errors, name)?;
    Some(view! { <p class="error" role="alert">{sentence}</p> })
}

fn audience(bank: &Bank<'_>, at: usize) -> impl IntoView + use<> {
    let rule = &bank.form.rules[at];
    let group = rule.name("group");
    let boxes: Vec<_> = bank
        .groups
        .iter()
        .map(|it| {
            let key = it.key.to_string();
            let checked = rule.groups.contains(&key);
            let is_new = rule.made.as_ref().is_some_and(|made| made.key == it.key);
            view! {
                <label class="chip">
                    <input
                        type="checkbox"
                        name=group.clone()
                        id=format!("{group}.{key}")
                        value=key
                        checked=checked
                        autofocus=is_new
                    />
                    <span>{it.name.clone()}</span>
                </label>
            }
        })
        .collect();
    let gone = rule.groups.iter().filter(|key| !bank.groups.iter().any(|it| it.key.as_str() == **key));
    let gone: Vec<_> = gone
        .map(|key| {
            view! {
                <label class="chip" data-gone="">
                    <input type="checkbox" name=group.clone() value=key.clone() checked />
                    <span>{format!("{key} (deleted)")}</span>
                </label>
            }
        })
        .collect();
    let none = bank.groups.is_empty().then(|| {
        view! { <p class="note">"There is no pilot group yet. Make one here, or add a condition."</p> }
    });
    let errors = match rule.condition.parse() {
        Err(errors) if sentences_at(bank.errors, &rule.name("if")).is_some() => errors,
        Ok(_) | Err(_) => ConditionErrors::default(),
    };
    let vocabulary = bank.vocabularies.get(&rule.name("if")).cloned().unwrap_or_default();
    view! {
        <fieldset class="field">
            <legend>"Pilot groups"</legend>
            <div class="chips">{boxes}{gone}</div>
            {none}
            <p class="hint">"Members of any of these groups."</p>
            {error_at(bank, &group)}
            {picker::view(bank, rule)}
        </fieldset>
        <ConditionBuilder
            prefix=rule.name("if")
            draft=rule.condition.clone()
            errors=errors
            vocabulary=vocabulary
            legend="And only those who meet this condition"
            none="No condition: everybody in the chosen groups."
        />
        {error_at(bank, &rule.name("if"))}
    }
}

fn bucket(bank: &Bank<'_>, rule: &RuleForm) -> impl IntoView + use<> {
    let name = rule.name("bucket");
    let option = |value: &str, text: String| {
        view! { <option value=value.to_owned() selected=rule.bucket_by == value>{text}</option> }
    };
    let known: Vec<_> = bank.schema.definitions().iter().map(|it| it.name.as_str()).collect();
    let mut options = vec![option("", "each person by itself".to_owned())];
    options.extend(known.iter().map(|name| option(name, format!("everybody with the same {name}"))));
    if !rule.bucket_by.is_empty() && !known.contains(&&*rule.bucket_by) {
        options.push(option(&rule.bucket_by, format!("everybody with the same {}", rule.bucket_by)));
    }
    view! {
        <div class="field">
            <label for=name.clone()>"The percentage draws"</label>
            <select id=name.clone() name=name.clone()>{options}</select>
            <p class="hint">"With an attribute such as tenant, a whole company switches together."</p>
            {error_at(bank, &name)}
        </div>
    }
}

fn holdback(bank: &Bank<'_>, rule: &RuleForm) -> impl IntoView + use<> {
    let name = rule.name("holdback");
    let hint = format!("{name}-hint");
    view! {
        <div class="field">
            <label for=name.clone()>"Kept out for comparison, in per cent"</label>
            <input
                id=name.clone()
                name=name.clone()
                value=rule.holdback.clone()
                inputmode="decimal"
                placeholder="0"
                autocomplete="off"
                aria-describedby=hint.clone()
            />
            <p class="hint" id=hint>"For example 1: they never get it, so that health can be compared even at 100 %."</p>
            {error_at(bank, &name)}
        </div>
    }
}

/// A flag that is only on or off serves "on": nothing to choose. The weights show as soon as a split is chosen.
fn serves(bank: &Bank<'_>, rule: &RuleForm) -> Option<impl IntoView + use<>> {
    if bank.flag.variants.len() == 2 && rule.serves.is_empty() {
        return None;
    }
    let name = rule.name("serves");
    let on = bank.flag.on_variant().map(|it| it.key.to_string()).unwrap_or_default();
    let option = |value: String, text: String| {
        let selected = rule.serves == value;
        view! { <option value=value selected=selected>{text}</option> }
    };
    let mut options = vec![option(String::new(), format!("{on} (the usual one)"))];
    options.extend(bank.flag.variants.iter().map(|it| option(it.key.to_string(), it.key.to_string())));
    options.push(option(SPLIT.to_owned(), "several variants, drawn by weight".to_owned()));
    let weights: Vec<_> = bank.flag.variants.iter().map(|it| weight(bank, rule, it.key.as_str())).collect();
    Some(view! {
        <div class="field serves">
            <label for=name.clone()>"Those inside get"</label>
            <select id=name.clone() name=name.clone()>{options}</select>
            <div class="weights" role="group" aria-label="Weights in per cent">{weights}</div>
            {error_at(bank, &name)}
        </div>
    })
}

fn weight(bank: &Bank<'_>, rule: &RuleForm, variant: &str) -> impl IntoView + use<> {
    let name = rule.name(&format!("weight.{variant}"));
    let value = rule.weights.iter().find(|(key, _)| key == variant).map(|(_, text)| text.clone());
    view! {
        <div class="weight">
            <label for=name.clone()>{variant.to_owned()}</label>
            <input id=name.clone() name=name.clone() value=value inputmode="decimal" placeholder="0" autocomplete="off" />
            <span aria-hidden="true">"%"</span>
            {error_at(bank, &name)}
        </div>
    }
}

fn place(bank: &Bank<'_>, at: usize, name: &str) -> Option<impl IntoView + use<>> {
    let rules = &bank.form.rules;
    let rule = &rules[at];
    // The master channel goes away by standing at 0 %.
    if rule.everyone
        && rules.iter().filter(|it| it.everyone).count() == 1
        && bank.saved.rule(&rule.id).is_none()
    {
        return None;
    }
    let can_go = |to: usize| rules.get(to).is_some_and(|it| it.everyone == rule.everyone);
    let button = |verb: &str, text: &'static str, label: String| {
        view! {
            <button
                class="button"
                data-size="small"
                data-kind="quiet"
                name="intent"
                value=format!("{verb}:{}", rule.id)
                formaction="#strips"
                aria-label=label
                data-swap=SWAP
                formnovalidate
            >
                {text}
            </button>
        }
    };
    let up =
        at.checked_sub(1).is_some_and(can_go).then(|| button("up", "Move up", format!("Move up {name}")));
    let down = can_go(at + 1).then(|| button("down", "Move down", format!("Move down {name}")));
    Some(view! {
        <div class="cluster strip-place">
            {up}
            {down}
            {button("remove", "Remove", format!("Remove {name}"))}
        </div>
    })
}
