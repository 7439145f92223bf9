//! Asking for the password again. A form that was refused for want of it comes back as a page that asks, with every field
//! in it; what is sent from there goes on as if nothing had been asked. The password itself never reaches an action.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest as _, FromRequestParts as _, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use store::{Invalid, Principal, StoreError};

use super::page::{self, Asked};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult},
    state::AppState,
};

/// The field that the page adds to those of the form.
pub const PASSWORD: &str = "fader_password_again";

/// More than any form of ours; what surrounds the pages refuses it before.
pub(crate) const FORM_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Around every page: reads of pages and what nobody signed in sends pass through.
pub async fn ask(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Principal>().cloned();
    let is_form = request.method() == Method::POST && !request.uri().path().starts_with("/call/");
    let Some(principal) = principal.filter(|_| is_form) else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let Ok(mut bytes) = to_bytes(body, FORM_BYTES_MAX).await else {
        return AppError::TooLarge.into_response();
    };
    if let Some((password, fields)) = answered(&parts, &bytes) {
        match state.store.prove_password(&principal, &password).await {
            Ok(proved) => drop(parts.extensions.insert(proved)),
            Err(error) => return refuse(parts, &state, fields, error).await,
        }
        bytes = fields.encode().into();
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    let asked = parts.clone();
    let response = next.run(Request::from_parts(parts, Body::from(bytes.clone()))).await;
    if response.extensions().get::<AppError>() != Some(&AppError::PasswordNeeded) {
        return response;
    }
    let form = Request::from_parts(asked.clone(), Body::from(bytes));
    match Fields::from_request(form, &state).await {
        Ok(fields) => show(asked, &state, fields, None).await.unwrap_or_else(AppError::into_response),
        Err(error) => error.into_response(),
    }
}

/// The password that was given, and the form without it.
fn answered(parts: &Parts, bytes: &Bytes) -> Option<(String, Fields)> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let fields = Fields::parse(bytes).ok()?;
    let password = fields.find(PASSWORD)?.to_owned();
    Some((password, fields.without(PASSWORD)))
}

async fn refuse(parts: Parts, state: &AppState, fields: Fields, error: StoreError) -> Response {
    // The session ended in the meantime.
    if matches!(error, StoreError::PasswordNeeded) {
        return AppError::SignedOut.into_response();
    }
    let (errors, wait_s) = errors_of(error);
    let mut response = show(parts, state, fields, Some(errors)).await.unwrap_or_else(AppError::into_response);
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    }
    response
}

/// The sentence beside the password, and how long to wait.
pub(crate) fn errors_of(error: StoreError) -> (FormErrors, Option<u64>) {
    match error {
        StoreError::Invalid(Invalid::WrongPassword) => {
            (FormErrors::of(StatusCode::UNPROCESSABLE_ENTITY, PASSWORD, "this is not your password"), None)
        }
        StoreError::Invalid(Invalid::TooManyAttempts { retry_after_s }) => {
            let wait = crate::ui::time::wait_phrase(retry_after_s);
            let sentence = format!("there were too many attempts; try again in {wait}");
            (FormErrors::of(StatusCode::TOO_MANY_REQUESTS, PASSWORD, sentence), Some(retry_after_s))
        }
        StoreError::Busy { retry_after_s } => {
            (FormErrors::from(StoreError::Busy { retry_after_s }).beside(PASSWORD), Some(retry_after_s))
        }
        other => (FormErrors::from(other).beside(PASSWORD), None),
    }
}

async fn show(mut parts: Parts, state: &AppState, fields: Fields, errors: Option<FormErrors>) -> PageResult {
    let action = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let page = Page::from_request_parts(&mut parts, state).await?;
    page::show(&page, Asked { action, fields }, FormState { input: Some(()), errors })
}
