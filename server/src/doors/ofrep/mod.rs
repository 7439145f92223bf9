//! The OpenFeature Remote Evaluation Protocol, 0.3: existing OpenFeature SDKs work unchanged.
//! It asks `engine` for every decision and touches no database: tokens, snapshots and traits are in memory.

mod answer;
mod compressed;
mod context;
pub(crate) mod error;
mod etag;
mod evaluate;
mod exposure;
mod hub;
mod parts;
mod prepared;
mod preview;
mod receipt;
mod refetch;
mod revision;
mod seats;
mod stream;
mod ticket;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};
use store::{PreviewKey, ReceiptKey, Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::{
    Config, Server, StartError,
    edge::{
        access::{allowance::Allowances, cors},
        door::{Door, Fault},
    },
    limits::CATCHING_UP_MAX,
};
use compressed::Compressed;
pub use evaluate::{direct, is_direct};
use hub::Hub;
use prepared::PreparedCache;
use seats::Seats;
use ticket::TicketKey;

/// Where event streams are; a ticket follows.
pub const STREAM_PATH: &str = "/ofrep/v1/stream/";

/// What this door keeps between requests.
pub struct Ofrep {
    prepared: Arc<PreparedCache>,
    hub: Hub,
    keys: ArcSwap<Keys>,
    streams: Seats,
    catching_up: Semaphore,
}

/// What is signed and read with, all of it made of the workspace's secret, and what was signed with it and is kept.
pub struct Keys {
    tickets: TicketKey,
    previews: PreviewKey,
    pub(crate) receipts: ReceiptKey,
    compressed: Compressed,
}

impl Keys {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        let tickets = TicketKey::new(&store.workspace_secret().await?);
        let tickets =
            tickets.map_err(|_| StoreError::CorruptRow { table: "workspace", id: "1".to_owned() })?;
        let (previews, receipts) = (store.preview_key().await?, store.receipt_key().await?);
        Ok(Self { tickets, previews, receipts, compressed: Compressed::default() })
    }
}

impl Ofrep {
    pub async fn start(
        store: &Store,
        config: &Config,
        allowances: Arc<Allowances>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let prepared = Arc::new(PreparedCache::default());
        let keys = ArcSwap::from_pointee(Keys::read(store).await?);
        let hub = Hub::start(store.clone(), Arc::clone(&prepared), allowances, stopping);
        Ok(Self {
            prepared,
            hub,
            keys,
            streams: Seats::new(config),
            catching_up: Semaphore::new(CATCHING_UP_MAX),
        })
    }

    pub(crate) fn keys(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.keys.load()
    }

    /// The database may be another one, with another secret: answers that were signed with the old one are no longer kept.
    pub async fn read_keys(&self, store: &Store) -> Result<(), StoreError> {
        self.keys.store(Arc::new(Keys::read(store).await?));
        Ok(())
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
