//! Accepting an invitation for testers. Nobody is signed in: the link is what allows it, once per place.

use axum::{Extension, extract::Path};
use engine::SubjectKey;

use super::page::{self, JoinForms};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{PageResult, Visit},
    state::TooMany,
};

pub async fn post(
    visit: Visit,
    Path(token): Path<String>,
    too_many: Option<Extension<TooMany>>,
    fields: Fields,
) -> PageResult {
    if let Some(Extension(TooMany { retry_after_s })) = too_many {
        return Err(AppError::Throttled { retry_after_s });
    }
    let typed = fields.trimmed("subject").to_owned();
    let draft = match SubjectKey::parse(&typed) {
        Ok(subject) => {
            let accepted = visit.store().accept_tester_invitation(&token, &subject, &visit.origin).await?;
            let outcome = Some(accepted.ok_or(AppError::StaleLink)?);
            JoinForms { form: FormState::editing(typed), outcome }
        }
        Err(error) => {
            let errors = FormErrors::field("subject", format!("Your user name {error}."));
            JoinForms { form: FormState::refused(typed, errors), outcome: None }
        }
    };
    page::show(&visit, &token, draft).await
}
