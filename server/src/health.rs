//! For orchestrators: `/healthz` says that the process answers, `/readyz` that it can do its work.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::Server;

pub async fn healthz() -> &'static str {
    "ok\n"
}

/// 503 while the database does not answer or the server is stopping, so that no new requests are sent here.
pub async fn readyz(State(server): State<Arc<Server>>) -> (StatusCode, &'static str) {
    if server.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match server.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
