//! What can be done about one person: pinning, excluding, editing what is stored, erasing.

use axum::extract::Path;
use engine::{FlagKey, Pin, Rollout, SubjectKey, VariantKey};
use store::RecentAdministrator;

use super::{
    page::{PersonForm, require_subject, show},
    traits::edited,
};
use crate::{
    error::{AppError, Thing},
    form::{error::FormErrors, fields::Fields},
    page::{Page, PageResult, address, toast::Toast},
};

pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    page.principal.people_reader()?;
    let subject = require_subject(&key)?;
    let outcome = match fields.text("intent") {
        "pin" => pin(&page, &subject, &fields).await,
        "unpin" => change(&page, &fields, |rollout| rollout.pins.retain(|pin| pin.subject != subject)).await,
        "exclude" => change(&page, &fields, |rollout| exclude(rollout, &subject)).await,
        "include" => {
            change(&page, &fields, |rollout| rollout.exclusions.subjects.retain(|it| *it != subject)).await
        }
        "traits" => traits(&page, &subject, &fields).await,
        "erase" => {
            page.principal.administrator()?;
            if fields.trimmed("confirm") == subject.as_str() {
                erase(&page, &subject, &page.recent_administrator()?).await
            } else {
                Err(FormErrors::form(format!("type {subject} to confirm that they are erased")))
            }
        }
        _ => return Err(AppError::BadForm),
    };
    match outcome {
        Ok(Done::Saved) => Ok(page.done(&page.href(&address::person(subject.as_str())), Toast::Saved)),
        Ok(Done::Erased) => Ok(page.done(&page.href("/people"), Toast::PersonErased)),
        Err(errors) => show(&page, &subject, PersonForm::refused((), errors)).await,
    }
}

enum Done {
    Saved,
    Erased,
}

async fn pin(page: &Page, subject: &SubjectKey, fields: &Fields) -> Result<Done, FormErrors> {
    let variant = VariantKey::parse(fields.text("variant")).map_err(|_| AppError::BadForm)?;
    change(page, fields, |rollout| {
        rollout.pins.retain(|pin| pin.subject != *subject);
        rollout.pins.push(Pin { subject: subject.clone(), variant });
    })
    .await
}

fn exclude(rollout: &mut Rollout, subject: &SubjectKey) {
    if !rollout.exclusions.subjects.contains(subject) {
        rollout.exclusions.subjects.push(subject.clone());
    }
}

/// Saves the rollout on top of the version that the page showed.
async fn change(page: &Page, fields: &Fields, change: impl FnOnce(&mut Rollout)) -> Result<Done, FormErrors> {
    let editor = page.there()?.flag_editor()?;
    let missing = || AppError::NotFound(Thing::Flag);
    let flag = FlagKey::parse(fields.text("flag")).map_err(|_| missing())?;
    let version = fields.number("version")?;
    let (store, environment) = (page.store(), &page.environment.key);
    let found = store.find_rollout_version(&page.viewer(), environment, &flag, version).await?;
    let mut rollout = found.ok_or_else(missing)?.value;
    change(&mut rollout);
    let comment = fields.trimmed("comment");
    store.save_rollout(&editor, environment, &flag, version, rollout, comment).await?;
    Ok(Done::Saved)
}

async fn traits(page: &Page, subject: &SubjectKey, fields: &Fields) -> Result<Done, FormErrors> {
    let administrator = page.principal.administrator()?;
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let snapshot = snapshot.ok_or(AppError::Internal)?;
    let people = page.store().live().people();
    let stored = people.traits(subject.as_str()).map(|traits| traits.to_attributes()).unwrap_or_default();
    let traits = edited(fields, &stored, snapshot.attributes()).map_err(FormErrors::form)?;
    page.store().put_people(&administrator, vec![(subject.clone(), traits)]).await?;
    Ok(Done::Saved)
}

async fn erase(page: &Page, subject: &SubjectKey, by: &RecentAdministrator) -> Result<Done, FormErrors> {
    page.store().erase_subject(by, subject).await?;
    Ok(Done::Erased)
}
