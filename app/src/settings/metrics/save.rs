//! Defining what is measured.

use engine::{MetricDefinition, MetricKey, MetricKind};
use store::{Invalid, StoreError};

use super::page::{self, ADDRESS, MetricInput};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    if fields.text("intent") == "delete" {
        let key = MetricKey::parse(fields.trimmed("key")).map_err(|_| AppError::BadForm)?;
        page.store().delete_metric(&administrator, &key).await?;
        return Ok(page.done(&page.href(ADDRESS), Toast::Deleted));
    }
    let input = MetricInput::read(&fields);
    match save(&page, &input).await {
        Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::MetricSaved)),
        Err(errors) => page::show(&page, FormState::refused(input, errors)),
    }
}

async fn save(page: &Page, input: &MetricInput) -> Result<(), FormErrors> {
    let administrator = page.principal.administrator()?;
    let key = MetricKey::parse(&input.key)
        .map_err(|invalid| FormErrors::field("key", format!("a key {invalid}")))?;
    let known = page.store().live().metrics();
    let kind = match known.iter().find(|metric| metric.key == key) {
        // What exists keeps its kind; a new metric must not take its place unseen.
        Some(known) if input.is_edit => known.kind,
        Some(_) => {
            return Err(FormErrors::field("key", "there is a metric with this key already; choose another"));
        }
        None => MetricKind::parse(&input.kind)
            .ok()
            .filter(|kind| !kind.is_built_in())
            .ok_or_else(|| FormErrors::field("kind", "choose one of the kinds"))?,
    };
    let metric = MetricDefinition {
        key,
        name: input.name.clone(),
        description: input.description.clone(),
        kind,
        unit: input.unit.clone(),
        lower_is_better: input.lower_is_better,
    };
    page.store().put_metric(&administrator, metric).await.map_err(beside_fields)
}

fn beside_fields(error: StoreError) -> FormErrors {
    let field = match &error {
        StoreError::Invalid(Invalid::MetricName) => Some("name"),
        StoreError::Invalid(Invalid::MetricUnit) => Some("unit"),
        _ => None,
    };
    let errors = FormErrors::from(error);
    match field {
        Some(field) => errors.beside(field),
        None => errors,
    }
}
