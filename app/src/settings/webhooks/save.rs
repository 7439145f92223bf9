//! Adding, testing and deleting webhooks.

use store::{Invalid, StoreError, WebhookId};

use super::page::{self, ADDRESS, WebhooksDraft};
use crate::{
    error::AppError,
    form::{
        fields::Fields,
        state::{Draft, Refusal},
    },
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
        Ok((_, secret)) => WebhooksDraft { secret: Some(secret), ..WebhooksDraft::default() },
        Err(error) => {
            let refusal = beside_url(error);
            WebhooksDraft { new: Draft::refused(url, refusal), ..WebhooksDraft::default() }
        }
    };
    page::show(&page, draft).await
}

fn beside_url(error: StoreError) -> Refusal {
    let is_url = matches!(&error, StoreError::Invalid(Invalid::WebhookUrl | Invalid::WebhookPrivate));
    let refusal = Refusal::from(error);
    if is_url { refusal.beside("url") } else { refusal }
}

async fn test(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    match page.store().test_webhook(&administrator, id(fields)?).await {
        Ok(()) => Ok(page.done(ADDRESS, Toast::WebhookTested)),
        Err(error @ StoreError::Invalid(_)) => {
            let new = Draft::refused(String::new(), error);
            page::show(&page, WebhooksDraft { new, ..WebhooksDraft::default() }).await
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
