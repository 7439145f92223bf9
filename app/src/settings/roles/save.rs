//! Changing the role table, taking the last change back, and going back to the defaults.

use store::{RoleTable, StoreError};

use super::{
    form::RolesForm,
    page::{self, ADDRESS},
};
use crate::{
    error::AppError,
    form::{
        error::{FieldError, FormErrors},
        fields::Fields,
        state::FormState,
    },
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    page.principal.administrator()?;
    match fields.text("intent") {
        "save" => save(&page, &fields).await,
        "undo" | "reset" => take_back(&page, &fields).await,
        _ => Err(AppError::BadForm),
    }
}

async fn save(page: &Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let live = page.store().live();
    let known: Vec<_> = live.environments().iter().map(|it| it.key.clone()).collect();
    let form = RolesForm::read(fields, &live.roles(), &known)?;
    let saved =
        page.store().save_roles(&administrator, form.version, form.table.clone(), &form.comment).await;
    match saved {
        Ok(version) if version == form.version => Ok(done(page, Toast::Unchanged)),
        Ok(_) => Ok(done(page, Toast::RolesSaved)),
        Err(StoreError::Conflict(conflict)) => clash(page, form, conflict).await,
        Err(error @ StoreError::Invalid(_)) => {
            let refused = FormState::refused(form, FieldError::at("comment", error));
            page::show(page, refused).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Lays what was ticked on top of what the others saved, and shows both: saving again is meant so.
async fn clash(page: &Page, mut form: RolesForm, conflict: store::Conflict) -> PageResult {
    let (store, viewer) = (page.store(), page.viewer());
    let theirs = store.find_roles(&viewer).await?;
    // Only a damaged form names a version that never was.
    let base = store.find_roles_version(&viewer, form.version).await?.ok_or(AppError::BadForm)?;
    form.table = theirs.table.with(&base, &form.table);
    form.version = theirs.version();
    page::show(page, FormState::refused(form, FormErrors::from(StoreError::Conflict(conflict)))).await
}

async fn take_back(page: &Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let (version, comment) = (fields.number("version")?, fields.trimmed("comment"));
    let store = page.store();
    let outcome = if fields.text("intent") == "undo" {
        store.undo_roles(&administrator, version, comment).await
    } else {
        store.save_roles(&administrator, version, RoleTable::default(), comment).await
    };
    match outcome {
        Ok(_) => Ok(done(page, Toast::RolesSaved)),
        Err(error @ (StoreError::Conflict(_) | StoreError::Invalid(_))) => {
            page::show(page, FormState { input: None, errors: Some(error.into()) }).await
        }
        Err(error) => Err(error.into()),
    }
}

fn done(page: &Page, toast: Toast) -> axum::response::Response {
    page.done(&page.href(ADDRESS), toast)
}
