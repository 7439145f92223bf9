//! The Settings tab: the flag's definition in all environments, and the corner of things that cannot be missed.

use axum::extract::Path;
use engine::{Lifecycle, ValueType};
use islands::swap::Swap;
use leptos::prelude::*;
use store::Operation;

use super::form::{FlagForm, KINDS, lifecycle_word, type_code, type_word};
use crate::{
    flag::{FlagPage, Tab, frame, new::options},
    form::{
        error::{FieldError, sentences_at},
        state::FormState,
    },
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        badge::{Badge, Tone},
        field::{Field, FormError, Paragraph},
        icon,
        text_area::TextArea,
    },
};

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    show(&page, shown, FormState::default())
}

pub fn show(page: &Page, shown: FlagPage, form: FormState<FlagForm>) -> PageResult {
    let editable = page.may(Operation::EditFlags);
    let random = page.may(Operation::RollOut) && !shown.archived();
    let meta = PageMeta::new(format!("Settings of {}", shown.flag.name), Section::Desk).status(form.status());
    let errors = form.errors.map(|errors| errors.fields).unwrap_or_default();
    let form = form.input.unwrap_or_else(|| FlagForm::from_flag(&shown.flag, shown.flag_version));
    page.render(meta, move || {
        let body = view! {
            {definition(&shown, &form, &errors, editable)}
            {(editable || random).then(|| danger(&shown, &errors, (editable, random)))}
            <Swap />
        };
        frame(&shown, Tab::Settings, false, body)
    })
}

fn definition(
    shown: &FlagPage,
    form: &FlagForm,
    errors: &[FieldError],
    editable: bool,
) -> impl IntoView + use<> {
    let here = here();
    let at = |field: &str| sentences_at(errors, field);
    let why = here.why_not(Operation::EditFlags).map(|why| view! { <p class="note">{why}</p> });
    let save = editable.then(|| {
        view! {
            <div class="settings-save">
                <Field label="Why?" name="comment" value=form.comment.clone() placeholder="Optional, goes into the audit log" autocomplete="off" />
                <button class="button" data-kind="primary" name="intent" value="save">"Save"</button>
            </div>
        }
    });
    view! {
        <form
            method="post"
            action=here.href(&format!("{}#definition", Tab::Settings.path(shown.key())))
            class="card stack settings"
            id="definition"
            data-guard=format!("flag/{}", shown.key())
        >
            <button class="visually-hidden" name="intent" value="save" tabindex="-1" aria-hidden="true" disabled=!editable>"Save"</button>
            <input type="hidden" name="expected" value=form.expected.to_string() />
            <input type="hidden" name="type" value=type_code(shown.flag.value_type) />
            <div class="card-head">
                <h2>"Definition"</h2>
                <p class="note">"The same in every environment."</p>
            </div>
            <FormError error=at("") />
            <fieldset class="stack" disabled=!editable>
                <div class="field-row">
                    <Field label="Name" name="name" value=form.name.clone() error=at("name") required=true autocomplete="off" />
                    <Field label="Owner" name="owner" value=form.owner.clone() error=at("owner") autocomplete="off" />
                </div>
                <Paragraph label="Description" name="description" value=form.description.clone() error=at("description") rows=2 />
                <Field
                    label="Tags"
                    name="tags"
                    value=form.tags.clone()
                    error=at("tags")
                    hint="Separated by commas."
                    autocomplete="off"
                />
                <div class="field-row">
                    <Field
                        label="Name for customers"
                        name="public_name"
                        value=form.public_name.clone()
                        error=at("public_name")
                        placeholder="One-press payment"
                        hint="With it, support may tell people that they have or had this. Without it nobody outside hears of it."
                        autocomplete="off"
                    />
                    <Field
                        label="Sentence for customers"
                        name="public_sentence"
                        value=form.public_sentence.clone()
                        error=at("public_sentence")
                        placeholder="You pay for a booking with one press."
                        autocomplete="off"
                    />
                </div>
                {options("kind", "What it is for", &KINDS.map(|(_, code, label, hint)| (code, label, hint)), &form.kind)}
                {variants(shown, form, errors)}
                {save}
                {why}
            </fieldset>
        </form>
    }
}

fn variants(shown: &FlagPage, form: &FlagForm, errors: &[FieldError]) -> impl IntoView + use<> {
    let rows: Vec<_> = (0..form.variants.len()).map(|at| variant(shown, form, errors, at)).collect();
    let error =
        |field: &str| sentences_at(errors, field).map(|it| view! { <p class="error" role="alert">{it}</p> });
    view! {
        <fieldset class="field variants" id="variants">
            <legend>"Variants"</legend>
            <p class="hint">
                {format!("Type: {}. It stays as it is, because programs rely on it. ", type_word(shown.flag.value_type))}
                "The off variant is for everybody who does not get the feature."
            </p>
            <ol class="variant-rows">{rows}</ol>
            {error("variants")}
            {error("off")}
            <div>
                <button
                    class="button"
                    data-size="small"
                    name="intent"
                    value="add-variant"
                    formaction="#variants"
                    data-swap="variants"
                    formnovalidate
                >
                    {icon::plus()}
                    "Add a variant"
                </button>
            </div>
        </fieldset>
    }
}

fn variant(shown: &FlagPage, form: &FlagForm, errors: &[FieldError], at: usize) -> impl IntoView + use<> {
    let (key, value) = form.variants[at].clone();
    let number = at + 1;
    let errors = ["key", "value"].map(|part| sentences_at(errors, &format!("variant.{at}.{part}")));
    let [key_error, value_error] =
        errors.map(|it| it.map(|it| view! { <p class="error" role="alert">{it}</p> }));
    let editor = value_editor(shown.flag.value_type, value, format!("Value of variant {number}"));
    view! {
        <li class="variant-row">
            <div>
                <input
                    name="variant.key"
                    value=key
                    class="mono"
                    aria-label=format!("Key of variant {number}")
                    autocomplete="off"
                    spellcheck="false"
                />
                {key_error}
            </div>
            <div>{editor}{value_error}</div>
            <label class="check">
                <input type="radio" name="off" value=at.to_string() checked=form.off == at.to_string() />
                "off"
            </label>
            <button
                class="button"
                data-size="small"
                data-kind="quiet"
                name="intent"
                value=format!("remove-variant:{at}")
                formaction="#variants"
                aria-label=format!("Remove variant {number}")
                data-swap="variants"
                formnovalidate
            >
                {icon::trash()}
            </button>
        </li>
    }
}

fn value_editor(value_type: ValueType, value: String, label: String) -> AnyView {
    match value_type {
        ValueType::Boolean => {
            let is_true = value.trim() == "true";
            view! {
                <select name="variant.value" aria-label=label>
                    <option value="true" selected=is_true>"true"</option>
                    <option value="false" selected=!is_true>"false"</option>
                </select>
            }
            .into_any()
        }
        ValueType::String | ValueType::Object => view! {
            <TextArea name="variant.value" value=value rows=1 mono=true label=label />
        }
        .into_any(),
        ValueType::Number => view! {
            <input name="variant.value" value=value class="mono" inputmode="decimal" aria-label=label autocomplete="off" />
        }
        .into_any(),
    }
}

/// `may`: edit the flag, and draw everyone anew in this environment.
fn danger(shown: &FlagPage, errors: &[FieldError], may: (bool, bool)) -> impl IntoView + use<> {
    let (editable, random) = may;
    view! {
        <section class="card stack danger" id="lifecycle" aria-label="Lifecycle">
            <div class="card-head">
                <h2>"Lifecycle"</h2>
                <Badge tone=lifecycle_tone(shown.flag.lifecycle) text=lifecycle_word(shown.flag.lifecycle) />
            </div>
            {editable.then(|| lifecycle(shown, errors))}
            {random.then(|| re_randomise(shown, errors))}
        </section>
    }
}

fn lifecycle_tone(lifecycle: Lifecycle) -> Tone {
    match lifecycle {
        Lifecycle::Draft => Tone::Neutral,
        Lifecycle::Active => Tone::Accent,
        Lifecycle::Completed => Tone::Good,
        Lifecycle::Archived => Tone::Warning,
    }
}

fn lifecycle(shown: &FlagPage, errors: &[FieldError]) -> AnyView {
    let here = here();
    let action = here.href(&Tab::Settings.path(shown.key()));
    let expected = shown.flag_version.to_string();
    let simple = |intent: &'static str, text: &'static str, button: &'static str| {
        view! {
            <form method="post" action=action.clone() class="danger-row">
                <p>{text}</p>
                <input type="hidden" name="expected" value=expected.clone() />
                <button class="button" name="intent" value=intent>{button}</button>
            </form>
        }
        .into_any()
    };
    let archive = || {
        let error = sentences_at(errors, "confirm");
        let open = error.is_some();
        view! {
            <details class="danger-row" open=open>
                <summary class="button" data-kind="danger-quiet">"Archive…"</summary>
                <form method="post" action=action.clone() class="stack">
                    <p>
                        "Clients no longer find an archived flag: each falls back to the default in its own code. "
                        "Remove the flag from the code first. It can be restored."
                    </p>
                    <input type="hidden" name="expected" value=expected.clone() />
                    <Field
                        label=format!("Type {} to confirm", shown.key())
                        name="confirm"
                        error=error
                        mono=true
                        autocomplete="off"
                    />
                    <div><button class="button" data-kind="danger" name="intent" value="archive">"Archive this flag"</button></div>
                </form>
            </details>
        }
        .into_any()
    };
    match shown.flag.lifecycle {
        Lifecycle::Archived => {
            simple("restore", "Clients find it again, with the rollout as it was.", "Restore")
        }
        Lifecycle::Completed => (
            simple("reopen", "It is marked as finished: the old code path can go.", "Work on it again"),
            archive(),
        )
            .into_any(),
        Lifecycle::Draft | Lifecycle::Active => (
            simple(
                "complete",
                "Everybody has it and it stays: mark it, so that somebody removes it from the code.",
                "Mark as completed",
            ),
            archive(),
        )
            .into_any(),
    }
}

fn re_randomise(shown: &FlagPage, errors: &[FieldError]) -> impl IntoView + use<> {
    let here = here();
    let error = sentences_at(errors, "confirm-random");
    let open = error.is_some();
    view! {
        <details class="danger-row" open=open>
            <summary class="button" data-kind="danger-quiet">{format!("Draw everyone anew in {}…", shown.environment.name)}</summary>
            <form
                method="post"
                action=here.href(&format!("{}/re-randomise", Tab::Rollout.path(shown.key())))
                class="stack"
            >
                <p>
                    "Every percentage below 100 will be filled with other people: those who have it now may lose it. "
                    "Comparisons from before count no longer. Stopping and resuming never do this."
                </p>
                <input type="hidden" name="expected" value=shown.rollout.version.to_string() />
                <Field
                    label=format!("Type {} to confirm", shown.key())
                    name="confirm"
                    id="confirm-random"
                    error=error
                    mono=true
                    autocomplete="off"
                />
                <Field label="Why?" name="comment" id="random-comment" autocomplete="off" />
                <div><button class="button" data-kind="danger">"Draw everyone anew"</button></div>
            </form>
        </details>
    }
}
