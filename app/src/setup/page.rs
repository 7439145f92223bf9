//! The first visit: the one-time code that the server printed makes the first admin.

use leptos::prelude::*;

use crate::{
    form::{fields::Fields, state::FormState},
    page::{PageMeta, PageResult, Visit, here::here},
    ui::field::{Field, FormError},
};

/// What was typed, without the password.
#[derive(Debug, Clone, Default)]
pub struct SetupInput {
    pub code: String,
    pub name: String,
    pub email: String,
}

impl SetupInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            code: fields.trimmed("code").to_owned(),
            name: fields.trimmed("name").to_owned(),
            email: fields.trimmed("email").to_owned(),
        }
    }
}

pub async fn get(visit: Visit) -> PageResult {
    if !visit.store().setup_needed().await? {
        return Ok(visit.go("/sign-in"));
    }
    show(&visit, FormState::default())
}

pub fn show(visit: &Visit, draft: FormState<SetupInput>) -> PageResult {
    let meta = PageMeta::outside("Set up").status(draft.status());
    visit.render_door(meta, move || {
        let errors = ["code", "name", "email", "password"].map(|field| draft.at(field));
        let [code, name, email, password] = errors;
        let (general, input) = (draft.general(), draft.input.unwrap_or_default());
        view! {
            <h1>"Set up Fader"</h1>
            <p class="lead">"Nobody has an account yet. The server printed a one-time code when it started."</p>
            <form method="post" action=here().plain("/setup") class="card stack">
                <FormError error=general />
                <Field label="Setup code" name="code" value=input.code error=code mono=true required=true autocomplete="off" />
                <Field label="Your name" name="name" value=input.name error=name autocomplete="name" required=true />
                <Field
                    label="E-mail"
                    name="email"
                    kind="email"
                    value=input.email
                    error=email
                    autocomplete="username"
                    required=true
                />
                <Field
                    label="Password"
                    name="password"
                    kind="password"
                    error=password
                    hint=crate::ui::field::password_hint()
                    autocomplete="new-password"
                    required=true
                />
                <button class="button" data-kind="primary">"Create the first admin"</button>
            </form>
        }
    })
}
