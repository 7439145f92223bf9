//! Accepting an invitation for testers. Nobody is signed in: the link is what allows it, once per place.

use axum::{Extension, extract::Path};
use engine::SubjectKey;

use super::page::{self, JoinDraft};
use crate::{
    error::AppError,
    form::{
        fields::Fields,
        state::{Draft, Refusal},
    },
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
            JoinDraft { form: Draft { input: Some(typed), refusal: None }, outcome }
        }
        Err(error) => {
            let refusal = Refusal::field("subject", format!("The user id {error}."));
            JoinDraft { form: Draft::refused(typed, refusal), outcome: None }
        }
    };
    page::show(&visit, &token, draft).await
}
