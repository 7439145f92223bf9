//! Adding, testing and deleting webhooks.

use store::{Invalid, StoreError, WebhookId};

use super::page::{self, ADDRESS, WebhooksForms};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "create" => create(page, &fields).await,
        "test" => test(page, &fields).await,
        "delete" => delete(page, &fields).await,
        _ => Err(AppError::BadForm),
    }
}

async fn create(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let url = fields.trimmed("url").to_owned();
    let draft = match page.store().create_webhook(&administrator, &url, page.state.webhooks).await {
        Ok((_, secret)) => WebhooksForms { secret: Some(secret), ..WebhooksForms::default() },
        Err(error) => {
            let errors = beside_url(error);
            WebhooksForms { new: FormState::refused(url, errors), ..WebhooksForms::default() }
        }
    };
    page::show(&page, draft).await
}

fn beside_url(error: StoreError) -> FormErrors {
    let is_url = matches!(&error, StoreError::Invalid(Invalid::WebhookUrl | Invalid::WebhookPrivate));
    let errors = FormErrors::from(error);
    if is_url { errors.beside("url") } else { errors }
}

async fn test(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    match page.store().test_webhook(&administrator, id(fields)?).await {
        Ok(()) => Ok(page.done(ADDRESS, Toast::WebhookTested)),
        Err(error @ StoreError::Invalid(_)) => {
            let new = FormState::refused(String::new(), error);
            page::show(&page, WebhooksForms { new, ..WebhooksForms::default() }).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    page.store().delete_webhook(&administrator, id(fields)?).await?;
    Ok(page.done(ADDRESS, Toast::WebhookDeleted))
}

fn id(fields: &Fields) -> Result<WebhookId, AppError> {
    fields.text("id").parse().map_err(|_| AppError::BadForm)
}
