//! What an invitation or a reset link leads to: choosing a password. The address is a secret, so it is never a
//! referrer and never logged.

use axum::extract::Path;
use leptos::prelude::*;
use store::InvitePurpose;

use crate::{
    error::AppError,
    form::state::FormState,
    page::{PageMeta, PageResult, Visit, here::here},
    ui::{
        field::{Field, FormError, password_hint},
        time,
    },
};

pub async fn get(visit: Visit, Path(token): Path<String>) -> PageResult {
    show(&visit, &token, FormState::default()).await
}

pub async fn show(visit: &Visit, token: &str, draft: FormState<()>) -> PageResult {
    let invite = visit.store().find_invite(token).await?.ok_or(AppError::StaleLink)?;
    let (title, lead, button) = match invite.purpose {
        InvitePurpose::Join => {
            ("Join Fader", format!("Welcome, {}. Choose a password.", invite.name), "Join")
        }
        InvitePurpose::Reset => {
            ("New password", format!("Choose a new password, {}.", invite.name), "Save and sign in")
        }
    };
    let meta = PageMeta::outside(title).status(draft.status()).secret_address();
    let action = format!("/invite/{token}");
    let left = time::ago_phrase(visit.now_ms(), invite.expires_ms);
    visit.render_door(meta, move || {
        view! {
            <h1>{title}</h1>
            <p class="lead">{lead}</p>
            <form method="post" action=here().plain(&action) class="card stack">
                <FormError error=draft.general() />
                <Field label="E-mail" name="email" kind="email" value=invite.email autocomplete="username" readonly=true />
                <Field
                    label="Password"
                    name="password"
                    kind="password"
                    error=draft.at("password")
                    hint=password_hint()
                    autocomplete="new-password"
                    required=true
                    autofocus=true
                />
                <button class="button" data-kind="primary">{button}</button>
            </form>
            <p class="note">{format!("This link works once and expires {left}.")}</p>
        }
    })
}
