//! Creating the first admin.

use store::StoreError;

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
    let password = fields.text("password");
    match visit
        .store()
        .set_up(&input.code, &input.email, &input.name, password, &visit.origin, visit.browser())
        .await
    {
        Ok(session) => Ok(session::start(&visit, &session, visit.done("/", Toast::Welcome))),
        Err(error @ StoreError::Busy { .. }) => Err(error.into()),
        Err(error) => setup::show(&visit, Draft::refused(input, session::beside_account_fields(error))),
    }
}
