//! A new flag: a name is enough.

use islands::key_from_name::KeyFromName;
use leptos::prelude::*;

use super::{
    Tab,
    settings::form::{FlagForm, KINDS, TYPES},
};
use crate::{
    form::{restore::Restore, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::field::{Field, FormError, Paragraph},
};

pub async fn get(page: Page) -> PageResult {
    page.principal.flag_editor()?;
    let form = FlagForm {
        kind: "release".to_owned(),
        value_type: "boolean".to_owned(),
        owner: page.principal.name().to_owned(),
        ..FlagForm::default()
    };
    show(&page, FormState::editing(form), None)
}

/// Whoever comes from *Connect your app* goes on there.
pub fn then_connect(page: &Page) -> Option<Tab> {
    page.query("then").filter(|it| it == "connect").map(|_| Tab::Connect)
}

/// `restore`: what is archived and has the key that was asked for.
pub fn show(page: &Page, state: FormState<FlagForm>, restore: Option<Restore>) -> PageResult {
    let mut meta = PageMeta::new("New flag", Section::Desk).status(state.status());
    meta.live = false;
    let action = then_connect(page).map_or("/flags/new", |_| "/flags/new?then=connect");
    page.render(meta, move || {
        let here = here();
        let form = state.input.clone().unwrap_or_default();
        let at = |field: &str| state.at(field);
        view! {
            <PageHead
                title="New flag"
                lead="It starts as a draft that nobody gets. Then open it for a pilot group, and widen it step by step."
            />
            {restore.map(Restore::view)}
            <form method="post" action=here.href(action) class="card stack new-flag">
                <FormError error=at("") />
                <Field
                    label="Name"
                    name="name"
                    value=form.name.clone()
                    error=at("name")
                    placeholder="Fast payment"
                    required=true
                    autofocus=true
                    autocomplete="off"
                />
                <Field
                    label="Key"
                    name="key"
                    value=form.key.clone()
                    error=at("key")
                    hint="What programs ask for; it never changes. Leave it empty to take it from the name."
                    placeholder="fast-payment"
                    mono=true
                    autocomplete="off"
                />
                {options("kind", "What is it for?", &KINDS.map(|(_, code, label, hint)| (code, label, hint)), &form.kind)}
                {options("type", "What does a program get?", &TYPES.map(|(_, code, label, hint)| (code, label, hint)), &form.value_type)}
                <Paragraph
                    label="Description"
                    name="description"
                    value=form.description.clone()
                    error=at("description")
                    rows=2
                    placeholder="What changes for people who have it, and what to look at while it widens."
                />
                <div class="field-row">
                    <Field label="Owner" name="owner" value=form.owner.clone() error=at("owner") autocomplete="off" />
                    <Field
                        label="Tags"
                        name="tags"
                        value=form.tags.clone()
                        error=at("tags")
                        placeholder="checkout, q3"
                        hint="Separated by commas."
                        autocomplete="off"
                    />
                </div>
                <div class="cluster">
                    <button class="button" data-kind="primary">"Create the flag"</button>
                    <a class="button" data-kind="quiet" href=here.href("/")>"Cancel"</a>
                </div>
            </form>
            <KeyFromName />
        }
    })
}

/// Radio buttons that say what each choice means.
pub fn options(
    name: &'static str,
    legend: &'static str,
    choices: &[(&'static str, &'static str, &'static str)],
    chosen: &str,
) -> impl IntoView + use<> {
    let options: Vec<_> = choices
        .iter()
        .map(|(code, label, hint)| {
            view! {
                <label class="option">
                    <input type="radio" name=name value=*code checked=*code == chosen />
                    <span>
                        <b>{*label}</b>
                        <small>{*hint}</small>
                    </span>
                </label>
            }
        })
        .collect();
    view! {
        <fieldset class="field">
            <legend>{legend}</legend>
            <div class="options">{options}</div>
        </fieldset>
    }
}
