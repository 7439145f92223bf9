//! What somebody typed into a form that was refused, and why: the page shows both again.
//!
//! The pattern, for a page `x` with a form:
//! ```text
//! pub async fn get(page: Page) -> PageResult { show(page, Draft::default()).await }   // pages/x.rs
//! pub async fn show(page: Page, draft: Draft<XInput>) -> PageResult { …; page.render(look.status(draft.status()), move || …) }
//! pub async fn post(page: Page, fields: Fields) -> PageResult {                          // actions/x.rs
//!     let input = XInput::read(&fields);
//!     match save(&page, &input).await {
//!         Ok(()) => Ok(page.done("/x", Toast::Saved)),
//!         Err(refusal) => pages::x::show(page, Draft::refused(input, refusal)).await,
//!     }
//! }
//! ```

use http::StatusCode;

use crate::error::AppError;

/// Why a form was refused: sentences, beside the field that they are about when there is one.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub reasons: Vec<Reason>,
    /// Somebody else saved first: what they changed.
    pub conflict: Option<store::Conflict>,
}

/// One sentence, and the `name` of the field it stands beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub field: Option<&'static str>,
    pub sentence: String,
}

impl Refusal {
    /// What is wrong with one field, without asking the store.
    pub fn field(field: &'static str, sentence: impl std::fmt::Display) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, Some(field), sentence)
    }

    /// What is wrong with the form as a whole.
    pub fn form(sentence: impl std::fmt::Display) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, None, sentence)
    }

    pub fn of(status: StatusCode, field: Option<&'static str>, sentence: impl std::fmt::Display) -> Self {
        let reason = Reason { field, sentence: as_sentence(&sentence.to_string()) };
        Self { status, reasons: vec![reason], conflict: None }
    }

    /// Moves the reasons that are about no field to `field`.
    #[must_use]
    pub fn beside(mut self, field: &'static str) -> Self {
        for reason in self.reasons.iter_mut().filter(|reason| reason.field.is_none()) {
            reason.field = Some(field);
        }
        self
    }

    /// Adds another reason.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.reasons.extend(other.reasons);
        self
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::of(status, None, error)
    }
}

impl From<store::Denied> for Refusal {
    fn from(denied: store::Denied) -> Self {
        Self::of(StatusCode::FORBIDDEN, None, denied)
    }
}

/// The input of a form as it was typed, and why it was refused; empty when the page is only looked at.
#[derive(Debug, Clone)]
pub struct Draft<T> {
    pub input: Option<T>,
    pub refusal: Option<Refusal>,
}

impl<T> Default for Draft<T> {
    fn default() -> Self {
        Self { input: None, refusal: None }
    }
}

impl<T> Draft<T> {
    pub fn refused(input: T, refusal: impl Into<Refusal>) -> Self {
        Self { input: Some(input), refusal: Some(refusal.into()) }
    }

    /// 200 for a page that is only looked at, else the status of the refusal.
    pub fn status(&self) -> StatusCode {
        self.refusal.as_ref().map_or(StatusCode::OK, |refusal| refusal.status)
    }

    /// The sentences beside one field.
    pub fn at(&self, field: &str) -> Option<String> {
        self.sentences(Some(field))
    }

    /// The sentences that are about no field: shown above the form.
    pub fn general(&self) -> Option<String> {
        self.sentences(None)
    }

    pub fn conflict(&self) -> Option<&store::Conflict> {
        self.refusal.as_ref()?.conflict.as_ref()
    }

    fn sentences(&self, field: Option<&str>) -> Option<String> {
        let reasons = self.refusal.iter().flat_map(|refusal| &refusal.reasons);
        let texts: Vec<_> =
            reasons.filter(|reason| reason.field == field).map(|reason| reason.sentence.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
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
    fn reasons_stand_beside_their_fields() {
        let refusal = Refusal::field("email", "this is no address").and(Refusal::form("nothing was saved"));
        let draft = Draft::refused((), refusal);
        assert_eq!(draft.at("email").as_deref(), Some("This is no address."));
        assert_eq!(draft.general().as_deref(), Some("Nothing was saved."));
        assert_eq!(draft.at("name"), None);
        assert_eq!(draft.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
