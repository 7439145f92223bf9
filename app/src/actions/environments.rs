//! Changing how long what an environment is told is kept.

use engine::EnvironmentKey;
use store::{Invalid, StoreError};

use crate::{
    draft::{Draft, Refusal},
    error::AppError,
    fields::Fields,
    page::{Page, PageResult},
    pages::environments::{self, ADDRESS, FIELDS, RetentionInput},
    ui::toast::Toast,
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
                let refusal = Refusal::from(error).beside(field);
                return environments::show(&page, Draft::refused(input, refusal)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(page.done(&page.href(ADDRESS), Toast::Saved))
}
