//! What the server does before its database has come: decisions, as they were when it last saw it, and nothing else.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};

use super::door::{Door, Fault};
use crate::{Server, doors::dashboard::assets};

/// How many seconds old what the answer was decided from is.
pub const STALE: HeaderName = HeaderName::from_static("x-fader-stale");
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

impl Server {
    /// How old what decisions are made from is, in seconds, while the database has not come.
    pub(crate) fn stale_s(&self) -> Option<u64> {
        let since_ms = self.store.stands_in_since_ms()?;
        Some(u64::try_from((self.store.clock().now_ms() - since_ms) / 1000).unwrap_or(0))
    }
}

/// Refuses what needs the database, in the words of its door.
pub async fn gate(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let Some(stale_s) = server.stale_s() else { return next.run(request).await };
    let path = request.uri().path();
    let door = Door::of(path);
    let does_without = door == Door::Ofrep
        || matches!(path, "/healthz" | "/widget.js")
        || path.starts_with("/readyz")
        || assets::find(path, request.headers()).is_some();
    let mut response = if does_without {
        next.run(request).await
    } else {
        let mut refused = door.refuse(Fault::WithoutDatabase);
        refused.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S);
        refused
    };
    response.headers_mut().insert(STALE, HeaderValue::from(stale_s));
    response
}
