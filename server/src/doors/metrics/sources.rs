//! Whom the metrics are asked of, and what the background has looked at for them.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use store::{Measured, Store};
use tokio::sync::watch;

use super::{access::Admission, process::Process};
use crate::{
    edge::traffic::Traffic, figures::Figures, guard::Guard, intake::Intake, lanes::Lanes,
    limits::MEASURED_EVERY,
};

/// Everything that is shown.
pub struct Sources {
    pub admission: Admission,
    pub store: Store,
    pub intake: Arc<Intake>,
    pub guard: Arc<Guard>,
    pub figures: Arc<Figures>,
    pub traffic: Arc<Traffic>,
    pub pages: app::live::Seats,
    pub events_waiting_max: usize,
    pub streams_max: usize,
    /// Epoch ms.
    pub started_ms: i64,
    pub looked: Arc<ArcSwap<Looked>>,
}

/// What is looked at now and then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// The last that the database answered; `None` until it did, and while it is away.
    pub measured: Option<Measured>,
    pub process: Option<Process>,
}

/// Starts looking, behind whatever anybody waits for.
pub fn look(store: &Store, lanes: &Lanes, stopping: watch::Receiver<bool>) -> Arc<ArcSwap<Looked>> {
    let looked = Arc::<ArcSwap<Looked>>::default();
    let (written, asked) = (Arc::clone(&looked), store.clone());
    store.tasks().spawn_on(lanes.background(), "the measuring for metrics", move |task| {
        let (written, store, mut stopping) = (Arc::clone(&written), asked.clone(), stopping.clone());
        async move {
            let mut wait = Duration::ZERO;
            while tokio::time::timeout(wait, stopping.wait_for(|it| *it)).await.is_err() {
                task.turn();
                wait = MEASURED_EVERY;
                let measured = if store.is_away() {
                    None
                } else {
                    store.measure().await.ok().or(written.load().measured)
                };
                written.store(Arc::new(Looked { measured, process: Process::look() }));
            }
        }
    });
    looked
}
