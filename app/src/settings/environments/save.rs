//! Changing how long the ledger of an environment is kept.

use engine::EnvironmentKey;
use store::{Invalid, StoreError};

use super::page::{self, ADDRESS, RetentionInput};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let environment = EnvironmentKey::parse(fields.text("environment")).map_err(|_| AppError::BadForm)?;
    let days = fields.trimmed("days");
    // No number is as wrong as one that is out of range.
    let number = days.parse().unwrap_or_default();
    match page.store().set_retention(&administrator, &environment, number).await {
        Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::Saved)),
        Err(error @ StoreError::Invalid(Invalid::Retention)) => {
            let input = RetentionInput { environment: environment.to_string(), days: days.to_owned() };
            page::show(&page, FormState::refused(input, FormErrors::from(error).beside("days"))).await
        }
        Err(error) => Err(error.into()),
    }
}
