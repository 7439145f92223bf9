//! What one running server shares between its requests.

use std::{io, path::PathBuf, sync::Arc};

use store::{Store, StoreError};
use tokio::sync::watch;

use crate::{
    Config,
    access::{allowance::Allowances, uses},
    anchor::{Anchor, KeyError},
    anew,
    body::Bodies,
    edge::RequestIds,
    guard::Guard,
    health::Readiness,
    ingest::Ingest,
    lanes::Lanes,
    ofrep::Ofrep,
};

/// The server's state; `Server::start` also starts what runs beside the requests.
pub struct Server {
    pub store: Store,
    pub config: Config,
    pub(crate) allowances: Arc<Allowances>,
    pub(crate) ofrep: Ofrep,
    pub ingest: Ingest,
    pub(crate) request_ids: RequestIds,
    pub(crate) guard: Guard,
    pub(crate) anchor: Anchor,
    pub(crate) bodies: Bodies,
    pub(crate) readiness: Readiness,
    pub(crate) lanes: Lanes,
    stopping: watch::Sender<bool>,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the operating system gives no random numbers")]
    NoEntropy,
    #[error("the threads for pages do not start: {0}; the operating system may limit how many a user has")]
    Threads(io::Error),
    #[error("webhooks cannot be sent: the HTTP client does not start")]
    HttpClient,
    #[error(transparent)]
    AuditKey(#[from] KeyError),
    #[error("the checkpoints of the audit log cannot be written to {}: {error}", .file.display())]
    Checkpoints { file: PathBuf, error: io::Error },
}

impl Server {
    /// Reads what the server needs from the store, and starts the task that announces changes to streams.
    pub async fn start(store: Store, config: Config) -> Result<Arc<Self>, StartError> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| StartError::NoEntropy)?;
        let lanes = Lanes::start().map_err(StartError::Threads)?;
        let (stopping, _) = watch::channel(false);
        let allowances = Arc::new(Allowances::new(&config));
        let ofrep = Ofrep::start(&store, &config, Arc::clone(&allowances), stopping.subscribe()).await?;
        let ingest = Ingest::start(&store, &config, &lanes, stopping.subscribe()).await?;
        let request_ids = RequestIds::starting_at(u64::from_ne_bytes(seed));
        let guard = Guard::start(&store, &config, stopping.subscribe())?;
        let signing = config.signing.clone();
        let anchor = Anchor::start((&store, &lanes), signing, config.anchor_every, stopping.subscribe())?;
        uses::start(&store, stopping.subscribe());
        let readiness = Readiness::default();
        let bodies = Bodies::new(&config);
        let server = Arc::new(Self {
            store,
            config,
            allowances,
            ofrep,
            ingest,
            request_ids,
            guard,
            anchor,
            bodies,
            readiness,
            lanes,
            stopping,
        });
        anew::start(&server);
        Ok(server)
    }

    /// Ends all streams; `/readyz` says so from now on.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Writes down what was taken in. After the last request.
    pub async fn finish(&self) {
        self.ingest.flush().await;
        uses::write(&self.store).await;
        self.ingest.unverified.flush().await;
        self.ingest.omitted.flush().await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Turns true when the server is told to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}
