//! What is in force, in memory: read without locks, replaced as a whole after each change.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use engine::{EnvironmentKey, MetricDefinition, Snapshot};
use tokio::sync::{Mutex, broadcast};

use crate::{
    ObjectRef, People, StoreError, Token, TokenHash,
    db::Db,
    load::{self, Loader},
};

/// Announcements kept for a slow subscriber; one that falls behind further is told so and re-reads.
const ANNOUNCEMENTS_MAX: usize = 1024;

/// production, staging…: a flag has one rollout in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub key: EnvironmentKey,
    pub name: String,
    /// Changes ask for more care here.
    pub protected: bool,
    /// +1 at every change that can alter a decision.
    pub revision: u64,
    pub changed_ms: i64,
}

/// Something was committed, here or in another copy of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub seq: u64,
    pub at_ms: i64,
    pub objects: Vec<ObjectRef>,
    /// The environments whose revision moved; empty when no decision can differ.
    pub revisions: Vec<(EnvironmentKey, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) seq: u64,
    pub(crate) environments: Arc<Vec<Environment>>,
    /// In the order of `environments`.
    pub(crate) snapshots: Vec<Arc<Snapshot>>,
    pub(crate) people: Arc<People>,
    pub(crate) tokens: Arc<HashMap<TokenHash, Arc<Token>>>,
    /// By key.
    pub(crate) metrics: Arc<Vec<MetricDefinition>>,
}

impl State {
    pub(crate) fn snapshot(&self, environment: &str) -> Option<&Arc<Snapshot>> {
        self.snapshots.iter().find(|s| s.environment().as_str() == environment)
    }

    pub(crate) fn environment(&self, key: &str) -> Option<&Environment> {
        self.environments.iter().find(|e| e.key.as_str() == key)
    }
}

/// The state in force and the announcements of its changes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: ArcSwap<State>,
    loader: Mutex<Loader>,
    announcements: broadcast::Sender<Changed>,
}

impl Live {
    pub(crate) async fn load(db: &Db) -> Result<Self, StoreError> {
        let mut loader = Loader::default();
        let first = load::refresh(&mut loader, &State::default(), db).await?;
        let state = first.map(|(state, _)| state).unwrap_or_default();
        let (announcements, _) = broadcast::channel(ANNOUNCEMENTS_MAX);
        Ok(Self(Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            loader: Mutex::new(loader),
            announcements,
        })))
    }

    /// Brings the state up to what is committed, and announces what that changed. Only the first caller announces.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<(), StoreError> {
        let mut loader = self.0.loader.lock().await;
        let current = self.0.state.load_full();
        if let Some((state, changed)) = load::refresh(&mut loader, &current, db).await? {
            self.0.state.store(Arc::new(state));
            // Nobody listening is no error.
            let _ = self.0.announcements.send(changed);
        }
        Ok(())
    }

    /// Like [`Live::refresh`], without asking the database when `seq` is already here.
    pub(crate) async fn reach(&self, db: &Db, seq: u64) -> Result<(), StoreError> {
        if self.seq() >= seq { Ok(()) } else { self.refresh(db).await }
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.0.state.load_full()
    }

    /// In order: production, staging.
    pub fn environments(&self) -> Arc<Vec<Environment>> {
        Arc::clone(&self.0.state.load().environments)
    }

    pub fn environment(&self, key: &str) -> Option<Environment> {
        self.0.state.load().environment(key).cloned()
    }

    /// The compiled environment, without a lock or an allocation.
    pub fn snapshot(&self, environment: &str) -> Option<Arc<Snapshot>> {
        self.0.state.load().snapshot(environment).cloned()
    }

    /// Everybody known, with their traits.
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.0.state.load().people)
    }

    /// What the workspace measures, by key.
    pub fn metrics(&self) -> Arc<Vec<MetricDefinition>> {
        Arc::clone(&self.0.state.load().metrics)
    }

    /// The active token with this hash.
    pub fn token(&self, hash: &TokenHash) -> Option<Arc<Token>> {
        self.0.state.load().tokens.get(hash).cloned()
    }

    /// Announcements from now on, after the state has been replaced.
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.0.announcements.subscribe()
    }

    /// The last audit entry that the state includes.
    pub fn seq(&self) -> u64 {
        self.0.state.load().seq
    }
}
