//! The handle everything goes through, and the background task that follows other copies of the server.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, task::AbortHandle};

use crate::{
    Clock, Live, StoreError, Task, Tasks,
    accounts::Passwords,
    as_of::Past,
    change::CHANNEL,
    db::{Db, Faults, args},
    ledger::Looked,
};

/// How often the audit sequence is looked at, in case a notification was lost or another process wrote the file.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// One database and what it looks like in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
    pub(crate) passwords: Passwords,
    /// One change at a time per process: the others wait here without holding a connection.
    pub(crate) writing: Arc<Mutex<()>>,
    /// Looks at the ledger that are audited already.
    pub(crate) looked: Looked,
    /// Environments as they were, compiled.
    pub(crate) past: Past,
    pub(crate) tasks: Tasks,
    follower: Option<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_following();
    }
}

impl Inner {
    fn stop_following(&self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}

impl Store {
    /// Opens `sqlite://path` (created when missing) or `postgres://…`, brings the schema up to date, loads [`Live`]
    /// and follows changes made by other processes.
    pub async fn open(database_url: &str, clock: Clock) -> Result<Self, StoreError> {
        let db = Db::open(database_url).await?;
        let live = Live::load(&db).await?;
        let tasks = Tasks::default();
        let following = (db.clone(), live.clone(), clock.clone());
        let follower = tasks.spawn("the follower of other copies", move |task| {
            let (db, live, clock) = following.clone();
            follow(db, live, clock, task)
        });
        let follower = Some(follower.abort_handle());
        let writing = Arc::new(Mutex::new(()));
        Ok(Self(Arc::new(Inner {
            db,
            clock,
            live,
            passwords: Passwords::new(),
            writing,
            looked: Looked::default(),
            past: Past::default(),
            tasks,
            follower,
        })))
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What is in force, in memory.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// What runs beside the requests, here and in the server around this store.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
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

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    /// Only tests ask for faults.
    #[doc(hidden)]
    pub fn faults(&self) -> &Faults {
        self.db().faults()
    }

    /// The same database seen at another time: for histories that are told after the fact.
    pub(crate) fn at(&self, clock: Clock) -> Self {
        let Inner { db, live, passwords, writing, looked, tasks, .. } = &*self.0;
        Self(Arc::new(Inner {
            db: db.clone(),
            clock,
            live: live.clone(),
            passwords: passwords.clone(),
            writing: Arc::clone(writing),
            looked: looked.clone(),
            past: Past::default(),
            tasks: tasks.clone(),
            follower: None,
        }))
    }
}

/// Reloads after every notification, and now and then without one. A database that is away is waited for.
async fn follow(db: Db, live: Live, clock: Clock, task: Task) {
    let mut listener = None;
    let mut failing = false;
    loop {
        if listener.is_none() {
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
        let looked = match live.refresh(&db).await {
            Ok(()) => live.look_for_feedback(&db, &clock).await,
            Err(error) => Err(error),
        };
        match looked {
            Ok(()) => failing = false,
            Err(error) => {
                log_once(&mut failing, &error);
                listener = None;
            }
        }
    }
}

fn log_once(failing: &mut bool, error: &dyn std::fmt::Display) {
    if !std::mem::replace(failing, true) {
        tracing::warn!(%error, "changes made elsewhere cannot be followed at the moment; trying again");
    }
}
