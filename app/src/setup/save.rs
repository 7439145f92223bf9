//! Creating the first admin.

use store::StoreError;

use super::page::{self, SetupInput};
use crate::{
    form::{fields::Fields, state::FormState},
    page::{PageResult, Visit, toast::Toast},
    sign_in::save,
};

pub async fn post(visit: Visit, fields: Fields) -> PageResult {
    let input = SetupInput::read(&fields);
    let password = fields.text("password");
    match visit
        .store()
        .set_up(&input.code, &input.email, &input.name, password, &visit.origin, visit.browser())
        .await
    {
        Ok(session) => Ok(save::start(&visit, &session, visit.done("/", Toast::Welcome))),
        Err(error @ StoreError::Busy { .. }) => Err(error.into()),
        Err(error) => page::show(&visit, FormState::refused(input, save::beside_account_fields(error))),
    }
}
