//! Creating the first admin.

use http::header;

use crate::{
    actions::session,
    draft::Draft,
    fields::Fields,
    page::{PageResult, Visit},
    pages::setup::{self, SetupInput},
    ui::toast::Toast,
};

pub async fn post(visit: Visit, fields: Fields) -> PageResult {
    let input = SetupInput::read(&fields);
    let agent = visit.header(header::USER_AGENT);
    let password = fields.text("password");
    match visit.store().set_up(&input.code, &input.email, &input.name, password, &visit.origin, agent).await {
        Ok(session) => Ok(session::start(&visit, &session.token, visit.done("/", Toast::Welcome))),
        Err(error) => setup::show(&visit, Draft::refused(input, session::beside_account_fields(error))),
    }
}
