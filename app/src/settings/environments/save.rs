//! Changing how long what an environment is told is kept.

use engine::EnvironmentKey;
use store::{Invalid, StoreError, limits::RETENTION_DAYS_MAX};

use super::page::{self, ADDRESS, FIELDS, RetentionInput};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let environment = EnvironmentKey::parse(fields.text("environment")).map_err(|_| AppError::BadForm)?;
    let mut wanted = Vec::with_capacity(FIELDS.len());
    for (kept, field) in FIELDS {
        let Some(days) = fields.find(field) else { continue };
        let Some(days) = days.trim().parse().ok().filter(|days| (1..=RETENTION_DAYS_MAX).contains(days))
        else {
            let days = FIELDS.map(|(_, field)| fields.trimmed(field).to_owned());
            let input = RetentionInput { environment: environment.to_string(), days };
            let errors = FormErrors::from(StoreError::from(Invalid::Retention)).beside(field);
            return page::show(&page, FormState::refused(input, errors)).await;
        };
        wanted.push((kept, days));
    }
    // All of them are right before the first is saved: what is kept for less is deleted for good.
    for (kept, days) in wanted {
        page.store().set_retention(&administrator, kept, &environment, days).await?;
    }
    Ok(page.done(&page.href(ADDRESS), Toast::Saved))
}
