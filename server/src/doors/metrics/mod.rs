//! `GET /metrics`: how the server is, for Prometheus. Shows what others count; asks no database and takes no lock that a
//! decision waits for. What costs more to find out is looked at in the background.
//! [Why so](../../../../docs/decisions/0042-metrics-without-a-registry.md).

mod access;
pub mod door;
mod process;
mod refusal;
mod sources;
mod text;
mod write;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, header, request::Parts};

use crate::edge::fault::Fault;

pub use access::{Admission, MetricsToken, MetricsTokenError};
pub use sources::{Sources, look};

pub fn router(sources: Arc<Sources>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(|| async { refusal::of_fault(Fault::MethodNotAllowed) })
        .with_state(sources)
}

async fn metrics(State(sources): State<Arc<Sources>>, parts: Parts) -> Response {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    if let Err(refused) = sources.admission.check(peer, &parts.headers) {
        return refusal::of_access(refused);
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, write::all(&sources)).into_response()
}
