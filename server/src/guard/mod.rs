//! The guard: every two seconds the one server that holds the lease looks at every rollout with evidence or a running
//! plan, lets the engine judge and decide, and carries out what it decided. Nothing is decided here.

mod deliver;
mod look;
mod memory;
mod message;
mod picture;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use store::{GuardLease, Store, Task};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use self::{deliver::Deliverer, look::Looking};
use crate::{Config, StartError};

const HOLDER_BYTES: usize = 8;

/// The loop, while the server runs.
#[derive(Debug)]
pub struct Guard {
    running: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    looks: Arc<Looks>,
}

/// When this copy looked last.
#[derive(Debug)]
struct Looks {
    since: Instant,
    /// Milliseconds after `since` of the last look that ended well; 0: none yet.
    last_ms: AtomicU64,
    /// It has the lease.
    guards: AtomicBool,
    /// Looks that ended well, and those that did not.
    done: AtomicU64,
    failures: AtomicU64,
}

/// How the last look stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// This copy guards.
    pub guards: bool,
    /// Since its last look that ended well, or since the start.
    pub looked_ms: u64,
    /// Looks of this copy that ended well, and those that did not.
    pub looks: u64,
    pub failures: u64,
}

impl Guard {
    /// Starts looking as often as `config` says, until `stopping` turns true.
    pub fn start(
        store: &Store,
        config: &Config,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let mut random = [0; HOLDER_BYTES];
        getrandom::fill(&mut random).map_err(|_| StartError::NoEntropy)?;
        let holder = format!("{:016x}", u64::from_ne_bytes(random));
        let sender = Deliverer::client(config.webhooks, config.site())?;
        let looks = Arc::new(Looks {
            since: Instant::now(),
            last_ms: AtomicU64::new(0),
            guards: AtomicBool::new(false),
            done: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let (store, looked, look_every) = (store.clone(), Arc::clone(&looks), config.look_every);
        let running = store.tasks().clone().spawn("the guard", move |task| {
            // What it remembers is written down as well: a new one goes on from there, with the same lease.
            let turn = Turns {
                deliverer: Deliverer::new(sender.clone(), &store),
                store: store.clone(),
                holder: holder.clone(),
                looking: None,
                failing: false,
                looks: Arc::clone(&looked),
                task,
            };
            turn.run(look_every, stopping.clone())
        });
        Ok(Self { running: tokio::sync::Mutex::new(Some(running)), looks })
    }

    pub fn standing(&self) -> Standing {
        let now_ms = u64::try_from(self.looks.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Standing {
            guards: self.looks.guards.load(Ordering::Relaxed),
            looked_ms: now_ms.saturating_sub(self.looks.last_ms.load(Ordering::Relaxed)),
            looks: self.looks.done.load(Ordering::Relaxed),
            failures: self.looks.failures.load(Ordering::Relaxed),
        }
    }

    /// Waits until the loop has ended and given the lease back; the server has been told to stop before.
    pub async fn finished(&self) {
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
    looks: Arc<Looks>,
    task: Task,
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
                self.looks.guards.store(false, Ordering::Relaxed);
                // Another server goes on from what is stored; so does this one, should it guard again.
                self.looking = None;
                return None;
            }
            Err(error) => {
                self.report(&error);
                return None;
            }
        };
        self.looks.guards.store(true, Ordering::Relaxed);
        self.task.turn();
        if let Err(error) = self.look(&lease).await {
            self.report(&error);
        } else {
            self.failing = false;
            let ms = u64::try_from(self.looks.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.looks.last_ms.store(ms, Ordering::Relaxed);
            self.looks.done.fetch_add(1, Ordering::Relaxed);
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

    /// Counts a failure, and logs the first of a row.
    fn report(&mut self, error: &store::StoreError) {
        self.looks.failures.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the guard cannot look at the moment; trying again"
            );
        }
    }
}
