//! Choosing a password through a link.

use axum::extract::Path;
use store::StoreError;

use super::page;
use crate::{
    form::{fields::Fields, state::FormState},
    page::{PageResult, Visit, toast::Toast},
    sign_in::save,
};

pub async fn post(visit: Visit, Path(token): Path<String>, fields: Fields) -> PageResult {
    let password = fields.text("password");
    match visit.store().accept_invite(&token, password, &visit.origin, visit.browser()).await {
        Ok(session) => Ok(save::start(&visit, &session, visit.done("/", Toast::Welcome))),
        Err(error @ StoreError::Busy { .. }) => Err(error.into()),
        Err(error) => {
            page::show(&visit, &token, FormState::refused((), save::beside_account_fields(error))).await
        }
    }
}
