//! What the server does before its database has come: decisions, as they were when it last saw it, and nothing else.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};
use store::Store;

use super::{door::Doors, fault::Fault};

/// How many seconds old what the answer was decided from is.
pub const STALE: HeaderName = HeaderName::from_static("x-fader-stale");
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// How old what decisions are made from is, in seconds, while the database has not come.
pub fn stale_s(store: &Store) -> Option<u64> {
    let since_ms = store.stands_in_since_ms()?;
    Some(u64::try_from((store.clock().now_ms() - since_ms) / 1000).unwrap_or(0))
}

/// Refuses what needs the database, in the words of its door.
pub async fn gate(State((store, doors)): State<(Store, Doors)>, request: Request, next: Next) -> Response {
    let Some(stale_s) = stale_s(&store) else { return next.run(request).await };
    let path = request.uri().path();
    let door = doors.of(path);
    let mut response = if (door.needs_no_database)(path, request.headers()) {
        next.run(request).await
    } else {
        let mut refused = (door.refuse)(Fault::WithoutDatabase);
        refused.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S);
        refused
    };
    response.headers_mut().insert(STALE, HeaderValue::from(stale_s));
    response
}
