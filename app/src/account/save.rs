//! Choosing one's time zone, changing one's own password and ending one's own sessions.

use store::StoreError;

use super::page::{self, Drafts};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
    sign_in::save::{self, beside_account_fields},
    zone::{Zone, choice::ZoneForm},
};

const HERE: &str = "/account";

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "password" => change_password(page, &fields).await,
        "zone" => choose_zone(page, &fields).await,
        "end" => {
            let id = fields.text("session").parse().map_err(|_| AppError::BadForm)?;
            page.store().revoke_session(&page.principal, id).await?;
            Ok(page.done(HERE, Toast::SessionsEnded))
        }
        "end_others" => {
            page.store().revoke_other_sessions(&page.principal).await?;
            Ok(page.done(HERE, Toast::OtherSessionsEnded))
        }
        _ => Err(AppError::BadForm),
    }
}

async fn choose_zone(page: Page, fields: &Fields) -> PageResult {
    let form = ZoneForm { zone: fields.trimmed("zone").to_owned() };
    match form.parse() {
        Ok(zone) => {
            let zone = zone.as_ref().map(Zone::name);
            page.store().set_time_zone(&page.principal, zone).await?;
            Ok(page.done(HERE, Toast::ZoneSaved))
        }
        Err(why) => {
            let zone = FormState::refused(form, FormErrors::field("zone", why));
            page::show(&page, Drafts { zone, ..Drafts::default() }).await
        }
    }
}

async fn change_password(page: Page, fields: &Fields) -> PageResult {
    match page.store().change_password(&page.principal, fields.text("old"), fields.text("password")).await {
        Ok(session) => Ok(save::start(&page, &session, page.done(HERE, Toast::PasswordChanged))),
        Err(error @ (StoreError::Busy { .. } | StoreError::PasswordNeeded)) => Err(match error {
            // The session ended in the meantime.
            StoreError::PasswordNeeded => AppError::SignedOut,
            other => other.into(),
        }),
        Err(error) => {
            let password = FormState::refused((), beside_account_fields(error));
            page::show(&page, Drafts { password, ..Drafts::default() }).await
        }
    }
}
