//! The door for people: the dashboard of crate `app`, with what it needs around it.

use std::sync::Arc;

use app::backend::{AppState, TooMany};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use futures::StreamExt as _;
use http::header::CONTENT_TYPE;
use leptos::prelude::LeptosOptions;
use tower::ServiceBuilder;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::{
    Server, assets, body, client_address::ClientAddress, csrf, edge, limits::FORM_BODY_BYTES_MAX, resend,
    session,
};

pub fn router(server: &Arc<Server>) -> Router {
    let options = LeptosOptions::builder().output_name("fader").site_pkg_dir(assets::site_pkg_dir()).build();
    let state = AppState { store: server.store.clone(), options, secure: server.config.is_tls() };
    let around = ServiceBuilder::new()
        .layer(from_fn(edge::add_page_headers))
        .layer(from_fn_with_state(Arc::clone(server), end_streams))
        .layer(from_fn(asset))
        // Fast enough to compress every page anew. Event streams are left alone by tower-http itself.
        .layer(CompressionLayer::new().br(true).gzip(true).quality(CompressionLevel::Precise(4)))
        .layer(from_fn_with_state(Arc::clone(server), csrf::check))
        .layer(from_fn_with_state(Arc::clone(server), count_joins))
        .layer(from_fn_with_state(FORM_BODY_BYTES_MAX, body::buffer))
        .layer(from_fn(resend::keep_form))
        .layer(from_fn_with_state(Arc::clone(server), session::attach))
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

/// Strangers accept invitations: each address may try so often.
async fn count_joins(State(server): State<Arc<Server>>, mut request: Request, next: Next) -> Response {
    if request.method() == http::Method::POST && request.uri().path().starts_with("/join/") {
        let address = request.extensions().get::<ClientAddress>().copied();
        if let Err(retry_after_s) = server.allowances.join(address) {
            request.extensions_mut().insert(TooMany { retry_after_s });
        }
    }
    next.run(request).await
}

/// Event streams of pages would keep the server from stopping.
async fn end_streams(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|it| it == "text/event-stream");
    if !is_stream {
        return response;
    }
    let mut stopping = server.stopping();
    let stopped = async move { drop(stopping.wait_for(|it| *it).await) };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(stopped))))
}
