//! Saving, stopping, resuming and reverting a rollout.

use axum::extract::Path;
use engine::{EnvironmentKey, FlagKey, Problem, group_name, rollout_changes};
use http::StatusCode;
use store::{Conflict, Operation, StoreError};

use super::{
    form::RolloutForm,
    intent::Intent,
    merge::merge,
    new_group::{NewGroup, errors_in},
    page::{Typed, show},
};
use crate::{
    error::{AppError, Thing},
    flag::{FlagPage, Tab},
    form::{
        error::{FieldError, FormErrors},
        fields::Fields,
        state::FormState,
    },
    page::{Page, PageResult, address, toast::Toast},
};

/// Every button of the rollout form. Only `save` writes; the others show the page with the changed draft.
pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.there()?.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    // The page always sends everyone's strip: a form without any arrived incomplete, and would remove every rule.
    if !fields.has("rule") {
        return Err(AppError::BadForm);
    }
    let mut form = RolloutForm::from_fields(&fields);
    let intent = Intent::parse(fields.trimmed("intent"));
    if let Intent::MakeGroup { rule } = &intent {
        return make_group(&page, &key, form, rule).await;
    }
    if intent != Intent::Save {
        form.apply(&intent);
        let look = if let Intent::Who(look) = intent { Some(look) } else { None };
        return show(&page, shown, Typed { look, ..Typed::editing(form) }).await;
    }
    let half_typed = half_typed_groups(&form);
    if !half_typed.is_empty() {
        return refuse(&page, shown, form, half_typed).await;
    }
    let base = base_of(&page, &shown, form.expected).await?;
    let rollout = match form.parse(&base, &shown.flag) {
        Ok(rollout) => rollout,
        Err(errors) => return refuse(&page, shown, form, errors).await,
    };
    if form.expected == shown.rollout.version && rollout == shown.rollout.value {
        return Ok(page.done(&page.href(&Tab::Rollout.path(shown.key())), Toast::Unchanged));
    }
    let (environment, expected) = (&page.environment.key, form.expected);
    let saved =
        page.store().save_rollout(&editor, environment, shown.key(), expected, rollout, &form.comment).await;
    match saved {
        Ok(_) => {
            Ok(page.done(&page.href(&format!("{}?saved=1", Tab::Rollout.path(shown.key()))), Toast::Saved))
        }
        Err(StoreError::Conflict(conflict)) => clash(&page, &key, form, conflict).await,
        Err(StoreError::Refused(problems)) => {
            let errors = problems.into_iter().map(field_error).collect();
            refuse(&page, shown, form, errors).await
        }
        Err(error @ StoreError::Invalid(_)) => {
            let errors = vec![FieldError::at("comment", error)];
            refuse(&page, shown, form, errors).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Saving the rollout does not save a group that is being typed inside it.
fn half_typed_groups(form: &RolloutForm) -> Vec<FieldError> {
    let typed = form.rules.iter().filter(|rule| rule.new_group.as_ref().is_some_and(NewGroup::holds_text));
    typed
        .map(|rule| FieldError::at(rule.name("new.name"), "Save the new group, or cancel it, first."))
        .collect()
}

/// Saves the group that was typed inside a rule, and chooses it there. The rollout is not saved.
async fn make_group(page: &Page, key: &str, mut form: RolloutForm, rule: &str) -> PageResult {
    let Some(rule) = form.rules.iter_mut().find(|it| it.id == rule) else { return Err(AppError::BadForm) };
    let new = rule.new_group.take().ok_or(AppError::BadForm)?;
    rule.open = true;
    match new.make(page).await {
        Ok(made) => {
            rule.groups.push(made.key.to_string());
            rule.made = Some(made);
            // Loaded now, so that the group is known.
            show(page, FlagPage::load(page, key).await?, Typed::editing(form)).await
        }
        Err(errors) => {
            let errors = errors_in(&|field| rule.name(field), errors);
            rule.new_group = Some(new);
            refuse(page, FlagPage::load(page, key).await?, form, errors).await
        }
    }
}

async fn refuse(page: &Page, shown: FlagPage, mut form: RolloutForm, errors: Vec<FieldError>) -> PageResult {
    form.open_at(&errors);
    show(page, shown, Typed::refused(form, errors)).await
}

/// The version that was on the page when typing began.
async fn base_of(page: &Page, shown: &FlagPage, expected: u64) -> Result<engine::Rollout, AppError> {
    if expected == shown.rollout.version {
        return Ok(shown.rollout.value.clone());
    }
    let (viewer, environment) = (page.viewer(), &page.environment.key);
    let version = page.store().find_rollout_version(&viewer, environment, shown.key(), expected).await?;
    // Only a damaged form names a version that never was.
    version.map(|it| it.value).ok_or(AppError::BadForm)
}

/// Lays what was typed on top of what the others saved, and shows both.
async fn clash(page: &Page, key: &str, form: RolloutForm, conflict: Conflict) -> PageResult {
    let shown = FlagPage::load(page, key).await?;
    let base = base_of(page, &shown, form.expected).await?;
    let mine = match form.parse(&base, &shown.flag) {
        Ok(mine) => mine,
        Err(errors) => return refuse(page, shown, form, errors).await,
    };
    let theirs = &shown.rollout.value;
    let merged = merge(&base, theirs, &mine);
    let changes = rollout_changes(theirs, &merged, &group_name(&shown.snapshot));
    let mut on_top = RolloutForm::from_rollout(&merged, shown.rollout.version);
    on_top.comment = form.comment;
    let errors = FormErrors { status: StatusCode::CONFLICT, fields: Vec::new(), conflict: Some(conflict) };
    let state = FormState::refused(on_top, errors);
    show(page, shown, Typed { state, mine: changes, ..Typed::default() }).await
}

/// Puts what the engine found beside the control that it is about.
fn field_error(problem: Problem) -> FieldError {
    let field = match &problem {
        Problem::SplitTotal { rule, .. } => format!("r.{rule}.serves"),
        Problem::EmptyAudience { rule } => format!("r.{rule}.group"),
        Problem::UnknownFlag { .. }
        | Problem::UnknownPrerequisiteVariant { .. }
        | Problem::TooManyPrerequisites { .. }
        | Problem::Cycle { .. } => "need".to_owned(),
        Problem::DuplicateSubject { .. } => "pin".to_owned(),
        _ => String::new(),
    };
    FieldError::at(field, problem)
}

fn flag_key(key: &str) -> Result<FlagKey, AppError> {
    FlagKey::parse(address::key_of(key)).map_err(|_| AppError::NotFound(Thing::Flag))
}

/// Where stopping and resuming come back to: the page whose button was pressed.
fn back(page: &Page, fields: &Fields, key: &FlagKey) -> String {
    let path = if fields.trimmed("back") == "desk" { "/".to_owned() } else { Tab::Rollout.path(key) };
    page.href(&path)
}

fn environment(page: &Page) -> &EnvironmentKey {
    &page.environment.key
}

pub async fn stop(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let stopper = page.there()?.stopper()?;
    let key = flag_key(&key)?;
    page.store().stop(&stopper, environment(&page), &key, fields.trimmed("reason")).await?;
    Ok(page.done(&back(&page, &fields, &key), Toast::Stopped))
}

pub async fn resume(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let editor = page.there()?.flag_editor()?;
    let key = flag_key(&key)?;
    page.store().resume(&editor, environment(&page), &key, fields.trimmed("reason")).await?;
    Ok(page.done(&back(&page, &fields, &key), Toast::Resumed))
}

/// Takes one change back, as a new change.
pub async fn revert(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    // Of the flag, or of its rollout here: the store asks which. Who may neither is refused before the form is read.
    if !page.may(Operation::EditFlags) {
        page.there()?.flag_editor()?;
    }
    let viewer = page.viewer();
    let key = flag_key(&key)?;
    let (seq, comment) = (fields.number("seq")?, fields.trimmed("comment"));
    // "Undo" means the change that stands beside it, not what somebody saved since.
    let tab = if fields.trimmed("back") == "rollout" {
        page.store().undo(&viewer, seq, comment).await?;
        Tab::Rollout
    } else {
        page.store().revert(&viewer, seq, comment).await?;
        Tab::History
    };
    Ok(page.done(&page.href(&tab.path(&key)), Toast::Reverted))
}
