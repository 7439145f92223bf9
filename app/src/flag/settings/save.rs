//! Creating a flag, changing its definition, and the dangerous corner: archive, restore, re-randomise.

use axum::extract::Path;
use engine::{Flag, Lifecycle};
use http::StatusCode;
use store::StoreError;

use super::{
    form::{FlagForm, wrong_with},
    page,
};
use crate::{
    error::AppError,
    flag::{FlagPage, Tab, new},
    form::{error::Wrong, fields::Fields, state::Refusal},
    page::{Page, PageResult, toast::Toast},
};

pub async fn create(page: Page, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let form = FlagForm::from_fields(&fields);
    let flag = match form.create() {
        Ok(flag) => flag,
        Err(wrongs) => return new::show(&page, form, wrongs, StatusCode::UNPROCESSABLE_ENTITY),
    };
    let key = flag.key.clone();
    // Other types have values that only a person can know.
    let next = if flag.value_type == engine::ValueType::Boolean { Tab::Rollout } else { Tab::Settings };
    match page.store().create_flag(&editor, flag).await {
        Ok(_) => Ok(page.done(&page.href(&next.path(&key)), Toast::Created)),
        Err(error) => {
            let (wrongs, status) = wrongs_of(&form, error)?;
            new::show(&page, form, wrongs, status)
        }
    }
}

/// Every button of the Settings tab.
pub async fn settings(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let mut form = FlagForm::from_fields(&fields);
    let intent = fields.trimmed("intent");
    if form.apply(intent) {
        return page::show(&page, shown, form, Vec::new(), StatusCode::OK);
    }
    let comment = form.comment.clone();
    let (flag, expected, toast) = match intent {
        "archive" | "restore" | "complete" | "reopen" => {
            let saved = FlagForm::from_flag(&shown.flag, shown.flag_version);
            if intent == "archive" && fields.trimmed("confirm") != shown.key().as_str() {
                let wrong = Wrong::at("confirm", format!("type {} to archive this flag", shown.key()));
                return page::show(&page, shown, saved, vec![wrong], StatusCode::UNPROCESSABLE_ENTITY);
            }
            let (lifecycle, toast) = lifecycle_of(intent);
            let flag = Flag { lifecycle, ..Flag::clone(&shown.flag) };
            form = saved;
            (flag, fields.number("expected")?, toast)
        }
        _ => match form.change(&shown.flag) {
            Ok(flag) => (flag, form.expected, Toast::Saved),
            Err(wrongs) => {
                return page::show(&page, shown, form, wrongs, StatusCode::UNPROCESSABLE_ENTITY);
            }
        },
    };
    match page.store().update_flag(&editor, expected, flag, &comment).await {
        Ok(_) => Ok(page.done(&page.href(&Tab::Settings.path(shown.key())), toast)),
        Err(error) => {
            let (wrongs, status) = wrongs_of(&form, error)?;
            let shown = FlagPage::load(&page, &key).await?;
            // Saving again then means: mine, on top of what is there now.
            form.expected = shown.flag_version;
            page::show(&page, shown, form, wrongs, status)
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
fn wrongs_of(form: &FlagForm, error: StoreError) -> Result<(Vec<Wrong>, StatusCode), AppError> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match error {
        StoreError::Refused(problems) => {
            Ok((problems.into_iter().map(|problem| wrong_with(form, problem)).collect(), status))
        }
        StoreError::AlreadyExists { key, .. } => {
            let sentence = format!("the key \"{key}\" is taken; choose another");
            Ok((vec![Wrong::at("key", sentence)], StatusCode::CONFLICT))
        }
        StoreError::Conflict(conflict) => {
            let changes: Vec<_> = conflict.changes.iter().map(|it| it.phrase.clone()).collect();
            let sentence = format!(
                "{} changed this flag while you were editing: {}. What you typed is kept; save again to have it, \
                 or load the page again to see theirs",
                conflict.by,
                changes.join("; ")
            );
            Ok((vec![Wrong::whole(sentence)], StatusCode::CONFLICT))
        }
        error @ (StoreError::InUse { .. } | StoreError::Invalid(_)) => {
            let refusal = Refusal::from(error);
            let wrongs = refusal.reasons.into_iter().map(|it| Wrong::whole(it.sentence)).collect();
            Ok((wrongs, refusal.status))
        }
        error => Err(error.into()),
    }
}

pub async fn re_randomise(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let form = FlagForm::from_flag(&shown.flag, shown.flag_version);
    if fields.trimmed("confirm") != shown.key().as_str() {
        let wrong = Wrong::at("confirm-random", format!("type {} to draw everyone anew", shown.key()));
        return page::show(&page, shown, form, vec![wrong], StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (environment, expected) = (&page.environment.key, fields.number("expected")?);
    let comment = fields.trimmed("comment");
    match page.store().re_randomise(&editor, environment, shown.key(), expected, comment).await {
        Ok(_) => Ok(page.done(&page.href(&Tab::Rollout.path(shown.key())), Toast::ReRandomised)),
        Err(error) => {
            let (wrongs, status) = wrongs_of(&form, error)?;
            page::show(&page, shown, form, wrongs, status)
        }
    }
}
