//! What this door needs of the server, and what it keeps between requests.

use std::sync::Arc;

use arc_swap::ArcSwap;
use store::{Store, StoreError};
use tokio::sync::Semaphore;

use super::{hub::Hub, keys::Keys, prepared::PreparedCache, seats::Seats, ticket::STREAM_PATH};
use crate::{
    Config, StartError,
    edge::{access::Access, body::Bodies, request_id::RequestIds},
    figures::Figures,
    intake::Intake,
    limits::CATCHING_UP_MAX,
    stopping::Stopping,
};

pub struct Ofrep {
    pub(super) parts: Parts,
    pub(super) prepared: Arc<PreparedCache>,
    pub(super) hub: Hub,
    keys: ArcSwap<Keys>,
    /// Where clients open streams, as they ask for it: a ticket follows.
    pub(super) stream_address: String,
    pub(super) streams: Seats,
    pub(super) catching_up: Semaphore,
}

/// What it needs of the server.
pub struct Parts {
    pub access: Access,
    pub bodies: Arc<Bodies>,
    pub intake: Arc<Intake>,
    pub request_ids: Arc<RequestIds>,
    pub figures: Arc<Figures>,
    pub stopping: Stopping,
}

impl Ofrep {
    /// Starts the task that announces changes to streams.
    pub async fn start(parts: Parts, config: &Config) -> Result<Self, StartError> {
        let (store, allowances) = (&parts.access.store, Arc::clone(&parts.access.allowances));
        let prepared = Arc::new(PreparedCache::default());
        let asked = Arc::clone(&prepared);
        parts.intake.signals.start(parts.stopping.0.clone(), move |signals| asked.tell(signals));
        let keys = ArcSwap::from_pointee(Keys::read(store).await?);
        let hub = Hub::start(
            (store.clone(), Arc::clone(&parts.figures)),
            Arc::clone(&prepared),
            allowances,
            parts.stopping.0.clone(),
        );
        let figures = Arc::clone(&parts.figures);
        Ok(Self {
            parts,
            prepared,
            hub,
            keys,
            stream_address: format!("{}{STREAM_PATH}", config.base()),
            streams: Seats::new(config, figures),
            catching_up: Semaphore::new(CATCHING_UP_MAX),
        })
    }

    /// Passes on which flags were asked for since the last time, and writes it down.
    pub async fn write_signals(&self) {
        let signals = &self.parts.intake.signals;
        self.prepared.tell(signals);
        signals.write().await;
    }

    pub(super) fn store(&self) -> &Store {
        &self.parts.access.store
    }

    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.keys.load()
    }

    /// The database may be another one, with another secret: answers that were signed with the old one are no longer kept.
    pub async fn read_keys(&self) -> Result<(), StoreError> {
        self.keys.store(Arc::new(Keys::read(self.store()).await?));
        Ok(())
    }
}
