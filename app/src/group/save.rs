//! Creating, changing and deleting pilot groups.

use axum::extract::Path;
use engine::{Group, GroupKey};
use http::StatusCode;
use store::{Invalid, StoreError, Taken};

use super::{
    form::{CONDITION, GroupForm},
    head::{Found, Tab, require_group},
    page,
};
use crate::{
    form::{error::FormErrors, fields::Fields, restore::Restore, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post_new(page: Page, fields: Fields) -> PageResult {
    page.principal.flag_editor()?;
    let mut form = GroupForm::from_fields(&fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    if fields.text("intent") != "save" {
        return page::show_new(&page, form, FormState::default(), None).await;
    }
    match create(&page, &form).await {
        Ok(key) => Ok(page.done(&page.href(&Tab::Definition.address(&key)), Toast::Created)),
        Err(refused) => {
            let (errors, restore) = *refused;
            page::show_new(&page, form, FormState::refused((), errors), restore).await
        }
    }
}

/// Saves a new group; refused with the way back to a deleted one that had its key.
pub async fn create(page: &Page, form: &GroupForm) -> Result<GroupKey, Box<(FormErrors, Option<Restore>)>> {
    let alone = |errors| Box::new((errors, None));
    let editor = page.principal.flag_editor().map_err(|denied| alone(denied.into()))?;
    let key = form.parse_key().map_err(alone)?;
    let group = form.parse(key.clone(), Vec::new()).map_err(alone)?;
    match page.store().create_group(&editor, group, &form.comment).await {
        Ok(_) => Ok(key),
        Err(error @ (StoreError::AlreadyExists { .. } | StoreError::Invalid(Invalid::KeyMeansAPlace(_)))) => {
            let restore = restore(&error);
            Err(Box::new((FormErrors::from(error).beside("key"), restore)))
        }
        Err(error) => Err(alone(error.into())),
    }
}

/// The way back to a deleted group that had the key: what deleted it is reverted.
fn restore(error: &StoreError) -> Option<Restore> {
    let StoreError::AlreadyExists { key, by: Taken::Deleted { seq }, .. } = error else { return None };
    Some(Restore {
        sentence: format!(
            "{key} is the key of a group that was deleted. Restored, it is as it was, with its testers."
        ),
        name: key.clone(),
        action: format!("/audit/{seq}/revert"),
        fields: vec![("group", key.clone())],
    })
}

/// Everything that is posted to a group's address; the tab says which form it was.
pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let found = require_group(&page, &key).await?;
    if page.query("tab").as_deref() == Some("testers") {
        return crate::testers::save::post(page, found, &fields).await;
    }
    page.principal.flag_editor()?;
    if fields.text("intent") == "delete" {
        return delete(page, found, &fields).await;
    }
    let mut form = GroupForm::from_fields(&fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    if fields.text("intent") != "save" {
        return page::show(&page, found, form, FormState::default()).await;
    }
    match save(&page, &found.saved.value, &form).await {
        Ok(()) => {
            let address = page.href(&Tab::Definition.address(&found.saved.value.key));
            Ok(page.done(&address, Toast::Saved))
        }
        Err(errors) => page::show(&page, found, form, FormState::refused((), errors)).await,
    }
}

async fn save(page: &Page, saved: &Group, form: &GroupForm) -> Result<(), FormErrors> {
    let editor = page.principal.flag_editor()?;
    // The form holds no testers: those of the version that it replaces stay.
    let group = form.parse(saved.key.clone(), saved.enrolments.clone())?;
    page.store().update_group(&editor, form.version, group, &form.comment).await?;
    Ok(())
}

async fn delete(page: Page, found: Found, fields: &Fields) -> PageResult {
    let key = found.saved.value.key.clone();
    let errors = if fields.trimmed("confirm") == key.as_str() {
        let editor = page.principal.flag_editor()?;
        let version = fields.number("version")?;
        match page.store().delete_group(&editor, version, &key, fields.trimmed("comment")).await {
            Ok(()) => return Ok(page.done(&page.href("/groups"), Toast::Deleted)),
            // What the others changed does not matter to somebody who wants it gone, but they must look again.
            Err(StoreError::Conflict(conflict)) => FormErrors::of(
                StatusCode::CONFLICT,
                "confirm",
                format!("{conflict}; look again, then delete it"),
            ),
            Err(error) => error.into(),
        }
    } else {
        FormErrors::field("confirm", format!("Type {key} to confirm."))
    };
    let form = GroupForm::from_group(&found.saved);
    page::show(&page, found, form, FormState::refused((), errors)).await
}
