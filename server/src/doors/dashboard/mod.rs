//! The door for people: the dashboard of crate `app`, with what it needs around it.

mod assets;
mod csrf;
pub mod door;
mod resend;
mod session;

use std::sync::Arc;

use app::state::{AppState, TooMany};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use futures::StreamExt as _;
use http::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use leptos::prelude::LeptosOptions;
use store::Principal;
use tower::ServiceBuilder;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::{
    Server,
    edge::{access::allowance::Allowances, around, client_address::ClientAddress, fault::Fault},
    lanes::Lanes,
    limits::{FORM_BODY_BYTES_MAX, STRANGER_BODY_BYTES_MAX},
    stopping::Stopping,
};
use session::Sessions;

pub fn router(server: &Server) -> Router {
    let options = LeptosOptions::builder().output_name("fader").site_pkg_dir(assets::site_pkg_dir()).build();
    let state = AppState {
        store: server.store.clone(),
        options,
        site: server.site.clone(),
        site_is_told: server.config.public_url.is_some(),
        webhooks: server.config.webhooks,
        live: server.pages.clone(),
    };
    let sessions = Sessions {
        store: server.store.clone(),
        bodies: Arc::clone(&server.bodies),
        site: server.site.clone(),
    };
    let (lanes, allowances) = (Arc::clone(&server.lanes), Arc::clone(&server.access.allowances));
    let around = ServiceBuilder::new()
        .layer(from_fn(around::add_page_headers))
        .layer(from_fn_with_state(server.stopping(), end_streams))
        .layer(from_fn(asset))
        .layer(from_fn_with_state(Arc::clone(&lanes), on_pages))
        // Fast enough to compress every page anew. Event streams are left alone by tower-http itself.
        .layer(CompressionLayer::new().br(true).gzip(true).quality(CompressionLevel::Precise(4)))
        .layer(from_fn_with_state(Arc::clone(&server.config), csrf::check))
        .layer(from_fn_with_state(Arc::clone(&allowances), count_joins))
        .layer(from_fn_with_state(server.site.clone(), resend::keep_form))
        .layer(from_fn_with_state((lanes, sessions.clone()), in_turn))
        .layer(from_fn_with_state(sessions.clone(), session::attach))
        .layer(from_fn_with_state(allowances, count_exports))
        .layer(from_fn_with_state(sessions, read_form))
        .layer(DefaultBodyLimit::disable());
    app::router(state).layer(around)
}

/// Files go before pages and need neither a session nor compression.
async fn asset(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), http::Method::GET | http::Method::HEAD);
    let file = reads.then(|| assets::find(request.uri().path(), request.headers())).flatten();
    match file {
        Some(file) => file,
        None => next.run(request).await,
    }
}

/// Pages are made behind what may not wait.
async fn on_pages(State(lanes): State<Arc<Lanes>>, request: Request, next: Next) -> Response {
    let only_reads = request.method().is_safe();
    lanes.answer(only_reads, next.run(request)).await.unwrap_or_else(Fault::page)
}

/// Answers once there is a place, and keeps what was sent for whoever gets none.
async fn in_turn(
    State((lanes, sessions)): State<(Arc<Lanes>, Sessions)>,
    request: Request,
    next: Next,
) -> Response {
    let is_change = is_change(request.method(), request.uri().path());
    match lanes.in_turn(is_change, request, next).await {
        Ok(response) => response,
        Err(request) => sessions.keep_refused(request, Fault::Crowded).await,
    }
}

/// Handlers of the dashboard read bodies with extractors: they get one that is there already. Whoever is signed in may send
/// large forms, and so may a browser that somebody signed in with before: the session may have ended while they typed.
/// Strangers send small ones, and only where strangers have something to send.
async fn read_form(State(sessions): State<Sessions>, request: Request, next: Next) -> Response {
    if http_body::Body::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let bodies = &sessions.bodies;
    let principal = parts.extensions.get::<Principal>();
    let read = match (principal, is_for_strangers(parts.uri.path())) {
        (Some(principal), _) => bodies.read(principal, body, &parts, FORM_BODY_BYTES_MAX).await,
        (None, true) if is_small(&parts.headers) => bodies.read_of_stranger(body, &parts).await,
        (None, is_for_strangers) => match sessions.find_device(&parts.headers).await {
            Some(device) => bodies.read(&device, body, &parts, FORM_BODY_BYTES_MAX).await,
            None if is_for_strangers => bodies.read_of_stranger(body, &parts).await,
            // The page sends them to the sign-in.
            None => return next.run(Request::from_parts(parts, Body::empty())).await,
        },
    };
    match read {
        Ok(whole) => {
            let (bytes, held) = whole.into_parts();
            // What the body takes is given back when nobody can need it any more.
            let sent = parts.extensions.get::<resend::KeptForm>().cloned().unwrap_or_default();
            sent.keep((bytes.clone(), held));
            next.run(Request::from_parts(parts, Body::from(bytes))).await
        }
        Err(fault) => fault.page(),
    }
}

/// As a stranger may send it, by what it announces.
fn is_small(headers: &HeaderMap) -> bool {
    let announced = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    announced.is_some_and(|bytes| bytes <= STRANGER_BODY_BYTES_MAX)
}

/// Whether a request waits among the changes of members. What strangers may send, and previews, waits among the pages.
fn is_change(method: &Method, path: &str) -> bool {
    !is_for_strangers(path) && !method.is_safe()
}

/// Where somebody who is not signed in may send a form. (A server function has to say in its own shape who may not.)
fn is_for_strangers(path: &str) -> bool {
    const PAGES: [&str; 4] = ["/sign-in", "/sign-out", "/setup", "/theme"];
    const BELOW: [&str; 3] = ["/invite/", "/join/", "/call/"];
    PAGES.contains(&path) || BELOW.iter().any(|below| path.starts_with(below))
}

/// Strangers accept invitations: each address may try so often.
async fn count_joins(
    State(allowances): State<Arc<Allowances>>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::POST && request.uri().path().starts_with("/join/") {
        let address = request.extensions().get::<ClientAddress>().copied();
        if let Err(retry_after_s) = allowances.join(address) {
            request.extensions_mut().insert(TooMany { retry_after_s });
        }
    }
    next.run(request).await
}

/// A file is read from the database from one end to the other: each member may have so many.
async fn count_exports(State(allowances): State<Arc<Allowances>>, request: Request, next: Next) -> Response {
    let kind = request.uri().path().rsplit_once('.').map(|(_, kind)| kind);
    if matches!(kind, Some("csv" | "jsonl")) {
        let by = request.extensions().get::<Principal>().map(Principal::id);
        if let Some(Err(retry_after_s)) = by.map(|by| allowances.export(by)) {
            return Fault::TooOften { retry_after_s }.page();
        }
    }
    next.run(request).await
}

/// Event streams of pages would keep the server from stopping.
async fn end_streams(State(stopping): State<Stopping>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|it| it == "text/event-stream");
    if !is_stream {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(stopping.comes()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_members_wait_apart_from_what_only_reads() {
        for (method, path, expected) in [
            (Method::GET, "/", false),
            (Method::HEAD, "/flags/pay", false),
            (Method::POST, "/flags/pay", true),
            (Method::POST, "/flags/pay/stop", true),
            (Method::POST, "/settings/tokens", true),
            (Method::POST, "/call/preview_rollout", false),
            (Method::POST, "/sign-in", false),
            (Method::POST, "/join/abc", false),
            (Method::POST, "/sign-in-as", true),
        ] {
            assert_eq!(is_change(&method, path), expected, "{method} {path}");
        }
    }
}
