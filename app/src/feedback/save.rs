//! Triage of feedback, and complaints that support logs.

use axum::extract::Path;
use engine::{FlagKey, SubjectKey};
use store::{FeedbackKind, Invalid, NewComplaint, StoreError, Triage, TriageState, UserId};

use super::{
    card::Typed,
    item,
    new::{self, ComplaintInput},
};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
    zone::typed,
};

pub async fn triage(page: Page, Path(id): Path<String>, fields: Fields) -> PageResult {
    let by = page.principal.feedback_handler()?;
    let found = item::require(&page, &id).await?;
    let typed = Typed {
        version: fields.number("version")?,
        state: fields.text("state").to_owned(),
        assignee: fields.text("assignee").to_owned(),
        note: fields.text("note").to_owned(),
    };
    let triage = Triage {
        state: TriageState::parse(&typed.state).map_err(|_| AppError::BadForm)?,
        assignee: parse_assignee(&typed.assignee)?,
        note: typed.note.clone(),
    };
    match page.store().triage_feedback(&by, found.id, typed.version, triage).await {
        Ok(_) => {
            let back = fields.find("back").map(|back| format!("{back}#feedback-{}", found.id));
            let alone = || page.href(&format!("/feedback/{}", found.id));
            Ok(page.done(&back.unwrap_or_else(alone), Toast::FeedbackTriaged))
        }
        Err(error) => {
            // What the others saved meanwhile is shown beside what was chosen here.
            let found = item::require(&page, &id).await?;
            item::show(&page, found, FormState::refused(typed, error)).await
        }
    }
}

fn parse_assignee(text: &str) -> Result<Option<UserId>, AppError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| AppError::BadForm) }
}

pub async fn post_new(page: Page, fields: Fields) -> PageResult {
    let by = page.principal.feedback_handler()?;
    let input = ComplaintInput::read(&fields);
    let outcome = match complaint(&input) {
        Ok(complaint) => page
            .store()
            .log_complaint(&by, &page.environment.key, complaint)
            .await
            .map_err(beside_complaint_fields),
        Err(errors) => Err(errors),
    };
    match outcome {
        Ok(id) => Ok(page.done(&page.href(&format!("/feedback/{id}")), Toast::ComplaintLogged)),
        Err(errors) => new::show(&page, FormState::refused(input, errors)),
    }
}

fn complaint(input: &ComplaintInput) -> Result<NewComplaint, FormErrors> {
    let subject = SubjectKey::parse(&input.subject)
        .map_err(|error| FormErrors::field("subject", format!("The person’s id {error}.")))?;
    let at_ms = typed::read(&input.at).map_err(|error| FormErrors::field("at", error))?;
    let flag = match input.flag.as_str() {
        "" => None,
        key => Some(FlagKey::parse(key).map_err(|_| FormErrors::field("flag", "There is no such flag."))?),
    };
    let kinds: Result<Vec<_>, _> = input.kinds.iter().map(|word| FeedbackKind::parse(word)).collect();
    let kinds = kinds.map_err(FormErrors::form)?;
    Ok(NewComplaint { subject, at_ms, kinds, comment: input.comment.clone(), flag })
}

fn beside_complaint_fields(error: StoreError) -> FormErrors {
    let field = match &error {
        StoreError::Invalid(Invalid::FeedbackTime) => Some("at"),
        StoreError::Invalid(Invalid::FeedbackEmpty | Invalid::FeedbackComment) => Some("comment"),
        _ => None,
    };
    let errors = match &error {
        StoreError::Invalid(Invalid::FeedbackEmpty) => FormErrors::form("Write down what they said."),
        _ => FormErrors::from(error),
    };
    match field {
        Some(field) => errors.beside(field),
        None => errors,
    }
}
