//! The guard: every two seconds the one server that holds the lease looks at every rollout with evidence or a running
//! plan, lets the engine judge and decide, and carries out what it decided. Nothing is decided here.

mod deliver;
mod look;
mod memory;
mod picture;

use std::time::Duration;

use store::{GuardLease, Store};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use self::{deliver::Deliverer, look::Looking};
use crate::{Config, StartError};

const HOLDER_BYTES: usize = 8;

/// The loop, while the server runs.
#[derive(Debug)]
pub(crate) struct Guard {
    running: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Guard {
    /// Starts looking as often as `config` says, until `stopping` turns true.
    pub(crate) fn start(
        store: &Store,
        config: &Config,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let mut random = [0; HOLDER_BYTES];
        getrandom::fill(&mut random).map_err(|_| StartError::NoEntropy)?;
        let holder = format!("{:016x}", u64::from_ne_bytes(random));
        let deliverer = Deliverer::new(config.webhooks)?;
        let turn = Turns { store: store.clone(), holder, looking: None, deliverer, failing: false };
        let running = tokio::spawn(turn.run(config.look_every, stopping));
        Ok(Self { running: tokio::sync::Mutex::new(Some(running)) })
    }

    /// Waits until the loop has ended and given the lease back; the server has been told to stop before.
    pub(crate) async fn finished(&self) {
        if let Some(running) = self.running.lock().await.take()
            && let Err(error) = running.await
        {
            tracing::error!(%error, "the guard ended badly");
        }
    }
}

struct Turns {
    store: Store,
    /// Names this run of this server.
    holder: String,
    /// What is remembered while this server guards.
    looking: Option<Looking>,
    deliverer: Deliverer,
    failing: bool,
}

impl Turns {
    async fn run(mut self, look_every: Duration, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval(look_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            held = self.turn().await;
        }
        self.deliverer.stop().await;
        if let Some(lease) = held
            && let Err(error) = self.store.release_guard_lease(&lease).await
        {
            tracing::warn!(%error, "the guard's lease is not given back; it runs out by itself");
        }
    }

    /// One look, when this server guards. Returns the lease it holds.
    async fn turn(&mut self) -> Option<GuardLease> {
        let lease = match self.store.take_guard_lease(&self.holder).await {
            Ok(Some(lease)) => lease,
            Ok(None) => {
                // Another server goes on from what is stored; so does this one, should it guard again.
                self.looking = None;
                return None;
            }
            Err(error) => {
                self.report(&error);
                return None;
            }
        };
        if let Err(error) = self.look(&lease).await {
            self.report(&error);
        } else {
            self.failing = false;
        }
        self.deliverer.send_due(&self.store, &lease);
        Some(lease)
    }

    async fn look(&mut self, lease: &GuardLease) -> Result<(), store::StoreError> {
        // What was seen of another database says nothing about this one.
        let era = *self.store.live().eras().borrow();
        let looking = match self.looking.take().filter(|looking| looking.era == era) {
            Some(looking) => looking,
            None => Looking::begin(&self.store, lease, era).await?,
        };
        let looking = self.looking.insert(looking);
        looking.look(&self.store, lease, &self.holder).await
    }

    /// Logs the first of a row of failures.
    fn report(&mut self, error: &store::StoreError) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the guard cannot look at the moment; trying again"
            );
        }
    }
}
