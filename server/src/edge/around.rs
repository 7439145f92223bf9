//! What surrounds every request: its id, the client's address, caught panics, security headers, the access log.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use app::site::Site;
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{
    client_address::ClientAddress,
    coding,
    door::{Door, Doors},
    fault::{Fault, FaultPage},
    nul,
    request_id::{RequestId, RequestIds},
    traffic::Traffic,
};
use crate::Config;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For answers that bring no policy of their own: nothing in them is to be run or framed.
const CLOSED_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// What it takes to surround a request.
pub struct Edge {
    pub request_ids: Arc<RequestIds>,
    pub config: Arc<Config>,
    pub site: Site,
    pub doors: Doors,
    pub traffic: Arc<Traffic>,
}

/// As a layer around routes; see [`around`].
pub async fn surround(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    around(&edge, request, |request| next.run(request)).await
}

/// Puts around one request what surrounds every one.
pub async fn around<F: Future<Output = Response>>(
    edge: &Edge,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let started = Instant::now();
    let id = edge.request_ids.next();
    let door = edge.doors.of(request.uri().path());
    let seen = Seen { id, door, method: request.method().clone(), uri: request.uri().clone() };
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let address = ClientAddress::find(peer, request.headers(), &edge.config.trusted_proxies);
        request.extensions_mut().insert(address);
    }
    request.extensions_mut().insert(id);
    let is_coded = request.headers().contains_key(header::CONTENT_ENCODING);
    let mut response = if let Some(fault) = fault_of_address(request.uri()) {
        (door.refuse)(fault)
    } else {
        let (request, nul) = nul::watch(door, request);
        let answer = AssertUnwindSafe(answer(request)).catch_unwind().await;
        let response = answer.unwrap_or_else(|panic| {
            tracing::error!(request_id = %id, panic = panic_message(&*panic), "a handler panicked");
            (door.refuse)(Fault::Internal)
        });
        // Whoever wanted the body got none, and said so in words that do not know why.
        if nul.is_some_and(|found| found.is_set()) { (door.refuse)(Fault::Nul) } else { response }
    };
    if let Some(shown) = response.extensions().get::<FaultPage>().copied() {
        *response.body_mut() = shown.html(&edge.site).into();
    }
    if is_coded && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::READ));
    }
    add_headers(response.headers_mut(), id, edge.config.is_tls());
    let took = started.elapsed();
    edge.traffic.note(door, response.status(), took);
    seen.log(response.status(), took);
    response
}

/// What no handler gets to see.
fn fault_of_address(uri: &http::Uri) -> Option<Fault> {
    if nul::in_address(uri) {
        return Some(Fault::Nul);
    }
    let chars_max = app::caps::too_long_in_query(uri.query()?)?;
    Some(Fault::QueryTooLong { chars_max })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

fn add_headers(headers: &mut HeaderMap, id: RequestId, tls: bool) {
    if let Ok(id) = HeaderValue::from_bytes(&id.digits()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CLOSED_POLICY);
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// Headers of pages for people; the APIs are read by pages of other sites and do without.
pub async fn add_page_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// What the access log says of a request: no query, no header, no secret part of a path.
struct Seen {
    id: RequestId,
    door: &'static Door,
    method: Method,
    uri: http::Uri,
}

impl Seen {
    /// Evaluations and events come by the ten thousand, so they are logged at debug level only.
    fn log(&self, status: StatusCode, took: Duration) {
        let path = self.door.without_secret(self.uri.path());
        let (id, method, status) = (self.id, &self.method, status.as_u16());
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if status >= 500 {
            tracing::warn!(target: "fader::access", request_id = %id, %method, path, status, took_us);
        } else if (self.door.is_rush)(path) {
            tracing::debug!(target: "fader::access", request_id = %id, %method, path, status, took_us);
        } else {
            tracing::info!(target: "fader::access", request_id = %id, %method, path, status, took_us);
        }
    }
}
