//! What comes before the faders: people excluded or pinned one by one, and flags that must be on first.

use engine::FlagKey;
use leptos::prelude::*;
use store::Operation;

use super::{bank::Bank, strip::SWAP};
use crate::{
    form::error::sentences_at,
    page::here::here,
    ui::{icon, text_area::TextArea},
};

/// Flags that a prerequisite can name: key, name, variants.
pub type Candidates = Vec<(String, String, Vec<String>)>;

pub fn more(bank: &Bank<'_>, candidates: &Candidates) -> impl IntoView + use<> {
    view! {
        <section class="more" id="more" aria-label="Before the faders">
            {exclusions(bank)}
            {pins(bank)}
            {prerequisites(bank, candidates)}
            {here().may(Operation::Exclude).then(|| preview(bank))}
        </section>
    }
}

fn panel(
    id: &'static str,
    title: &'static str,
    summary: String,
    open: bool,
    body: impl IntoView + 'static,
) -> impl IntoView {
    view! {
        <details class="more-part" id=id open=open>
            <summary>{icon::right()}<span>{title}</span><span class="more-count">{summary}</span></summary>
            <div class="more-panel">{body.into_any()}</div>
        </details>
    }
}

fn error_at(bank: &Bank<'_>, name: &str) -> (bool, Option<impl IntoView + use<>>) {
    let sentence = sentences_at(bank.errors, name);
    (sentence.is_some(), sentence.map(|it| view! { <p class="error" role="alert">{it}</p> }))
}

fn exclusions(bank: &Bank<'_>) -> impl IntoView + use<> {
    let subjects = bank.form.excluded_subjects.lines().filter(|line| !line.trim().is_empty()).count();
    let groups = &bank.form.excluded_groups;
    let summary = match (subjects, groups.len()) {
        (0, 0) => "nobody".to_owned(),
        (_, 0) => people(subjects),
        (0, _) => groups.iter().map(|key| bank.group_name(key)).collect::<Vec<_>>().join(", "),
        (_, many) => format!("{}, {}", people(subjects), engine::counted(many, "group")),
    };
    let boxes: Vec<_> = bank
        .groups
        .iter()
        .map(|it| {
            let key = it.key.to_string();
            let checked = groups.contains(&key);
            view! {
                <label class="chip">
                    <input
                        type="checkbox"
                        name="excluded.group"
                        value=key
                        checked=checked
                        disabled=!bank.editable
                    />
                    <span>{it.name.clone()}</span>
                </label>
            }
        })
        .collect();
    let (wrong, error) = error_at(bank, "excluded");
    let body = view! {
        <p class="note">"Never get the flag: this beats everything below, also an enrolment in a group."</p>
        <fieldset class="field">
            <legend>"Groups"</legend>
            <div class="chips">{boxes}</div>
        </fieldset>
        <div class="field">
            <label for="excluded">"People, one per line"</label>
            <TextArea
                id="excluded"
                name="excluded"
                value=bank.form.excluded_subjects.clone()
                rows=2
                mono=true
                readonly=!bank.editable
            />
            {error}
        </div>
    };
    panel("exclusions", "Excluded", summary, wrong, body)
}

/// The form that the fields of [`preview`] belong to; it stands outside the rollout's own.
const PREVIEW_FORM: &str = "preview-link-form";

/// For one tester, whatever the faders say: leads to where the link is made.
fn preview(bank: &Bank<'_>) -> impl IntoView + use<> {
    let error = bank.tester.general();
    let wrong = error.is_some();
    let error = error.map(|it| view! { <p class="error" id="preview-tester-error" role="alert">{it}</p> });
    let placeholder = if here().may(Operation::ReadPeople) {
        "who, for example anna@agency.example"
    } else {
        "who, for example ada.moreau"
    };
    let body = view! {
        <p class="note">
            "A link that shows this flag to one tester for a while, whatever the faders say. Nobody else sees a difference."
        </p>
        <div class="cluster">
            <input
                name="subject"
                form=PREVIEW_FORM
                value=bank.tester.input.clone()
                class="mono"
                placeholder=placeholder
                aria-label="Tester who gets the preview link"
                aria-describedby=wrong.then_some("preview-tester-error")
                aria-invalid=wrong.then_some("true")
                autocomplete="off"
                spellcheck="false"
                required
            />
            <button class="button" data-size="small" form=PREVIEW_FORM>"Make a preview link"</button>
        </div>
        {error}
    };
    panel("preview-link", "Preview link", "for one tester".to_owned(), wrong, body)
}

/// Stands beside the rollout's form.
pub fn preview_form(flag: &FlagKey) -> Option<impl IntoView + use<>> {
    let here = here();
    let environment = (!here.is_default()).then(|| {
        view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> }
    });
    here.may(Operation::Exclude).then(|| {
        view! {
            <form id=PREVIEW_FORM method="get" action=here.plain("/testers") autocomplete="off">
                {environment}
                <input type="hidden" name="flag" value=flag.to_string() />
            </form>
        }
    })
}

fn people(n: usize) -> String {
    engine::counted(n, "person")
}

fn pins(bank: &Bank<'_>) -> impl IntoView + use<> {
    let count = bank.form.pins.iter().filter(|(subject, _)| !subject.is_empty()).count();
    let blank = bank.form.pins.len() > count;
    let mut rows: Vec<(String, String)> = bank.form.pins.clone();
    if bank.editable && !blank {
        rows.push((String::new(), String::new()));
    }
    let rows: Vec<_> = rows
        .into_iter()
        .enumerate()
        .map(|(at, (subject, variant))| {
            let options: Vec<_> = bank
                .flag
                .variants
                .iter()
                .map(|it| {
                    let key = it.key.to_string();
                    let selected = key == variant;
                    view! { <option value=key.clone() selected=selected>{key.clone()}</option> }
                })
                .collect();
            view! {
                <li class="pair">
                    <input
                        name="pin.subject"
                        value=subject
                        class="mono"
                        placeholder="who, for example anna@agency.example"
                        aria-label=format!("Pinned person {}", at + 1)
                        autocomplete="off"
                        spellcheck="false"
                        readonly=!bank.editable
                    />
                    <span>"always gets"</span>
                    <select
                        name="pin.variant"
                        aria-label=format!("Variant of pinned person {}", at + 1)
                        disabled=!bank.editable
                    >
                        {options}
                    </select>
                </li>
            }
        })
        .collect();
    let (wrong, error) = error_at(bank, "pin");
    let add = bank.editable.then(|| row_button("add-pin", "Another person"));
    let body = view! {
        <p class="note">"Always get one variant, whatever the faders say. Empty a line to unpin."</p>
        <ul class="pairs">{rows}</ul>
        {error}
        {add}
    };
    let summary = if count == 0 { "nobody".to_owned() } else { people(count) };
    panel("pins", "Pinned", summary, wrong || bank.form.pins.len() > count, body)
}

fn row_button(intent: &'static str, text: &'static str) -> impl IntoView {
    view! {
        <div>
            <button
                class="button"
                data-size="small"
                name="intent"
                value=intent
                formaction="#more"
                data-swap=SWAP
                formnovalidate
            >
                {icon::plus()}
                {text}
            </button>
        </div>
    }
}

fn prerequisites(bank: &Bank<'_>, candidates: &Candidates) -> impl IntoView + use<> {
    let named: Vec<_> = bank.form.prerequisites.iter().filter(|(flag, _)| !flag.is_empty()).collect();
    let summary = match named.len() {
        0 => "none".to_owned(),
        _ => named.iter().map(|(flag, variant)| format!("{flag} = {variant}")).collect::<Vec<_>>().join(", "),
    };
    let blank = bank.form.prerequisites.len() > named.len();
    let mut rows = bank.form.prerequisites.clone();
    if bank.editable && !blank {
        rows.push((String::new(), String::new()));
    }
    let rows: Vec<_> =
        rows.into_iter().enumerate().map(|(at, row)| prerequisite(bank, candidates, at, &row)).collect();
    let (wrong, error) = error_at(bank, "need");
    let body = view! {
        <p class="note">
            "People get this flag only while each of these flags serves them the named variant. Empty a line to remove it."
        </p>
        <ul class="pairs">{rows}</ul>
        {variant_names(candidates)}
        {error}
        {bank.editable.then(|| row_button("add-prerequisite", "Another flag"))}
    };
    panel("prerequisites", "Needs other flags", summary, wrong || blank, body)
}

fn prerequisite(
    bank: &Bank<'_>,
    candidates: &Candidates,
    at: usize,
    (flag, variant): &(String, String),
) -> impl IntoView + use<> {
    let option = |key: &str, name: String| {
        view! { <option value=key.to_owned() selected=key == flag>{name}</option> }
    };
    let mut options = vec![option("", "– no flag –".to_owned())];
    options.extend(candidates.iter().map(|(key, name, _)| option(key, format!("{name} ({key})"))));
    if !flag.is_empty() && !candidates.iter().any(|(key, ..)| key == flag) {
        options.push(option(flag, format!("{flag} (missing)")));
    }
    view! {
        <li class="pair">
            <select
                name="need.flag"
                aria-label=format!("Needed flag {}", at + 1)
                disabled=!bank.editable
            >
                {options}
            </select>
            <span>"serves"</span>
            <input
                name="need.variant"
                value=variant.clone()
                list="need-variants"
                placeholder="on"
                aria-label=format!("Needed variant {}", at + 1)
                autocomplete="off"
                spellcheck="false"
                readonly=!bank.editable
            />
        </li>
    }
}

fn variant_names(candidates: &Candidates) -> impl IntoView + use<> {
    let mut names: Vec<_> = candidates.iter().flat_map(|(.., variants)| variants.clone()).collect();
    names.sort();
    names.dedup();
    let options: Vec<_> = names.into_iter().map(|name| view! { <option value=name></option> }).collect();
    view! { <datalist id="need-variants">{options}</datalist> }
}
