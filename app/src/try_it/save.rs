//! Saving and deleting personas on "Try it". What is saved is the question in the page's address.

use axum::extract::Path;
use engine::SubjectKey;

use super::{form::TrialForm, page};
use crate::{
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let reader = page.principal.people_reader()?;
    if let Some(id) = fields.text("intent").strip_prefix("delete:") {
        let id = id.parse().map_err(|_| crate::error::AppError::BadForm)?;
        page.store().delete_persona(&reader, id).await?;
        return Ok(page.done(&page.here().same_path_with(&[]), Toast::Deleted));
    }
    let name = fields.trimmed("name").to_owned();
    match save(&page, &name).await {
        Ok(()) => Ok(page.done(&page.here().same_path_with(&[]), Toast::PersonaSaved)),
        Err(errors) => page::show(page, &key, FormState::refused(name, errors)).await,
    }
}

async fn save(page: &Page, name: &str) -> Result<(), FormErrors> {
    let reader = page.principal.people_reader()?;
    let form = TrialForm::from_pairs(page.queries());
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let schema = snapshot.as_ref().map(|snapshot| snapshot.attributes().clone()).unwrap_or_default();
    let attributes =
        form.attributes(&schema).map_err(|_| FormErrors::form("Mend the marked attributes first."))?;
    let subject = match form.subject.as_str() {
        "" => None,
        subject => Some(
            SubjectKey::parse(subject)
                .map_err(|error| FormErrors::form(format!("a targeting key {error}")))?,
        ),
    };
    page.store()
        .save_persona(&reader, name, subject, attributes)
        .await
        .map_err(FormErrors::from)
        .map_err(|it| it.beside("name"))?;
    Ok(())
}
