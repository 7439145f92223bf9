//! Which pages may read an answer. A preflight carries no token, so it is answered for any origin: it only says
//! which headers may be sent. The origin is checked with the token, and only then the answer can be read.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use store::Token;

use super::allows;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
/// The last three are what pages add to every request that trace themselves.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, X-API-Key, If-None-Match, Content-Type, Last-Event-ID, Cache-Control, X-Fader-Preview, \
     traceparent, tracestate, baggage",
);
const READABLE_HEADERS: HeaderValue =
    HeaderValue::from_static("ETag, Retry-After, X-Request-Id, X-Fader-Stale");
/// The most that any browser accepts.
const PREFLIGHT_MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
/// Pages of other sites are who this door is for; the page headers of the dashboard do not apply.
const CROSS_ORIGIN: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));

pub async fn answer_preflight(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_preflight =
        request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| is_preflight).cloned() else {
        return next.run(request).await;
    };
    let answer = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S),
        (header::VARY, VARY_PREFLIGHT),
    ];
    (StatusCode::NO_CONTENT, answer).into_response()
}

/// Lets the asking page read the answer: one that the token allows, or, where there is no token, a refusal that
/// holds nothing but its reason.
pub fn open(request: &HeaderMap, token: Option<&Token>, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(header::ORIGIN) else { return };
    if token.is_none_or(|token| allows(token, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE_HEADERS);
        headers.insert(CROSS_ORIGIN.0, CROSS_ORIGIN.1);
    }
}
