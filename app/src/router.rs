//! The addresses of the dashboard. One line per address; a POST goes to the address of the page that shows it.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{FromRequestParts as _, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use islands::error::CallError;

use crate::{
    actions, again,
    backend::AppState,
    call,
    error::{AppError, Thing},
    page::Visit,
    pages,
};

/// A [`CallError`] as JSON is far smaller.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Everything below `/` that is for people. The caller adds assets, sessions, CSRF and security headers around it.
pub fn router(state: AppState) -> Router {
    let replays = Extension(pages::flag::health::replays::Replays::default());
    Router::new()
        .route("/sign-in", get(pages::sign_in::get).post(actions::session::sign_in))
        .route("/sign-out", post(actions::session::sign_out))
        .route("/setup", get(pages::setup::get).post(actions::setup::post))
        .route("/invite/{token}", get(pages::invite::get).post(actions::invite::post))
        .route("/account", get(pages::account::get).post(actions::account::post))
        .route("/password", get(pages::again::get).post(actions::again::post))
        .route("/settings/members", get(pages::members::get).post(actions::members::post))
        .route("/settings/tokens", get(pages::tokens::get).post(actions::tokens::post))
        .route("/settings/environments", get(pages::environments::get).post(actions::environments::post))
        .route("/settings/webhooks", get(pages::webhooks::get).post(actions::webhooks::post))
        .route("/audit", get(pages::audit::get))
        .route("/audit/export.csv", get(pages::audit::export::csv))
        .route("/audit/export.jsonl", get(pages::audit::export::json_lines))
        .route("/audit/{seq}", get(pages::audit::entry::get))
        .route("/audit/{seq}/revert", post(actions::audit::revert))
        .route("/", get(pages::desk::get).layer(Extension(pages::desk::Memory::default())))
        .route("/flags/new", get(pages::flag::new::get).post(actions::flags::create))
        .route("/flags/{key}", get(pages::flag::rollout::get).post(actions::rollouts::post))
        .route("/flags/{key}/stop", post(actions::rollouts::stop))
        .route("/flags/{key}/resume", post(actions::rollouts::resume))
        .route("/flags/{key}/revert", post(actions::rollouts::revert))
        .route("/flags/{key}/re-randomise", post(actions::flags::re_randomise))
        .route("/flags/{key}/plan", get(pages::flag::plan::get).post(actions::plan::post))
        .route("/flags/{key}/plan/move", post(actions::plan::move_it))
        .route("/approvals", get(pages::approvals::get).post(actions::plan::approve_listed))
        .route(
            "/flags/{key}/health",
            get(pages::flag::health::get).post(actions::guardrails::post).layer(replays.clone()),
        )
        .route(
            "/settings/guardrails",
            get(pages::guardrails::get).post(actions::guardrails::post_defaults).layer(replays),
        )
        .route("/flags/{key}/history", get(pages::flag::history::get))
        .route("/flags/{key}/settings", get(pages::flag::settings::get).post(actions::flags::settings))
        .route("/search", get(pages::search::get))
        .route("/theme", post(actions::theme::post))
        .route("/live", get(crate::live::get))
        .route("/groups", get(pages::groups::get))
        .route("/settings/attributes", get(pages::attributes::get).post(actions::attributes::post))
        .route("/settings/metrics", get(pages::metrics::get).post(actions::metrics::post))
        .route("/groups/new", get(pages::group::get_new).post(actions::group::post_new))
        .route("/groups/{key}", get(pages::group::get).post(actions::group::post))
        .route("/flags/{key}/try", get(pages::try_it::get).post(actions::try_it::post))
        .route("/people", get(pages::people::get))
        .route("/people/{key}", get(pages::person::get).post(actions::person::post))
        .route("/import/people", get(pages::people::import::get).post(actions::people::import))
        .route("/flags/{key}/exposures", get(pages::flag::exposures::get))
        .route("/flags/{key}/exposures.csv", get(pages::flag::exposures::export::csv))
        .route("/feedback", get(pages::feedback::get))
        .route("/feedback/new", get(pages::feedback::new::get).post(actions::feedback::post_new))
        .route("/feedback/{id}", get(pages::feedback::item::get).post(actions::feedback::triage))
        .route("/flags/{key}/feedback", get(pages::flag::feedback::get))
        .route("/testers/{subject}", get(pages::tester::get).post(actions::tester::post))
        .route("/join/{token}", get(pages::join::get).post(actions::join::post))
        .route("/call/{*name}", post(answer_call))
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(state.clone(), again::ask))
        .layer(middleware::from_fn_with_state(state.clone(), error_pages))
        .with_state(state)
}

async fn missing() -> AppError {
    AppError::NotFound(Thing::Page)
}

async fn wrong_method() -> AppError {
    AppError::WrongMethod
}

/// Server functions of islands: `/call/…`. Leptos answers every error with 500; the error itself knows better.
async fn answer_call(State(state): State<AppState>, mut request: Request) -> Response {
    // An answer in JSON to every caller, rather than a way back to where the request says that it comes from.
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let (parts, body) = request.into_parts();
    let backend = call::backend(parts.clone(), state);
    let request = Request::from_parts(parts, body);
    let context = move || leptos::prelude::provide_context(Arc::clone(&backend));
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ERROR_BYTES_MAX).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<CallError>(&body) {
        parts.status = StatusCode::from_u16(error.status_code()).unwrap_or(parts.status);
    }
    Response::from_parts(parts, body.into())
}

/// A handler's error, before it is a page.
impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.to_string()).into_response();
        if let Self::Throttled { retry_after_s } | Self::Busy { retry_after_s } = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Shows an [`AppError`] as a page, and sends whoever is signed out to the sign-in page and back.
async fn error_pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let copy = parts.clone();
    let response = next.run(Request::from_parts(copy, body)).await;
    let is_page = !parts.uri.path().starts_with("/call/");
    let error = response.extensions().get::<AppError>().cloned();
    // What stands in an address but cannot stand there, such as a number that is none: axum says it as plain text.
    let error =
        error.or((response.status() == StatusCode::BAD_REQUEST).then_some(AppError::NotFound(Thing::Page)));
    let Some(error) = error.filter(|_| is_page) else {
        return response;
    };
    let back = way_back(&parts);
    // The error page must not fail for the reason that the page failed for.
    if error == AppError::NotFound(Thing::Environment) {
        parts.uri = http::Uri::from_static("/");
    }
    let Ok(visit) = Visit::from_request_parts(&mut parts, &state).await else { return response };
    if error == AppError::SignedOut {
        return visit.go(&pages::sign_in::address(&back, parts.method != Method::GET));
    }
    if error == AppError::PasswordNeeded {
        return visit.go(&pages::again::address(&back));
    }
    let mut page = visit.render_error(&error);
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    // Whoever is around the pages may offer to send a form again.
    page.extensions_mut().insert(error);
    page
}

/// Where somebody was who has to sign in first: the page, or the page whose form was sent.
fn way_back(parts: &Parts) -> String {
    let page = if parts.method == Method::GET {
        Some(parts.uri.clone())
    } else {
        let referrer = parts.headers.get(header::REFERER).and_then(|it| it.to_str().ok());
        referrer.and_then(|it| it.parse::<Uri>().ok())
    };
    page.as_ref().and_then(Uri::path_and_query).map_or_else(|| "/".to_owned(), ToString::to_string)
}
