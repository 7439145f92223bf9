//! The OpenFeature Remote Evaluation Protocol, 0.3: existing OpenFeature SDKs work unchanged.
//! It asks `engine` for every decision and touches no database: tokens, snapshots and traits are in memory.

mod answer;
mod check;
mod compressed;
mod context;
pub mod door;
mod error;
mod etag;
mod evaluate;
mod exposure;
mod hub;
mod keys;
mod mark;
mod parts;
mod permissions;
mod prepared;
mod preview;
mod receipt;
mod refetch;
mod revision;
mod seats;
mod state;
mod stream;
mod ticket;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};

use crate::edge::{access::cors, fault::Fault};
pub use check::Checked;
pub use context::CallerContext;
use error::OfrepError;
pub use evaluate::{direct, is_direct};
pub use permissions::Permitted;
pub use state::{Ofrep, Parts};

pub fn router(ofrep: Arc<Ofrep>) -> Router {
    let not_found = || async { OfrepError::Fault(Fault::NotFound) };
    Router::new()
        .route("/ofrep/v1/evaluate/flags/{key}", post(evaluate::one))
        .route("/ofrep/v1/evaluate/flags", post(evaluate::all))
        .route("/ofrep/v1/stream/{ticket}", get(stream::open))
        .route("/ofrep/{*path}", axum::routing::any(not_found))
        .method_not_allowed_fallback(|| async { OfrepError::Fault(Fault::MethodNotAllowed) })
        .layer(from_fn(cors::answer_preflight))
        .with_state(ofrep)
}
