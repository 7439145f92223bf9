//! Changing one's own password and ending one's own sessions.

use crate::{
    actions::session::beside_account_fields,
    draft::Draft,
    error::AppError,
    fields::Fields,
    page::{Page, PageResult},
    pages::account,
    ui::toast::Toast,
};

const HERE: &str = "/account";

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "password" => change_password(page, &fields).await,
        "end" => {
            let id = fields.text("session").parse().map_err(|_| AppError::BadForm)?;
            page.store().revoke_session(&page.principal, id).await?;
            Ok(page.done(HERE, Toast::SessionsEnded))
        }
        _ => Err(AppError::BadForm),
    }
}

async fn change_password(page: Page, fields: &Fields) -> PageResult {
    match page.store().change_password(&page.principal, fields.text("old"), fields.text("password")).await {
        Ok(()) => Ok(page.done(HERE, Toast::PasswordChanged)),
        Err(error) => account::show(&page, Draft::refused((), beside_account_fields(error))).await,
    }
}
