//! A form as it comes back: what somebody typed and why it was refused. The page shows both again.
//!
//! The pattern, for a noun `x` with a form:
//! ```text
//! pub async fn get(page: Page) -> PageResult { show(page, FormState::default()).await }            // x/page.rs
//! pub async fn show(page: Page, form: FormState<XInput>) -> PageResult { …; page.render(meta.status(form.status()), move || …) }
//! pub async fn post(page: Page, fields: Fields) -> PageResult {                                     // x/save.rs
//!     let input = XInput::read(&fields);
//!     match save(&page, &input).await {
//!         Ok(()) => Ok(page.done("/x", Toast::Saved)),
//!         Err(errors) => super::page::show(page, FormState::refused(input, errors)).await,
//!     }
//! }
//! ```

use http::StatusCode;

use super::error::{FormErrors, sentences_at};

/// The input of a form as it was typed, and why it was refused; empty when the page is only looked at.
#[derive(Debug, Clone)]
pub struct FormState<T> {
    pub input: Option<T>,
    pub errors: Option<FormErrors>,
}

impl<T> Default for FormState<T> {
    fn default() -> Self {
        Self { input: None, errors: None }
    }
}

impl<T> FormState<T> {
    /// A form that is being filled in: nothing was refused yet.
    pub fn editing(input: T) -> Self {
        Self { input: Some(input), errors: None }
    }

    pub fn refused(input: T, errors: impl Into<FormErrors>) -> Self {
        Self { input: Some(input), errors: Some(errors.into()) }
    }

    /// 200 for a page that is only looked at, else the status of what was refused.
    pub fn status(&self) -> StatusCode {
        self.errors.as_ref().map_or(StatusCode::OK, |errors| errors.status)
    }

    /// The sentences beside one field.
    pub fn at(&self, field: &str) -> Option<String> {
        sentences_at(&self.errors.as_ref()?.fields, field)
    }

    /// The sentences that are about no field: shown above the form.
    pub fn general(&self) -> Option<String> {
        self.at("")
    }

    pub fn conflict(&self) -> Option<&store::Conflict> {
        self.errors.as_ref()?.conflict.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_beside_their_fields() {
        let errors =
            FormErrors::field("email", "this is no address").and(FormErrors::form("nothing was saved"));
        let form = FormState::refused((), errors);
        assert_eq!(form.at("email").as_deref(), Some("This is no address."));
        assert_eq!(form.general().as_deref(), Some("Nothing was saved."));
        assert_eq!(form.at("name"), None);
        assert_eq!(form.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
