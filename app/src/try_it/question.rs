//! The left side of "Try it": whom to ask for, what is sent, and saved personas.

use engine::AttributeSchema;
use leptos::prelude::*;

use super::{
    form::{Row, TrialForm},
    page::{PersonaName, Tried},
};
use crate::{
    flag::{FlagPage, Tab},
    form::{error::sentences_at, state::FormState},
    page::here::here,
    ui::{field::FormError, icon, text_area::TextArea},
};

pub fn view(trial: &Tried, shown: &FlagPage) -> impl IntoView + use<> {
    let here = here();
    let path = here.plain(&Tab::TryIt.path(shown.key()));
    let is_default = here.is_default();
    let environment = (!is_default).then(|| {
        view! { <input type="hidden" name="env" value=shown.environment.key.to_string() /> }
    });
    let rows =
        trial.form.offered_rows().enumerate().map(|(at, row)| row_view(trial, at, &row)).collect_view();
    let names = shown
        .snapshot
        .attributes()
        .definitions()
        .iter()
        .map(|it| view! { <option value=it.name.to_string()>{it.description.clone()}</option> })
        .collect_view();
    view! {
        <form id="try-form" method="get" autocomplete="off" action=path class="card stack try-form" role="search" aria-label="Try it">
            {environment}
            {subject_field(trial)}
            <fieldset class="field try-sender">
                <legend>"Asked by"</legend>
                {sender_choice(&trial.form, false, "a server", "may send every attribute")}
                {sender_choice(&trial.form, true, "a browser", "may not set trusted attributes")}
            </fieldset>
            <fieldset class="field">
                <legend>"Attributes sent with the call"</legend>
                <p class="hint">"They win over what is stored. Leave them empty to use the stored ones."</p>
                <ol class="try-rows">{rows}</ol>
                <datalist id="try-attributes">{names}</datalist>
            </fieldset>
            {json_field(trial)}
            <div class="cluster">
                <button class="button" data-kind="primary">"Try it"</button>
                <a class="button" data-kind="quiet" href=here.href(&Tab::TryIt.path(shown.key()))>"Clear"</a>
            </div>
            <p class="note">"The question is part of this page’s address: copy it to share the answer."</p>
        </form>
    }
}

fn subject_field(trial: &Tried) -> impl IntoView + use<> {
    let options =
        trial.suggestions.iter().map(|it| view! { <option value=it.clone()></option> }).collect_view();
    let hint = if trial.may_read {
        "A known person’s key, or any other."
    } else {
        "Your role does not look people up: stored attributes are not used."
    };
    let stored = trial.traits.as_ref().map(|traits| {
        let list = traits
            .iter()
            .map(|(name, value)| view! { <li>{name.to_owned()}" "<b>{value.display()}</b></li> })
            .collect_view();
        view! {
            <p class="try-stored">"Known. Stored with them:"</p>
            <ul class="try-traits" aria-label="Stored attributes">{list}</ul>
        }
    });
    let unknown = (trial.may_read && trial.traits.is_none() && !trial.form.subject.is_empty())
        .then(|| view! { <p class="try-stored">"Not among the known people: only what is sent counts."</p> });
    view! {
        <div class="field">
            <label for="try-subject">"Targeting key"</label>
            <input
                id="try-subject"
                name="subject"
                class="mono"
                value=trial.form.subject.clone()
                list="try-people"
                placeholder="user-1042"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby="try-subject-hint"
                data-swap-input="try-people"
            />
            <p class="hint" id="try-subject-hint">{hint}</p>
            {stored}
            {unknown}
            <datalist id="try-people">{options}</datalist>
        </div>
    }
}

fn sender_choice(
    form: &TrialForm,
    browser: bool,
    label: &'static str,
    hint: &'static str,
) -> impl IntoView + use<> {
    let value = if browser { "browser" } else { "server" };
    view! {
        <label class="check">
            <input type="radio" name="as" value=value checked=form.browser == browser />
            <span>{label}" "<span class="muted">{hint}</span></span>
        </label>
    }
}

fn row_view(trial: &Tried, at: usize, row: &Row) -> impl IntoView + use<> {
    let number = at + 1;
    let error = sentences_at(&trial.errors, &format!("row-{at}"));
    let id = format!("row-{at}-error");
    let described = error.is_some().then(|| id.clone());
    let invalid = error.is_some().then_some("true");
    let error = error.map(|error| view! { <p class="error" id=id role="alert">{error}</p> });
    view! {
        <li>
            <input
                name="a"
                value=row.name.clone()
                list="try-attributes"
                placeholder="attribute"
                aria-label=format!("Attribute {number}")
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
            />
            <input
                name="v"
                value=row.value.clone()
                placeholder="value"
                aria-label=format!("Value {number}")
                aria-invalid=invalid
                aria-describedby=described
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
            />
            {error}
        </li>
    }
}

fn json_field(trial: &Tried) -> impl IntoView + use<> {
    let error = sentences_at(&trial.errors, "json");
    let open = !trial.form.json.trim().is_empty();
    let described = error.is_some().then(|| "json-error".to_owned());
    let invalid = error.is_some();
    let error = error.map(|error| view! { <p class="error" id="json-error" role="alert">{error}</p> });
    view! {
        <details class="try-json" open=open>
            <summary>"As JSON"</summary>
            <div class="field">
                <label for="try-json" class="visually-hidden">"Attributes as JSON"</label>
                <TextArea
                    id="try-json"
                    name="json"
                    value=trial.form.json.clone()
                    rows=4
                    mono=true
                    placeholder=Some("{\"tier\": \"vip\"}".to_owned())
                    invalid=invalid
                    described=described
                />
                {error}
            </div>
        </details>
    }
}

pub fn personas(
    trial: &Tried,
    schema: &AttributeSchema,
    draft: &FormState<PersonaName>,
) -> impl IntoView + use<> {
    let here = here();
    let chips = trial
        .personas
        .iter()
        .map(|persona| {
            let form = TrialForm::from_persona(persona, schema);
            let current = (form == TrialForm { browser: false, ..trial.form.clone() }).then_some("true");
            let href = here.href(&format!("{}?{}", here.path, form.query()));
            let delete = trial.may_read.then(|| {
                view! {
                    <button
                        name="intent"
                        value=format!("delete:{}", persona.id)
                        class="try-forget"
                        aria-label=format!("Delete the persona {}", persona.name)
                    >
                        {icon::close()}
                    </button>
                }
            });
            view! { <li><a href=href aria-current=current>{persona.name.clone()}</a>{delete}</li> }
        })
        .collect_view();
    let list = if trial.personas.is_empty() {
        view! { <p class="muted">"Save what you try under a name, and try it again with one press on any flag."</p> }.into_any()
    } else {
        view! { <ul class="try-personas">{chips}</ul> }.into_any()
    };
    let can_save = trial.may_read && !trial.form.is_empty() && trial.errors.is_empty();
    let save = can_save.then(|| save_view(draft));
    view! {
        <form method="post" action=here.same_page_with(&[]) class="card stack" aria-labelledby="personas-title">
            // Enter in the name field presses the first button: it must not be one that deletes.
            <button name="intent" value="save" class="visually-hidden" tabindex="-1" aria-hidden="true" disabled=!can_save>
                "Save"
            </button>
            <h2 id="personas-title">"Personas"</h2>
            <FormError error=draft.general() />
            {list}
            {save}
        </form>
    }
}

fn save_view(draft: &FormState<PersonaName>) -> impl IntoView + use<> {
    let error = draft.at("name");
    let described = error.is_some().then_some("persona-error");
    let invalid = error.is_some().then_some("true");
    let error = error.map(|error| view! { <p class="error" id="persona-error" role="alert">{error}</p> });
    view! {
        <div class="field">
            <label for="persona-name">"Save this as"</label>
            <div class="try-save">
                <input
                    id="persona-name"
                    name="name"
                    value=draft.input.clone().unwrap_or_default()
                    placeholder="VIP agency in Oslo"
                    autocomplete="off"
                    aria-invalid=invalid
                    aria-describedby=described
                />
                <button name="intent" value="save" class="button">"Save persona"</button>
            </div>
            {error}
        </div>
    }
}
