//! Starting and ending a session.

use axum::response::Response;
use http::header::{self, HeaderValue};
use store::{Invalid, NewSession, SignInError, StoreError};

use super::{
    kept, offer,
    page::{self, SignInInput},
};
use crate::{
    cookies,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{PageResult, Visit, toast::Toast},
};

pub async fn sign_in(visit: Visit, fields: Fields) -> PageResult {
    let input = SignInInput::read(&fields);
    let password = fields.text("password");
    // Asked before it is whoever signs in now.
    let last = match &input.kept {
        Some(_) => kept::last_here(&visit).await,
        None => None,
    };
    match visit.store().sign_in(&input.email, password, &visit.origin, visit.browser()).await {
        Ok(session) => {
            let answer = match input.kept {
                Some(kept) if kept.is_for(session.principal.id(), last) => {
                    offer::show(&visit, &session.principal, kept, &input.next).await?
                }
                Some(_) => offer::keep_back(&visit, &input.next)?,
                None => visit.go(&input.next),
            };
            Ok(start(&visit, &session, answer))
        }
        Err(error) => {
            let wait_s = match error {
                SignInError::Throttled { retry_after_s }
                | SignInError::Store(StoreError::Busy { retry_after_s }) => Some(retry_after_s),
                SignInError::Wrong | SignInError::Store(_) => None,
            };
            let mut response = page::show(&visit, FormState::refused(input, FormErrors::from(error)))?;
            if let Some(seconds) = wait_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(response)
        }
    }
}

/// Works for anybody: a session that is gone already is signed out.
pub async fn sign_out(visit: Visit) -> PageResult {
    if let Some(token) = visit.session_token() {
        visit.store().sign_out(token, &visit.origin).await?;
    }
    let mut response = visit.done("/sign-in", Toast::SignedOut);
    response.headers_mut().append(header::SET_COOKIE, cookies::end_session(&visit.state.site));
    Ok(response)
}

/// Adds the new session's cookies to an answer.
pub(crate) fn start(visit: &Visit, session: &NewSession, mut response: Response) -> Response {
    let (site, headers) = (&visit.state.site, response.headers_mut());
    headers.append(header::SET_COOKIE, cookies::start_session(&session.token, site));
    if let Some(device) = &session.device {
        headers.append(header::SET_COOKIE, cookies::remember_device(device, site));
    }
    response
}

/// Puts the store's sentences about a new account beside the fields that they are about.
pub(crate) fn beside_account_fields(error: StoreError) -> FormErrors {
    let field = match &error {
        StoreError::Invalid(Invalid::SetupCode) => Some("code"),
        StoreError::Invalid(Invalid::Email) | StoreError::AlreadyExists { .. } => Some("email"),
        StoreError::Invalid(Invalid::MemberName) => Some("name"),
        StoreError::Invalid(Invalid::WrongPassword) => Some("old"),
        StoreError::Invalid(
            Invalid::PasswordTooShort
            | Invalid::PasswordTooLong
            | Invalid::PasswordIsEmail
            | Invalid::PasswordCommon
            | Invalid::PasswordIsOwn,
        ) => Some("password"),
        _ => None,
    };
    let errors = FormErrors::from(error);
    match field {
        Some(field) => errors.beside(field),
        None => errors,
    }
}
