//! Why a form was refused: one sentence for each thing, beside the control that it is about.

use http::StatusCode;
use store::{SignInError, StoreError};

use crate::error::AppError;

/// One sentence; `field` is the name of its control, empty when it is about the whole form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub sentence: String,
}

impl FieldError {
    pub fn at(field: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self { field: field.into(), sentence: as_sentence(&error.to_string()) }
    }

    pub fn whole(error: impl std::fmt::Display) -> Self {
        Self::at("", error)
    }
}

/// The sentences about one control, for its `role=alert`.
pub fn sentences_at(errors: &[FieldError], field: &str) -> Option<String> {
    let texts: Vec<_> = errors.iter().filter(|it| it.field == field).map(|it| &*it.sentence).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Everything for which a form was refused.
#[derive(Debug, Clone)]
pub struct FormErrors {
    pub status: StatusCode,
    pub fields: Vec<FieldError>,
    /// Somebody else saved first: what they changed.
    pub conflict: Option<store::Conflict>,
}

impl FormErrors {
    /// What is not right in one field, without asking the store.
    pub fn field(field: &str, sentence: impl std::fmt::Display) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, field, sentence)
    }

    /// What is not right with the form as a whole.
    pub fn form(sentence: impl std::fmt::Display) -> Self {
        Self::field("", sentence)
    }

    pub fn of(status: StatusCode, field: &str, sentence: impl std::fmt::Display) -> Self {
        Self { status, fields: vec![FieldError::at(field, sentence)], conflict: None }
    }

    /// Moves the sentences that are about no field to `field`.
    #[must_use]
    pub fn beside(mut self, field: &str) -> Self {
        for error in self.fields.iter_mut().filter(|error| error.field.is_empty()) {
            field.clone_into(&mut error.field);
        }
        self
    }

    /// Adds what else there is.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self
    }
}

impl From<Vec<FieldError>> for FormErrors {
    fn from(fields: Vec<FieldError>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, fields, conflict: None }
    }
}

impl From<FieldError> for FormErrors {
    fn from(error: FieldError) -> Self {
        vec![error].into()
    }
}

impl From<AppError> for FormErrors {
    fn from(error: AppError) -> Self {
        let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::of(status, "", error)
    }
}

impl From<store::Denied> for FormErrors {
    fn from(denied: store::Denied) -> Self {
        Self::of(StatusCode::FORBIDDEN, "", denied)
    }
}

/// Keeps the store's own sentences: they stand beside the form that was refused.
impl From<StoreError> for FormErrors {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            StoreError::Conflict(_) | StoreError::AlreadyExists { .. } | StoreError::InUse { .. } => {
                StatusCode::CONFLICT
            }
            StoreError::Denied(_) => StatusCode::FORBIDDEN,
            StoreError::PasswordNeeded => StatusCode::UNAUTHORIZED,
            StoreError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Refused(_) | StoreError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::Unavailable(_)
            | StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Entropy
            | StoreError::Restored
            | StoreError::Unwritable { .. }
            | StoreError::CorruptRow { .. } => {
                return AppError::from(error).into();
            }
        };
        match error {
            StoreError::Conflict(conflict) => {
                Self { conflict: Some(conflict.clone()), ..Self::of(status, "", conflict) }
            }
            StoreError::Refused(problems) => {
                let fields = problems.into_iter().map(FieldError::whole).collect();
                Self { status, fields, conflict: None }
            }
            other => Self::of(status, "", other),
        }
    }
}

impl From<SignInError> for FormErrors {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Wrong => {
                Self::of(StatusCode::UNAUTHORIZED, "", "The e-mail address or the password is not right.")
            }
            SignInError::Throttled { retry_after_s } => {
                let wait = crate::ui::time::wait_phrase(retry_after_s);
                let sentence = format!("There were too many attempts. Try again in {wait}.");
                Self::of(StatusCode::TOO_MANY_REQUESTS, "", sentence)
            }
            SignInError::Store(error) => error.into(),
        }
    }
}

/// `give it a name` → `Give it a name.`
pub fn as_sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut sentence: String = first.to_uppercase().chain(chars).collect();
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_beside_its_control() {
        let errors = [
            FieldError::at("a", "too long"),
            FieldError::whole("nothing works"),
            FieldError::at("a", "too red"),
        ];
        assert_eq!(sentences_at(&errors, "a").as_deref(), Some("Too long. Too red."));
        assert_eq!(sentences_at(&errors, "").as_deref(), Some("Nothing works."));
        assert_eq!(sentences_at(&errors, "b"), None);
    }

    #[test]
    fn what_is_about_no_field_can_be_put_beside_one() {
        let errors = FormErrors::field("email", "no address").and(FormErrors::form("taken")).beside("key");
        assert_eq!(errors.fields, [FieldError::at("email", "no address"), FieldError::at("key", "taken")]);
    }
}
