//! The OpenFeature Remote Evaluation Protocol, 0.3: existing OpenFeature SDKs work unchanged.
//! It asks `engine` for every decision and touches no database: tokens, snapshots and traits are in memory.

mod answer;
mod context;
pub(crate) mod error;
mod etag;
mod evaluate;
mod exposure;
mod hub;
mod prepared;
mod preview;
mod receipt;
mod refetch;
mod revision;
mod stream;
mod ticket;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};
use store::{PreviewKey, ReceiptKey, Store};
use tokio::sync::watch;

use crate::{
    Config, Server, StartError,
    access::{allowance::Allowances, cors},
    door::{Door, Fault},
};
use hub::Hub;
use prepared::PreparedCache;
use ticket::TicketKey;

/// Where event streams are; a ticket follows.
pub const STREAM_PATH: &str = "/ofrep/v1/stream/";

/// What this door keeps between requests.
pub struct Ofrep {
    prepared: Arc<PreparedCache>,
    hub: Hub,
    tickets: TicketKey,
    streams: stream::Seats,
    previews: PreviewKey,
    pub(crate) receipts: ReceiptKey,
}

impl Ofrep {
    pub async fn start(
        store: &Store,
        config: &Config,
        allowances: Arc<Allowances>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let prepared = Arc::new(PreparedCache::default());
        let tickets = TicketKey::new(&store.workspace_secret().await?)?;
        let hub = Hub::start(store.clone(), Arc::clone(&prepared), allowances, stopping);
        let previews = store.preview_key().await?;
        let receipts = store.receipt_key().await?;
        let streams = stream::Seats::new(config.streams_max);
        Ok(Self { prepared, hub, tickets, streams, previews, receipts })
    }
}

pub fn router(server: &Arc<Server>) -> Router {
    let not_found = || async { Door::Ofrep.refuse(Fault::NotFound) };
    Router::new()
        .route("/ofrep/v1/evaluate/flags/{key}", post(evaluate::one))
        .route("/ofrep/v1/evaluate/flags", post(evaluate::all))
        .route("/ofrep/v1/stream/{ticket}", get(stream::open))
        .route("/ofrep/{*path}", axum::routing::any(not_found))
        .method_not_allowed_fallback(|| async { Door::Ofrep.refuse(Fault::MethodNotAllowed) })
        .layer(from_fn(cors::answer_preflight))
        .with_state(Arc::clone(server))
}
