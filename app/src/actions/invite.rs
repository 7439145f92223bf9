//! Choosing a password through a link.

use axum::extract::Path;
use store::StoreError;

use crate::{
    actions::session,
    draft::Draft,
    fields::Fields,
    page::{PageResult, Visit},
    pages::invite,
    ui::toast::Toast,
};

pub async fn post(visit: Visit, Path(token): Path<String>, fields: Fields) -> PageResult {
    let password = fields.text("password");
    match visit.store().accept_invite(&token, password, &visit.origin, visit.browser()).await {
        Ok(session) => Ok(session::start(&visit, &session, visit.done("/", Toast::Welcome))),
        Err(error @ StoreError::Busy { .. }) => Err(error.into()),
        Err(error) => {
            invite::show(&visit, &token, Draft::refused((), session::beside_account_fields(error))).await
        }
    }
}
