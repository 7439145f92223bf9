//! Form fields: label, control, hint, and the error beside the control as `role=alert`.

use leptos::prelude::*;

use super::{
    badge::{Callout, Tone},
    text_area::TextArea,
};

#[expect(clippy::fn_params_excessive_bools, reason = "properties are named where they are given")]
/// A labelled `<input>`. `error` is a draft's [`crate::form::state::FormState::at`] of the same name.
#[component]
pub fn Field(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional, into)] value: String,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional_no_strip)] error: Option<String>,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional)] mono: bool,
    #[prop(optional)] readonly: bool,
    #[prop(optional, into)] autocomplete: Option<&'static str>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional, into)] inputmode: Option<&'static str>,
    #[prop(optional, into)] maxlength: Option<String>,
    #[prop(optional, into)] minlength: Option<String>,
    /// The id of a `<datalist>`.
    #[prop(optional, into)]
    list: Option<&'static str>,
    /// Needed when a page has two fields of one name.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| format!("field-{name}"));
    let described = described_by(&id, hint.is_some(), error.is_some());
    let invalid = error.is_some().then_some("true");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input
                id=id.clone()
                name=name
                r#type=kind
                value=value
                class=mono.then_some("mono")
                required=required
                autofocus=autofocus
                readonly=readonly
                autocomplete=autocomplete
                placeholder=placeholder
                inputmode=inputmode
                maxlength=maxlength
                minlength=minlength
                list=list
                spellcheck=mono.then_some("false")
                aria-describedby=described
                aria-invalid=invalid
            />
            {notes(&id, hint, error)}
        </div>
    }
}

/// A labelled `<select>`; `options` are value, text.
#[component]
pub fn Choice(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(into)] value: String,
    options: Vec<(String, String)>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional_no_strip)] error: Option<String>,
    #[prop(optional, into)] id: Option<String>,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| format!("field-{name}"));
    let described = described_by(&id, hint.is_some(), error.is_some());
    let invalid = error.is_some().then_some("true");
    let options = options
        .into_iter()
        .map(|(key, text)| {
            let selected = key == value;
            view! { <option value=key selected=selected>{text}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id.clone() name=name aria-describedby=described aria-invalid=invalid>{options}</select>
            {notes(&id, hint, error)}
        </div>
    }
}

/// A labelled `<textarea>`.
#[component]
pub fn Paragraph(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional, into)] value: String,
    #[prop(default = 3)] rows: u32,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional_no_strip)] error: Option<String>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional)] mono: bool,
    #[prop(optional, into)] id: Option<String>,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| format!("field-{name}"));
    let described = described_by(&id, hint.is_some(), error.is_some());
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <TextArea
                id=id.clone()
                name=name
                value=value
                rows=rows
                mono=mono
                placeholder=placeholder
                described=described
                invalid=error.is_some()
            />
            {notes(&id, hint, error)}
        </div>
    }
}

/// What is wrong with a form as a whole, above its first field.
#[component]
pub fn FormError(#[prop(optional_no_strip)] error: Option<String>) -> impl IntoView {
    error.map(|error| view! { <Callout tone=Tone::Danger role="alert"><p>{error}</p></Callout> })
}

fn described_by(id: &str, hint: bool, error: bool) -> Option<String> {
    match (hint, error) {
        (false, false) => None,
        (true, false) => Some(format!("{id}-hint")),
        (false, true) => Some(format!("{id}-error")),
        (true, true) => Some(format!("{id}-error {id}-hint")),
    }
}

fn notes(id: &str, hint: Option<String>, error: Option<String>) -> impl IntoView + use<> {
    let hint = hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> });
    let error =
        error.map(|error| view! { <p class="error" id=format!("{id}-error") role="alert">{error}</p> });
    (error, hint)
}

/// What a new password needs.
pub fn password_hint() -> String {
    format!("At least {} characters. A few words are easier than symbols.", store::limits::PASSWORD_CHARS_MIN)
}
