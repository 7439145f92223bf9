//! What a page shows when there is none: the sentence, the request id for a report, and ways on.

use leptos::prelude::*;

use crate::error::AppError;

pub fn title(error: &AppError) -> &'static str {
    match error {
        AppError::SignedOut => "Signed out",
        AppError::PasswordNeeded => "Your password, please",
        AppError::Busy { .. } => "Busy",
        AppError::Denied(_) => "Not allowed",
        AppError::NotFound(_) => "Not found",
        AppError::StaleLink => "This link has expired",
        AppError::Conflict => "Changed by somebody else",
        AppError::Refused
        | AppError::BadForm
        | AppError::TooLarge
        | AppError::FieldTooLong { .. }
        | AppError::WrongMethod => "Refused",
        AppError::Throttled { .. } => "Too many attempts",
        AppError::Unavailable => "The database does not answer",
        AppError::Internal => "Something went wrong",
    }
}

pub(crate) fn view(error: AppError, request_id: String) -> impl FnOnce() -> AnyView {
    move || {
        let here = super::here::here();
        let id = (error == AppError::Internal && !request_id.is_empty())
            .then(|| view! { <p class="muted">"Request " <code>{request_id}</code></p> });
        view! {
            <section class="lost">
                <p class="lost-code" aria-hidden="true">{error.status_code()}</p>
                <h1>{title(&error)}</h1>
                <p>{error.to_string()}</p>
                {id}
                <p><a class="button" href=here.href("/")>"Go to the desk"</a></p>
            </section>
        }
        .into_any()
    }
}
