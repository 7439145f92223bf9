//! What one running server shares between its requests, in parts: whatever answers a request takes the parts that it needs,
//! and sees no others.

use std::{ops::Deref, sync::Arc};

use app::site::Site;
use axum::extract::FromRef;
use store::Store;
use tokio::sync::watch;

use crate::{
    Config, StartError,
    anchor::Anchor,
    anew,
    doors::{
        DOORS,
        metrics::{self, Admission},
        ofrep::{self, Ofrep},
        probes::{Probes, Readiness},
    },
    edge::{
        access::{Access, allowance::Allowances, uses},
        around::Edge,
        body::Bodies,
        request_id::RequestIds,
        traffic::Traffic,
    },
    figures::Figures,
    guard::Guard,
    intake::Intake,
    lanes::Lanes,
    stopping::Stopping,
};

/// A running server. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Parts>);

pub struct Parts {
    pub store: Store,
    pub config: Arc<Config>,
    pub site: Site,
    pub intake: Arc<Intake>,
    pub(crate) access: Access,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) ofrep: Arc<Ofrep>,
    pub(crate) probes: Arc<Probes>,
    pub(crate) metrics: Arc<metrics::Sources>,
    /// Streams of open pages.
    pub(crate) pages: app::live::Seats,
    pub(crate) guard: Arc<Guard>,
    pub(crate) anchor: Anchor,
    stopping: watch::Sender<bool>,
}

impl Deref for Server {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts that handlers and extractors may ask for.
macro_rules! part {
    ($($part:ty: $field:ident),+ $(,)?) => {
        $(impl FromRef<Server> for $part {
            fn from_ref(server: &Server) -> Self {
                Clone::clone(&server.$field)
            }
        })+
    };
}

part! {
    Site: site,
    Store: store,
    Access: access,
    Arc<Config>: config,
    Arc<Bodies>: bodies,
    Arc<Intake>: intake,
    Arc<Lanes>: lanes,
    Arc<Ofrep>: ofrep,
}

impl Server {
    /// Reads what the server needs from the store, and starts what runs beside the requests.
    pub async fn start(store: Store, config: Config) -> Result<Self, StartError> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| StartError::NoEntropy)?;
        let lanes = Arc::new(Lanes::start().map_err(StartError::Threads)?);
        let (stopping, stops) = watch::channel(false);
        let access = Access { store: store.clone(), allowances: Arc::new(Allowances::new(&config)) };
        let bodies = Arc::new(Bodies::new(&config));
        let request_ids = Arc::new(RequestIds::starting_at(u64::from_ne_bytes(seed)));
        let intake = Arc::new(Intake::start(&store, &config, &lanes, stops.clone()).await?);
        let figures = Arc::new(Figures::default());
        let parts = ofrep::Parts {
            access: access.clone(),
            bodies: Arc::clone(&bodies),
            intake: Arc::clone(&intake),
            request_ids: Arc::clone(&request_ids),
            figures: Arc::clone(&figures),
            stopping: Stopping(stops.clone()),
        };
        let ofrep = Arc::new(Ofrep::start(parts, &config).await?);
        let guard = Arc::new(Guard::start(&store, &config, stops.clone())?);
        let signing = config.signing.clone();
        let anchor = Anchor::start((&store, &lanes), signing, config.anchor_every, stops.clone())?;
        uses::start(&store, stops.clone());
        anew::start(&store, &ofrep, &intake, stops.clone());
        let probes = Arc::new(Probes {
            store: store.clone(),
            intake: Arc::clone(&intake),
            guard: Arc::clone(&guard),
            stopping: Stopping(stops.clone()),
            look_every: config.look_every,
            readiness: Readiness::default(),
        });
        let traffic = Arc::new(Traffic::through(DOORS));
        let pages = app::live::Seats::new(config.live_max());
        let metrics = Arc::new(metrics::Sources {
            admission: Admission {
                token: config.metrics_token.clone(),
                trusted_proxies: config.trusted_proxies.clone(),
                has_public_url: config.public_url.is_some(),
            },
            store: store.clone(),
            intake: Arc::clone(&intake),
            guard: Arc::clone(&guard),
            figures,
            traffic: Arc::clone(&traffic),
            pages: pages.clone(),
            events_waiting_max: config.events_waiting_max,
            streams_max: config.streams_max,
            started_ms: store.clock().now_ms(),
            looked: metrics::look(&store, &lanes, stops),
        });
        let site = config.site();
        let config = Arc::new(config);
        let edge = Arc::new(Edge {
            request_ids,
            config: Arc::clone(&config),
            site: site.clone(),
            doors: DOORS,
            traffic,
        });
        Ok(Self(Arc::new(Parts {
            store,
            config,
            site,
            intake,
            access,
            bodies,
            edge,
            lanes,
            ofrep,
            probes,
            metrics,
            pages,
            guard,
            anchor,
            stopping,
        })))
    }

    /// Ends all streams; `/readyz` says so from now on.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Writes down what was taken in. After the last request.
    pub async fn finish(&self) {
        self.intake.flush().await;
        uses::write(&self.store).await;
        self.ofrep.write_signals().await;
        self.intake.unverified.flush().await;
        self.intake.omitted.flush().await;
    }

    /// That it was told to stop.
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.stopping.subscribe())
    }
}
