//! What is in force, in memory: read without locks, replaced as a whole after each change.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use engine::{AttributeSchema, EnvironmentKey, MetricDefinition, Snapshot};
use tokio::sync::{Mutex, broadcast, watch};

use crate::{
    ObjectKind, ObjectRef, People, RoleTable, RolloutTimes, StoreError, Token, TokenHash, TokenRefused,
    clock::Clock,
    database_time::Skew,
    db::Db,
    feedback,
    history::HistoryPoint,
    load::{self, Found, Loader},
    workspace::Secret,
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

/// Something was committed, here or in another copy of the server: a change, or feedback, which has no `seq` of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub seq: u64,
    pub at_ms: i64,
    pub objects: Vec<ObjectRef>,
    /// The environments whose revision moved; empty when no decision can differ.
    pub revisions: Vec<(EnvironmentKey, u64)>,
}

impl Changed {
    /// The object of an announcement that says nothing in particular: a backup was put back, and anything may be another.
    pub(crate) fn everything() -> ObjectRef {
        ObjectRef::new(ObjectKind::Workspace, "history")
    }

    /// Whether anything may have changed, whatever else it names.
    pub fn is_everything(&self) -> bool {
        self.objects.contains(&Self::everything())
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) place: HistoryPoint,
    pub(crate) secret: Option<Secret>,
    pub(crate) environments: Arc<Vec<Environment>>,
    /// In the order of `environments`.
    pub(crate) snapshots: Vec<Arc<Snapshot>>,
    pub(crate) people: Arc<People>,
    pub(crate) tokens: Arc<HashMap<TokenHash, Arc<Token>>>,
    /// By key.
    pub(crate) metrics: Arc<Vec<MetricDefinition>>,
    pub(crate) roles: Arc<RoleTable>,
}

impl State {
    pub(crate) fn snapshot(&self, environment: &str) -> Option<&Arc<Snapshot>> {
        self.snapshots.iter().find(|s| s.environment().as_str() == environment)
    }

    /// The schema is the same in all environments.
    pub(crate) fn schema(&self) -> Option<&AttributeSchema> {
        self.snapshots.first().map(|snapshot| snapshot.attributes())
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
    /// Those that the loader brings up to date.
    times: RolloutTimes,
    loader: Mutex<Loader>,
    announcements: broadcast::Sender<Changed>,
    clock: Clock,
    skew: Skew,
    /// How often everything was read anew.
    era: watch::Sender<u64>,
    /// The newest item of feedback that was announced.
    feedback: AtomicI64,
}

/// What a look at the database came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The state is up to what is committed.
    Continued,
    /// The database is another one than the state was read from. The state was left as it is.
    AnotherHistory,
}

impl Live {
    pub(crate) async fn load(db: &Db, clock: Clock) -> Result<Self, StoreError> {
        let (loader, skew) = (Loader::default(), Skew::default());
        let live = Self::standing_at(State::default(), loader, clock, skew);
        live.refresh(db).await?;
        live.0.feedback.store(feedback::newest(db).await?, Ordering::Relaxed);
        Ok(live)
    }

    pub(crate) fn standing_at(state: State, loader: Loader, clock: Clock, skew: Skew) -> Self {
        let (announcements, _) = broadcast::channel(ANNOUNCEMENTS_MAX);
        Self(Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            times: loader.times().clone(),
            loader: Mutex::new(loader),
            announcements,
            clock,
            skew,
            era: watch::Sender::new(0),
            feedback: AtomicI64::new(0),
        }))
    }

    /// Brings the state up to what is committed, and announces what that changed. Only the first caller announces.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<Look, StoreError> {
        let mut loader = self.0.loader.lock().await;
        let current = self.0.state.load_full();
        match load::refresh(&mut loader, &current, db, (&self.0.clock, &self.0.skew)).await? {
            Found::Nothing => {}
            Found::Next(state, changed) => {
                self.0.state.store(Arc::from(state));
                if !changed.objects.is_empty() || !changed.revisions.is_empty() {
                    // Nobody listening is no error.
                    let _ = self.0.announcements.send(changed);
                }
            }
            Found::AnotherHistory => return Ok(Look::AnotherHistory),
        }
        Ok(Look::Continued)
    }

    /// Reads everything again, as if nothing had been known, and announces that anything may have changed.
    pub(crate) async fn load_anew(&self, db: &Db) -> Result<(), StoreError> {
        let mut known = self.0.loader.lock().await;
        let mut loader = Loader::with_times(&self.0.times);
        let clock = (&self.0.clock, &self.0.skew);
        let Found::Next(state, changed) = load::refresh(&mut loader, &State::default(), db, clock).await?
        else {
            return Err(StoreError::Restored);
        };
        self.0.feedback.store(feedback::newest(db).await?, Ordering::Relaxed);
        *known = loader;
        self.0.state.store(Arc::from(state));
        let _ = self.0.announcements.send(Changed { objects: vec![Changed::everything()], ..changed });
        self.begin_era();
        Ok(())
    }

    /// What was remembered of the database besides this state is to be read again.
    pub(crate) fn begin_era(&self) {
        self.0.era.send_modify(|era| *era += 1);
    }

    /// How often everything was read anew, because the database was another one or came back. Whoever remembers what
    /// it read from the database reads it again when this changes.
    pub fn eras(&self) -> watch::Receiver<u64> {
        self.0.era.subscribe()
    }

    pub(crate) fn skew(&self) -> &Skew {
        &self.0.skew
    }

    /// Announces feedback that arrived since the last look, here or in another copy, as one announcement however many
    /// items there are. It is no change: it has no audit entry and moves no revision.
    pub(crate) async fn look_for_feedback(&self, db: &Db, clock: &Clock) -> Result<(), StoreError> {
        let newest = feedback::newest(db).await?;
        if self.0.feedback.swap(newest, Ordering::Relaxed) < newest {
            let objects = vec![ObjectRef::new(ObjectKind::Feedback, newest.to_string())];
            let news = Changed { seq: self.seq(), at_ms: clock.now_ms(), objects, revisions: Vec::new() };
            let _ = self.0.announcements.send(news);
        }
        Ok(())
    }

    /// The number of the newest item of feedback that pages were told of.
    pub(crate) fn newest_feedback(&self) -> i64 {
        self.0.feedback.load(Ordering::Relaxed)
    }

    /// Like [`Live::refresh`], without asking the database when `seq` is already here.
    pub(crate) async fn reach(&self, db: &Db, seq: u64) -> Result<(), StoreError> {
        if self.seq() >= seq {
            return Ok(());
        }
        match self.refresh(db).await? {
            Look::Continued => Ok(()),
            Look::AnotherHistory => Err(StoreError::Restored),
        }
    }

    pub fn rollout_times(&self) -> &RolloutTimes {
        &self.0.times
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

    /// Who may do what.
    pub fn roles(&self) -> Arc<RoleTable> {
        Arc::clone(&self.0.state.load().roles)
    }

    /// The token with this hash, if it still works; without the database.
    pub fn token(&self, hash: &TokenHash, now_ms: i64) -> Result<Arc<Token>, TokenRefused> {
        let token = self.0.state.load().tokens.get(hash).cloned().ok_or(TokenRefused::Unknown)?;
        token.check(now_ms).map(|()| token)
    }

    /// The sites whose pages ask about this environment: the origins of its client tokens, in order.
    pub fn client_origins(&self, environment: &str) -> Vec<String> {
        let state = self.0.state.load();
        let tokens = state
            .tokens
            .values()
            .filter(|token| token.environment().is_some_and(|it| it.as_str() == environment));
        let mut origins: Vec<_> = tokens.flat_map(|token| token.origins.iter().cloned()).collect();
        origins.retain(|origin| origin != "*");
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// Announcements from now on, after the state has been replaced.
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.0.announcements.subscribe()
    }

    /// The last audit entry that the state includes.
    pub fn seq(&self) -> u64 {
        self.0.state.load().place.seq
    }
}
