//! The handle everything goes through, and the background task that follows other copies of the server.

use std::{
    io,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use sqlx::postgres::PgListener;
use tokio::{sync::Mutex, task::AbortHandle};

use crate::{
    Clock, Live, StoreError,
    accounts::Passwords,
    as_of::Past,
    change::CHANNEL,
    db::{Db, args},
    file::{DatabaseFile, Seen},
    ledger::Looked,
};

/// How often the audit sequence is looked at, in case a notification was lost or another process wrote the file.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// One database and what it looks like in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    url: String,
    /// Replaced when the file of an SQLite database is.
    db: ArcSwap<Db>,
    file: Option<Arc<DatabaseFile>>,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
    pub(crate) passwords: Passwords,
    /// One change at a time per process: the others wait here without holding a connection.
    pub(crate) writing: Arc<Mutex<()>>,
    /// One at a time reads everything again.
    pub(crate) starting_anew: Arc<Mutex<()>>,
    /// Looks at the ledger that are audited already.
    pub(crate) looked: Looked,
    /// Environments as they were, compiled.
    pub(crate) past: Past,
    follower: OnceLock<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_following();
    }
}

impl Inner {
    fn stop_following(&self) {
        if let Some(follower) = self.follower.get() {
            follower.abort();
        }
    }
}

impl Store {
    /// Opens `sqlite://path` (created when missing) or `postgres://…`, brings the schema up to date, loads [`Live`]
    /// and follows changes made by other processes.
    pub async fn open(database_url: &str, clock: Clock) -> Result<Self, StoreError> {
        let db = Db::open(database_url).await?;
        let live = Live::load(&db, clock.clone()).await?;
        let store = Self(Arc::new(Inner {
            url: database_url.to_owned(),
            db: ArcSwap::from_pointee(db),
            file: Db::path(database_url).map(|path| Arc::new(DatabaseFile::opened(path))),
            clock,
            live,
            passwords: Passwords::new(),
            writing: Arc::new(Mutex::new(())),
            starting_anew: Arc::new(Mutex::new(())),
            looked: Looked::default(),
            past: Past::default(),
            follower: OnceLock::new(),
        }));
        store.follow();
        Ok(store)
    }

    /// The follower does not keep the store alive.
    fn follow(&self) {
        let following = tokio::spawn(follow(Arc::downgrade(&self.0)));
        self.0.follower.get_or_init(|| following.abort_handle());
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What is in force, in memory.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db().one::<(i64,)>("SELECT audit_seq FROM workspace WHERE id = 1", args![]).await?;
        Ok(())
    }

    /// Stops following and closes the connections, after those in use are given back.
    pub async fn close(&self) {
        self.0.stop_following();
        self.db().close().await;
    }

    pub(crate) fn db(&self) -> Arc<Db> {
        self.0.db.load_full()
    }

    /// Opens the file again when another one stands in its place; an error when none does, or one that cannot be used:
    /// what would be written now is written into a file that is deleted already.
    pub(crate) async fn look_at_file(&self) -> Result<(), StoreError> {
        let Some(file) = &self.0.file else { return Ok(()) };
        if file.look() == Seen::Same {
            return Ok(());
        }
        let _one = self.0.starting_anew.lock().await;
        match file.look() {
            Seen::Same => Ok(()),
            Seen::Gone => {
                let gone = io::Error::new(io::ErrorKind::NotFound, "the database's file is gone; put it back");
                Err(sqlx::Error::Io(gone).into())
            }
            Seen::Another => {
                file.prepare().map_err(sqlx::Error::Io)?;
                let db = Db::open(&self.0.url).await?;
                file.reopened();
                let before = self.0.db.swap(Arc::new(db));
                tracing::warn!("another file was put in the place of the database's; it is open now");
                // Waits for whoever still reads the old one.
                tokio::spawn(async move { before.close().await });
                Ok(())
            }
        }
    }

    /// The same database seen at another time: for histories that are told after the fact.
    pub(crate) fn at(&self, clock: Clock) -> Self {
        let Inner { url, db, file, live, passwords, writing, starting_anew, looked, .. } = &*self.0;
        Self(Arc::new(Inner {
            url: url.clone(),
            db: ArcSwap::new(db.load_full()),
            file: file.clone(),
            clock,
            live: live.clone(),
            passwords: passwords.clone(),
            writing: Arc::clone(writing),
            starting_anew: Arc::clone(starting_anew),
            looked: looked.clone(),
            past: Past::default(),
            follower: OnceLock::new(),
        }))
    }

    /// One look at what others did: the file, what was committed, and new feedback.
    async fn look(&self) -> Result<(), StoreError> {
        self.look_at_file().await?;
        self.catch_up().await?;
        self.live().look_for_feedback(&self.db(), self.clock()).await
    }
}

/// Reloads after every notification, and now and then without one. A database that is away is waited for.
async fn follow(store: Weak<Inner>) {
    let mut listener = None;
    let mut failing = false;
    loop {
        if listener.is_none() {
            let Some(db) = store.upgrade().map(|inner| inner.db.load_full()) else { return };
            if let Db::Pg(pool) = &*db {
                listener = listen(pool).await.inspect_err(|error| log_once(&mut failing, error)).ok();
            }
        }
        match &mut listener {
            // A lost connection answers at once and again and again; then the interval is waited out as well.
            Some(heard) => {
                if let Ok(Err(_)) = tokio::time::timeout(POLL_INTERVAL, heard.recv()).await {
                    listener = None;
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
            None => tokio::time::sleep(POLL_INTERVAL).await,
        }
        let Some(store) = store.upgrade().map(Store) else { return };
        match store.look().await {
            Ok(()) => failing = false,
            Err(error) => {
                log_once(&mut failing, &error);
                listener = None;
                // A backup of an older version has an older schema.
                if matches!(error, StoreError::Database(sqlx::Error::Database(_))) {
                    drop(store.db().migrate().await);
                }
            }
        }
    }
}

async fn listen(pool: &sqlx::PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

fn log_once(failing: &mut bool, error: &dyn std::fmt::Display) {
    if !std::mem::replace(failing, true) {
        tracing::warn!(%error, "changes made elsewhere cannot be followed at the moment; trying again");
    }
}
