//! Changing how long what an environment is told is kept.

use engine::EnvironmentKey;
use store::{Invalid, StoreError};

use super::page::{self, ADDRESS, FIELDS, RetentionInput};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let environment = EnvironmentKey::parse(fields.text("environment")).map_err(|_| AppError::BadForm)?;
    for (kept, field) in FIELDS {
        let Some(days) = fields.find(field) else { continue };
        // No number is as wrong as one that is out of range.
        let number = days.trim().parse().unwrap_or_default();
        match page.store().set_retention(&administrator, kept, &environment, number).await {
            Ok(()) => {}
            Err(error @ StoreError::Invalid(Invalid::Retention)) => {
                let days = FIELDS.map(|(_, field)| fields.trimmed(field).to_owned());
                let input = RetentionInput { environment: environment.to_string(), days };
                let errors = FormErrors::from(error).beside(field);
                return page::show(&page, FormState::refused(input, errors)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(page.done(&page.href(ADDRESS), Toast::Saved))
}
