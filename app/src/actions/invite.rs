//! Choosing a password through a link.

use axum::extract::Path;
use http::header;

use crate::{
    actions::session,
    draft::Draft,
    fields::Fields,
    page::{PageResult, Visit},
    pages::invite,
    ui::toast::Toast,
};

pub async fn post(visit: Visit, Path(token): Path<String>, fields: Fields) -> PageResult {
    let agent = visit.header(header::USER_AGENT);
    match visit.store().accept_invite(&token, fields.text("password"), &visit.origin, agent).await {
        Ok(session) => Ok(session::start(&visit, &session.token, visit.done("/", Toast::Welcome))),
        Err(error) => {
            invite::show(&visit, &token, Draft::refused((), session::beside_account_fields(error))).await
        }
    }
}
