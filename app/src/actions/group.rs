//! Creating, changing and deleting pilot groups, and enrolling their testers.

use axum::extract::Path;
use engine::{Enrolment, Group, GroupKey};
use http::StatusCode;
use store::StoreError;

use crate::{
    draft::{Draft, Refusal},
    fields::Fields,
    forms::{
        group::{CONDITION, GroupForm},
        testers::TesterForm,
    },
    page::{Page, PageResult},
    pages::group::{self, Found, Tab, require_group, testers},
    ui::toast::Toast,
};

/// Two people enrolling at once is no conflict: the second is done again on top of the first.
const ENROL_ATTEMPTS: usize = 5;

pub async fn post_new(page: Page, fields: Fields) -> PageResult {
    page.principal.flag_editor()?;
    let mut form = GroupForm::from_fields(&fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    if fields.text("intent") != "save" {
        return group::show_new(&page, form, Draft::default());
    }
    match create(&page, &form).await {
        Ok(key) => Ok(page.done(&page.href(&Tab::Definition.address(&key)), Toast::Created)),
        Err(refusal) => group::show_new(&page, form, Draft::refused((), refusal)),
    }
}

async fn create(page: &Page, form: &GroupForm) -> Result<GroupKey, Refusal> {
    let editor = page.principal.flag_editor()?;
    let key = form.parse_key()?;
    let group = form.parse(key.clone(), Vec::new())?;
    match page.store().create_group(&editor, group, &form.comment).await {
        Ok(_) => Ok(key),
        Err(error @ StoreError::AlreadyExists { .. }) => Err(Refusal::from(error).beside("key")),
        Err(error) => Err(error.into()),
    }
}

/// Everything that is posted to a group's address; the tab says which form it was.
pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let found = require_group(&page, &key).await?;
    if page.query("tab").as_deref() == Some("testers") {
        return post_testers(page, found, &fields).await;
    }
    page.principal.flag_editor()?;
    if fields.text("intent") == "delete" {
        return delete(page, found, &fields).await;
    }
    let mut form = GroupForm::from_fields(&fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    if fields.text("intent") != "save" {
        return group::show(&page, found, form, Draft::default());
    }
    match save(&page, &found.saved.value, &form).await {
        Ok(()) => {
            let address = page.href(&Tab::Definition.address(&found.saved.value.key));
            Ok(page.done(&address, Toast::Saved))
        }
        Err(refusal) => group::show(&page, found, form, Draft::refused((), refusal)),
    }
}

async fn save(page: &Page, saved: &Group, form: &GroupForm) -> Result<(), Refusal> {
    let editor = page.principal.flag_editor()?;
    // The form holds no testers: those of the version that it replaces stay.
    let group = form.parse(saved.key.clone(), saved.enrolments.clone())?;
    page.store().update_group(&editor, form.version, group, &form.comment).await?;
    Ok(())
}

async fn delete(page: Page, found: Found, fields: &Fields) -> PageResult {
    let key = found.saved.value.key.clone();
    let refusal = if fields.trimmed("confirm") == key.as_str() {
        let editor = page.principal.flag_editor()?;
        let version = fields.number("version")?;
        match page.store().delete_group(&editor, version, &key, fields.trimmed("comment")).await {
            Ok(()) => return Ok(page.done(&page.href("/groups"), Toast::Deleted)),
            // What the others changed does not matter to somebody who wants it gone, but they must look again.
            Err(StoreError::Conflict(conflict)) => Refusal::of(
                StatusCode::CONFLICT,
                Some("confirm"),
                format!("{conflict}; look again, then delete it"),
            ),
            Err(error) => error.into(),
        }
    } else {
        Refusal::field("confirm", format!("Type {key} to confirm."))
    };
    let form = GroupForm::from_group(&found.saved);
    group::show(&page, found, form, Draft::refused((), refusal))
}

async fn post_testers(page: Page, found: Found, fields: &Fields) -> PageResult {
    page.principal.enroller()?;
    let form = TesterForm::from_fields(fields);
    let enrolled = &found.saved.value.enrolments;
    let outcome = match fields.text("intent") {
        "remove" => {
            let subject = fields.text("subject").to_owned();
            let without = |there: &[Enrolment]| {
                Ok(there.iter().filter(|it| it.subject.as_str() != subject).cloned().collect())
            };
            change_testers(&page, &found.saved.value.key, "", without).await
        }
        "enrol" => {
            let now_ms = page.now_ms();
            change_testers(&page, &found.saved.value.key, &form.purpose, |there| form.enrol(there, now_ms))
                .await
        }
        _ => match form.check(enrolled, page.now_ms()) {
            Ok(report) => {
                let draft = Draft { input: Some(form), refusal: None };
                return testers::show(&page, found, draft, Some(report));
            }
            Err(refusal) => Err(refusal),
        },
    };
    match outcome {
        Ok(()) => Ok(page.done(&page.href(&Tab::Testers.address(&found.saved.value.key)), Toast::Saved)),
        Err(refusal) => testers::show(&page, found, Draft::refused(form, refusal), None),
    }
}

/// Applies a change of the testers to the newest version.
async fn change_testers(
    page: &Page,
    key: &GroupKey,
    comment: &str,
    change: impl Fn(&[Enrolment]) -> Result<Vec<Enrolment>, Refusal>,
) -> Result<(), Refusal> {
    let enroller = page.principal.enroller()?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let found = require_group(page, key.as_str()).await?;
        let enrolments = change(&found.saved.value.enrolments)?;
        if enrolments == found.saved.value.enrolments {
            return Ok(());
        }
        match page.store().set_enrolments(&enroller, key, found.saved.version, enrolments, comment).await {
            Err(StoreError::Conflict(_)) if attempt < ENROL_ATTEMPTS => {}
            outcome => return outcome.map(drop).map_err(Refusal::from),
        }
    }
}
