//! The addresses of the dashboard. One line per address; a POST goes to the address of the page that shows it.

use axum::{
    Extension, Router,
    body::to_bytes,
    extract::{FromRequest as _, FromRequestParts as _, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use store::Principal;

use crate::{
    account, approvals, audit,
    call::{Call, CallError},
    desk,
    error::{AppError, Thing},
    feedback, flag,
    form::fields::Fields,
    group, guardrails, invite, live,
    page::Visit,
    password::{self, ask},
    people, person, search, settings, setup,
    sign_in::{
        self,
        kept::{self, Kept},
    },
    site::Site,
    state::AppState,
    tester, testers, try_it, zone,
};

/// A [`CallError`] as JSON is far smaller.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Everything below `/` that is for people. The caller adds assets, sessions, CSRF and security headers around it.
pub fn router(state: AppState) -> Router {
    let replays = Extension(guardrails::replays::Replays::default());
    Router::new()
        .route("/sign-in", get(sign_in::page::get).post(sign_in::save::sign_in))
        .route("/sign-out", post(sign_in::save::sign_out))
        .route("/setup", get(setup::page::get).post(setup::save::post))
        .route("/invite/{token}", get(invite::page::get).post(invite::save::post))
        .route("/account", get(account::page::get).post(account::save::post))
        .route("/password", get(password::page::get).post(password::save::post))
        .route("/settings/members", get(settings::members::page::get).post(settings::members::save::post))
        .route("/settings/roles", get(settings::roles::page::get).post(settings::roles::save::post))
        .route("/settings/tokens", get(settings::tokens::page::get).post(settings::tokens::save::post))
        .route("/settings/clients", get(settings::clients::get))
        .route(
            "/settings/environments",
            get(settings::environments::page::get).post(settings::environments::save::post),
        )
        .route("/settings/webhooks", get(settings::webhooks::page::get).post(settings::webhooks::save::post))
        .route("/audit", get(audit::page::get))
        .route("/audit/export.csv", get(audit::export::csv))
        .route("/audit/export.jsonl", get(audit::export::json_lines))
        .route("/audit/{seq}", get(audit::entry::get))
        .route("/audit/{seq}/revert", post(audit::save::revert))
        .route("/", get(desk::page::get).layer(Extension(desk::page::Memory::default())))
        .route("/connect", get(flag::connect::start::get))
        .route("/flags/new", get(flag::new::get).post(flag::settings::save::create))
        .route("/flags/{key}", get(flag::rollout::page::get).post(flag::rollout::save::post))
        .route("/flags/{key}/stop", post(flag::rollout::save::stop))
        .route("/flags/{key}/resume", post(flag::rollout::save::resume))
        .route("/flags/{key}/revert", post(flag::rollout::save::revert))
        .route("/flags/{key}/re-randomise", post(flag::settings::save::re_randomise))
        .route("/flags/{key}/plan", get(flag::plan::page::get).post(flag::plan::save::post))
        .route("/flags/{key}/plan/move", post(flag::plan::save::move_it))
        .route("/approvals", get(approvals::get).post(flag::plan::save::approve_listed))
        .route(
            "/flags/{key}/health",
            get(flag::health::page::get).post(guardrails::save::post).layer(replays.clone()),
        )
        .route(
            "/settings/guardrails",
            get(settings::guardrails::get).post(guardrails::save::post_defaults).layer(replays),
        )
        .route("/flags/{key}/connect", get(flag::connect::page::get).post(flag::connect::save::post))
        .route("/flags/{key}/incidents/{seq}", get(flag::incident::page::get))
        .route("/flags/{key}/incidents/{seq}/share", post(flag::incident::page::share))
        .route("/shared/{token}", get(flag::incident::shared::get))
        .route("/flags/{key}/history", get(flag::history::get))
        .route("/flags/{key}/settings", get(flag::settings::page::get).post(flag::settings::save::settings))
        .route("/search", get(search::page::get))
        .route("/theme", post(account::theme::post))
        .route("/live", get(live::get))
        .route("/groups", get(group::list::get))
        .route("/settings", get(settings::get))
        .route(
            "/settings/attributes",
            get(settings::attributes::page::get).post(settings::attributes::save::post),
        )
        .route("/settings/metrics", get(settings::metrics::page::get).post(settings::metrics::save::post))
        .route("/groups/new", get(group::page::get_new).post(group::save::post_new))
        .route("/groups/{key}", get(group::page::get).post(group::save::post))
        .route("/flags/{key}/try", get(try_it::page::get).post(try_it::save::post))
        .route("/people", get(people::page::get))
        .route("/people/{key}", get(person::page::get).post(person::save::post))
        .route("/people/{key}/changed", get(person::changed::get))
        .route("/import/people", get(people::import::page::get).post(people::import::save::import))
        .route("/flags/{key}/exposures", get(flag::exposures::page::get))
        .route("/flags/{key}/exposures.csv", get(flag::exposures::export::csv))
        .route("/feedback", get(feedback::page::get))
        .route("/feedback/new", get(feedback::new::get).post(feedback::save::post_new))
        .route("/feedback/{id}", get(feedback::item::get).post(feedback::save::triage))
        .route("/flags/{key}/feedback", get(flag::feedback::get))
        .route("/testers", get(flag::rollout::tester::find))
        .route("/testers/{subject}", get(tester::page::get).post(tester::save::post))
        .route("/join/{token}", get(testers::join::page::get).post(testers::join::save::post))
        .route("/call/{*name}", post(answer_call))
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(state.clone(), ask::ask))
        .layer(middleware::from_fn_with_state(state.clone(), error_pages))
        .layer(middleware::from_fn_with_state(state.clone(), zone::attach))
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
    let call = Call::new(parts.clone(), state);
    let request = Request::from_parts(parts, body);
    let context = move || leptos::prelude::provide_context(call.clone());
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ERROR_BYTES_MAX).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<CallError>(&body) {
        parts.status = StatusCode::from_u16(error.status).unwrap_or(parts.status);
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
    let (mut parts, mut body) = request.into_parts();
    let copy = parts.clone();
    let sent = match parts.extensions.get::<Principal>() {
        None if parts.method == Method::POST => match to_bytes(body, ask::FORM_BYTES_MAX).await {
            Ok(bytes) => {
                body = bytes.clone().into();
                Some(bytes)
            }
            Err(_) => return AppError::TooLarge.into_response(),
        },
        _ => None,
    };
    let response = next.run(Request::from_parts(copy, body)).await;
    let is_page = !parts.uri.path().starts_with("/call/");
    let error = response.extensions().get::<AppError>().cloned();
    // What stands in an address but cannot stand there, such as a number that is none: axum says it as plain text.
    let error =
        error.or((response.status() == StatusCode::BAD_REQUEST).then_some(AppError::NotFound(Thing::Page)));
    let Some(error) = error.filter(|_| is_page) else {
        return response;
    };
    let back = way_back(&parts, &state.site);
    // The error page must not fail for the reason that the page failed for.
    if error == AppError::NotFound(Thing::Environment) {
        parts.uri = http::Uri::from_static("/");
    }
    let Ok(visit) = Visit::from_request_parts(&mut parts, &state).await else { return response };
    if error == AppError::SignedOut {
        let form = Request::from_parts(parts.clone(), sent.unwrap_or_default().into());
        let fields = Fields::from_request(form, &state).await.ok();
        let fields = fields.filter(|_| parts.method == Method::POST);
        let whose = match &fields {
            Some(_) => kept::last_here(&visit).await,
            None => None,
        };
        let kept = fields.zip(whose).and_then(|(fields, whose)| Kept::of(&parts, fields, whose));
        return match kept {
            Some(kept) => {
                sign_in::page::show_with(&visit, kept, &back).unwrap_or_else(AppError::into_response)
            }
            None => visit.go(&sign_in::page::address(&back, parts.method != Method::GET)),
        };
    }
    if error == AppError::PasswordNeeded {
        return visit.go(&password::page::address(&back));
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
fn way_back(parts: &Parts, site: &Site) -> String {
    let page = if parts.method == Method::GET {
        parts.uri.path_and_query().map(ToString::to_string)
    } else {
        let referrer = parts.headers.get(header::REFERER).and_then(|it| it.to_str().ok());
        let referrer = referrer.and_then(|it| it.parse::<Uri>().ok());
        let address = referrer.as_ref().and_then(Uri::path_and_query).map(ToString::to_string);
        address.and_then(|address| site.inside(&address).map(str::to_owned))
    };
    page.unwrap_or_else(|| "/".to_owned())
}
