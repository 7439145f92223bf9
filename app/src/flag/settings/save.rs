//! Creating a flag, changing its definition, and the dangerous corner: archive, restore, re-randomise.

use axum::extract::Path;
use engine::{Flag, FlagKey, Lifecycle};
use http::StatusCode;
use store::{Invalid, StoreError, Taken};

use super::{
    form::{FlagForm, field_error},
    page,
};
use crate::{
    error::{AppError, Thing},
    flag::{FlagPage, Tab, new},
    form::{
        error::{FieldError, FormErrors},
        fields::Fields,
        restore::Restore,
        state::FormState,
    },
    page::{Page, PageResult, toast::Toast},
};

pub async fn create(page: Page, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let form = FlagForm::from_fields(&fields);
    let flag = match form.create() {
        Ok(flag) => flag,
        Err(errors) => return new::show(&page, FormState::refused(form, errors), None),
    };
    let key = flag.key.clone();
    // Other types have values that only a person can know.
    let usual = if flag.value_type == engine::ValueType::Boolean { Tab::Rollout } else { Tab::Settings };
    let next = new::then_connect(&page).unwrap_or(usual);
    match page.store().create_flag(&editor, flag).await {
        Ok(_) => Ok(page.done(&page.href(&next.path(&key)), Toast::Created)),
        Err(error) => {
            let restore = restore(&page, &error).await?;
            let errors = errors_of(&form, error)?;
            new::show(&page, FormState::refused(form, errors), restore)
        }
    }
}

/// The way back to an archived flag that has the key.
async fn restore(page: &Page, error: &StoreError) -> Result<Option<Restore>, AppError> {
    let StoreError::AlreadyExists { key, by: Taken::Archived, .. } = error else { return Ok(None) };
    let key = FlagKey::parse(key).map_err(|_| AppError::NotFound(Thing::Flag))?;
    let found = page.store().find_flag(&page.viewer(), &key).await?;
    Ok(found.map(|found| Restore {
        sentence: format!("{key} is the key of {}, which is archived.", found.value.name),
        name: found.value.name,
        action: Tab::Settings.path(&key),
        fields: vec![("intent", "restore".to_owned()), ("expected", found.version.to_string())],
    }))
}

/// Every button of the Settings tab.
pub async fn settings(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let mut form = FlagForm::from_fields(&fields);
    let intent = fields.trimmed("intent");
    if form.apply(intent) {
        return page::show(&page, shown, FormState::editing(form));
    }
    let comment = form.comment.clone();
    let (flag, expected, toast) = match intent {
        "archive" | "restore" | "complete" | "reopen" => {
            let saved = FlagForm::from_flag(&shown.flag, shown.flag_version);
            if intent == "archive" && fields.trimmed("confirm") != shown.key().as_str() {
                let error = FieldError::at("confirm", format!("type {} to archive this flag", shown.key()));
                return page::show(&page, shown, FormState::refused(saved, error));
            }
            let (lifecycle, toast) = lifecycle_of(intent);
            let flag = Flag { lifecycle, ..Flag::clone(&shown.flag) };
            form = saved;
            (flag, fields.number("expected")?, toast)
        }
        _ => match form.change(&shown.flag) {
            Ok(flag) => (flag, form.expected, Toast::Saved),
            Err(errors) => return page::show(&page, shown, FormState::refused(form, errors)),
        },
    };
    match page.store().update_flag(&editor, expected, flag, &comment).await {
        Ok(_) => Ok(page.done(&page.href(&Tab::Settings.path(shown.key())), toast)),
        Err(error) => {
            let errors = errors_of(&form, error)?;
            let shown = FlagPage::load(&page, &key).await?;
            // Saving again then means: mine, on top of what is there now.
            form.expected = shown.flag_version;
            page::show(&page, shown, FormState::refused(form, errors))
        }
    }
}

fn lifecycle_of(intent: &str) -> (Lifecycle, Toast) {
    match intent {
        "archive" => (Lifecycle::Archived, Toast::Archived),
        "complete" => (Lifecycle::Completed, Toast::Saved),
        "reopen" => (Lifecycle::Active, Toast::Saved),
        _ => (Lifecycle::Active, Toast::Restored),
    }
}

/// What the store refused, beside the controls; what is no fault of the form is an error page.
fn errors_of(form: &FlagForm, error: StoreError) -> Result<FormErrors, AppError> {
    match error {
        StoreError::Refused(problems) => {
            let errors: Vec<_> = problems.into_iter().map(|problem| field_error(form, problem)).collect();
            Ok(errors.into())
        }
        error @ (StoreError::AlreadyExists { .. } | StoreError::Invalid(Invalid::KeyMeansAPlace(_))) => {
            Ok(FormErrors::from(error).beside("key"))
        }
        StoreError::Conflict(conflict) => {
            let changes: Vec<_> = conflict.changes.iter().map(|it| it.phrase.clone()).collect();
            let sentence = format!(
                "{} changed this flag while you were editing: {}. What you typed is kept; save again to have it, \
                 or load the page again to see theirs",
                conflict.by,
                changes.join("; ")
            );
            Ok(FormErrors::of(StatusCode::CONFLICT, "", sentence))
        }
        error @ (StoreError::InUse { .. } | StoreError::Invalid(_)) => Ok(error.into()),
        error => Err(error.into()),
    }
}

pub async fn re_randomise(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.there()?.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let form = FlagForm::from_flag(&shown.flag, shown.flag_version);
    if fields.trimmed("confirm") != shown.key().as_str() {
        let error = FieldError::at("confirm-random", format!("type {} to draw everyone anew", shown.key()));
        return page::show(&page, shown, FormState::refused(form, error));
    }
    let (environment, expected) = (&page.environment.key, fields.number("expected")?);
    let comment = fields.trimmed("comment");
    match page.store().re_randomise(&editor, environment, shown.key(), expected, comment).await {
        Ok(_) => Ok(page.done(&page.href(&Tab::Rollout.path(shown.key())), Toast::ReRandomised)),
        Err(error) => {
            let errors = errors_of(&form, error)?;
            page::show(&page, shown, FormState::refused(form, errors))
        }
    }
}
