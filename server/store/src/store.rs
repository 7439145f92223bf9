//! The handle everything goes through, and the background task that follows other copies of the server.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, task::AbortHandle};

use crate::{
    AuditSecret, Clock, Live, StoreError, Task, Tasks,
    accounts::{Passwords, SeenSessions, Witnessed},
    as_of::Past,
    audit::Watch,
    census::Census,
    change::CHANNEL,
    db::{Db, Faults},
    desk::Memory,
    file::{DatabaseFile, SET_ASIDE_MAX, Seen},
    history::HeadLooks,
    ledger::Looked,
    people::Searched,
    stand_in::{self, StandInFile},
    standing::Since,
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
    census: Census,
    pub(crate) passwords: Passwords,
    /// Sessions that were good when they were last looked at.
    pub(crate) seen_sessions: SeenSessions,
    /// Who came and went lately.
    pub(crate) witnessed: Witnessed,
    /// One change at a time per process: the others wait here without holding a connection.
    pub(crate) writing: Arc<Mutex<()>>,
    pub(crate) head_looks: HeadLooks,
    /// One at a time reads everything again.
    pub(crate) starting_anew: Arc<Mutex<()>>,
    /// Looks at the ledger that are audited already.
    pub(crate) looked: Looked,
    /// Searches for people that are audited already.
    pub(crate) searched: Searched,
    /// Environments as they were, compiled.
    pub(crate) past: Past,
    /// What desks and navigation were last told.
    pub(crate) desk: Memory,
    /// What new entries of the audit log are keyed with, instead of the workspace's secret.
    pub(crate) audit_secret: Option<AuditSecret>,
    /// How far the audit log is verified.
    pub(crate) watch: Arc<Watch>,
    /// When the file was written that stands in for the database, as long as it does.
    pub(crate) stands_in_since_ms: Since,
    /// What runs beside the requests.
    pub(crate) tasks: Tasks,
    beside: OnceLock<[AbortHandle; 2]>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_following();
    }
}

impl Inner {
    fn stop_following(&self) {
        for task in self.beside.get().into_iter().flatten() {
            task.abort();
        }
    }
}

impl Store {
    pub(crate) fn around(
        (url, db): (&str, Db),
        clock: Clock,
        live: Live,
        (stands_in_since_ms, audit_secret): (Option<i64>, Option<AuditSecret>),
    ) -> Self {
        Self(Arc::new(Inner {
            url: url.to_owned(),
            db: ArcSwap::from_pointee(db),
            file: Db::path(url).map(|path| Arc::new(DatabaseFile::opened(path))),
            census: Census::new(live.clone(), clock.clone()),
            clock,
            live,
            passwords: Passwords::new(),
            seen_sessions: SeenSessions::default(),
            witnessed: Witnessed::default(),
            writing: Arc::new(Mutex::new(())),
            head_looks: HeadLooks::default(),
            starting_anew: Arc::new(Mutex::new(())),
            looked: Looked::default(),
            searched: Searched::default(),
            past: Past::default(),
            desk: Memory::default(),
            audit_secret,
            watch: Arc::default(),
            stands_in_since_ms: Since::new(stands_in_since_ms),
            tasks: Tasks::default(),
            beside: OnceLock::new(),
        }))
    }

    /// Starts what runs beside the requests; it does not keep the store alive.
    pub(crate) fn follow(&self, file: Option<StandInFile>) {
        let followed = Arc::downgrade(&self.0);
        let following = self
            .tasks()
            .spawn("the follower of other copies", move |task| follow(Weak::clone(&followed), task));
        let kept = Arc::downgrade(&self.0);
        let keeping = self.tasks().spawn("the keeper of the snapshot file", move |task| {
            let (kept, file) = (Weak::clone(&kept), file.clone());
            async move {
                task.turn();
                if let Some(file) = file {
                    stand_in::keep(kept, file).await;
                }
            }
        });
        self.0.beside.get_or_init(|| [following.abort_handle(), keeping.abort_handle()]);
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What is in force, in memory.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// How many known people a definition reaches.
    pub fn census(&self) -> &Census {
        &self.0.census
    }

    /// What runs beside the requests, here and in the server around this store.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
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
            self.db().set_gone(false);
            return Ok(());
        }
        let _one = self.0.starting_anew.lock().await;
        match file.look() {
            Seen::Same => Ok(()),
            Seen::Gone => {
                self.db().set_gone(true);
                let gone =
                    io::Error::new(io::ErrorKind::NotFound, "the database's file is gone; put it back");
                Err(sqlx::Error::Io(gone).into())
            }
            Seen::Another => {
                self.db().set_gone(true);
                if let Some(log) = file.prepare().map_err(sqlx::Error::Io)? {
                    tracing::warn!(
                        log = %log.display(),
                        kept = SET_ASIDE_MAX,
                        "the log of the file that was replaced is set aside; what was committed last may stand in it alone"
                    );
                }
                let db = Db::lazy(&self.0.url, false)?;
                db.migrate().await?;
                file.reopened();
                let before = self.0.db.swap(Arc::new(db));
                tracing::warn!("another file was put in the place of the database's; it is open now");
                // Waits for whoever still reads the old one.
                tokio::spawn(async move { before.close().await });
                Ok(())
            }
        }
    }

    /// Where the file of an SQLite database is.
    pub(crate) fn database_path(&self) -> Option<PathBuf> {
        Db::path(&self.0.url)
    }

    /// Only tests ask for faults.
    #[doc(hidden)]
    pub fn faults(&self) -> Faults {
        self.db().faults().clone()
    }

    /// The same database seen at another time: for histories that are told after the fact.
    pub(crate) fn at(&self, clock: Clock) -> Self {
        let Inner {
            url,
            db,
            file,
            live,
            census,
            passwords,
            seen_sessions,
            witnessed,
            writing,
            head_looks,
            starting_anew,
            looked,
            searched,
            audit_secret,
            watch,
            tasks,
            ..
        } = &*self.0;
        Self(Arc::new(Inner {
            url: url.clone(),
            db: ArcSwap::new(db.load_full()),
            file: file.clone(),
            clock,
            live: live.clone(),
            census: census.clone(),
            passwords: passwords.clone(),
            seen_sessions: seen_sessions.clone(),
            witnessed: witnessed.clone(),
            writing: Arc::clone(writing),
            head_looks: head_looks.clone(),
            starting_anew: Arc::clone(starting_anew),
            looked: looked.clone(),
            searched: searched.clone(),
            past: Past::default(),
            desk: Memory::default(),
            audit_secret: audit_secret.clone(),
            watch: Arc::clone(watch),
            stands_in_since_ms: Since::new(None),
            tasks: tasks.clone(),
            beside: OnceLock::new(),
        }))
    }

    /// The database has come: it is opened now, and everything goes on from it.
    async fn join(&self) -> Result<(), StoreError> {
        let db = self.db();
        db.answers().await?;
        db.migrate().await?;
        if let Some(secret) = &self.0.audit_secret {
            secret.check(&db).await?;
        }
        self.start_anew(&self.live().state()).await?;
        self.0.stands_in_since_ms.end();
        tracing::warn!("the database answers: decisions are those of the present again");
        Ok(())
    }

    /// One look at what others did: the file, what was committed, and new feedback.
    async fn look(&self) -> Result<(), StoreError> {
        self.look_at_file().await?;
        if self.is_away() {
            self.join().await?;
        }
        self.catch_up().await?;
        self.live().look_for_feedback(&self.db(), self.clock()).await
    }
}

/// Reloads after every notification, and now and then without one. A database that is away is waited for.
async fn follow(store: Weak<Inner>, task: Task) {
    let mut listener = None;
    let mut failing = false;
    loop {
        if listener.is_none() {
            let Some(db) = store.upgrade().map(|inner| inner.db.load_full()) else { return };
            let heard = db.listen(CHANNEL).await.inspect_err(|error| log_once(&mut failing, error));
            listener = heard.ok().flatten();
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
        task.turn();
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

fn log_once(failing: &mut bool, error: &dyn std::fmt::Display) {
    if !std::mem::replace(failing, true) {
        tracing::warn!(%error, "changes made elsewhere cannot be followed at the moment; trying again");
    }
}
