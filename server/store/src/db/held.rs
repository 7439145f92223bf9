//! A connection in somebody's hands, and what is known of its transaction. Only a connection on which everything ended
//! well goes back to the pool: where beginning, committing or undoing failed, or where an answer never came, nobody can
//! say what the database thinks of it, and it is closed. (The transactions of sqlx count their depth beside the database;
//! after a full disk the two disagree for ever.)

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Database, Executor, Pool, Postgres, Sqlite, pool::PoolConnection};
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    faults::{Fault, Faults},
    pulse::{AtWork, Pulse},
};
use crate::{Lane, Timings};

/// How long undoing may take before the connection is closed instead.
const UNDO_MAX: Duration = Duration::from_secs(1);

/// What differs between the two when a connection is of no use any more.
pub(crate) trait Kind: Database {
    /// What undoes a transaction behind the back of whoever holds it: for tests.
    const SEVER: &'static str;

    /// Closes the connection.
    fn throw_away(connection: PoolConnection<Self>);

    /// Undoes its transaction and gives it back; closes it where that does not work.
    fn undo(connection: PoolConnection<Self>) -> impl Future<Output = ()> + Send + 'static;
}

async fn undo<DB: Kind>(mut connection: PoolConnection<DB>)
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let undone = tokio::time::timeout(UNDO_MAX, (&mut *connection).execute("ROLLBACK")).await;
    if undone.is_ok_and(|it| it.is_ok()) {
        drop(connection);
    } else {
        DB::throw_away(connection);
    }
}

impl Kind for Sqlite {
    const SEVER: &'static str = "SELECT 1";

    /// Closing undoes what was not committed, and ends before the next connection is opened.
    fn throw_away(mut connection: PoolConnection<Self>) {
        if tokio::runtime::Handle::try_current().is_ok() {
            connection.close_on_drop();
        } else {
            drop(connection.detach());
        }
    }

    fn undo(connection: PoolConnection<Self>) -> impl Future<Output = ()> + Send + 'static {
        undo(connection)
    }
}

impl Kind for Postgres {
    const SEVER: &'static str = "SELECT pg_terminate_backend(pg_backend_pid())";

    /// Without a word of goodbye: it may be the network that does not work.
    fn throw_away(connection: PoolConnection<Self>) {
        drop(connection.detach());
    }

    fn undo(connection: PoolConnection<Self>) -> impl Future<Output = ()> + Send + 'static {
        undo(connection)
    }
}

/// One pool, and how its database answers.
#[derive(Debug)]
pub(crate) struct Side<DB: Database> {
    pub(super) pool: Pool<DB>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) faults: Faults,
    /// SQLite has one connection that writes, and whoever holds it keeps the others waiting.
    pub(super) exclusive: bool,
    /// Where what may not wait runs, if there is such a place.
    pub(super) opener: Option<Handle>,
    /// How long a connection was waited for, to write also the turn.
    pub(super) waits: Arc<Timings>,
}

impl<DB: Database> Side<DB> {
    /// The same database through other connections.
    pub(super) fn beside(&self, pool: Pool<DB>) -> Self {
        Self { pool, waits: Arc::default(), ..self.clone() }
    }
}

impl<DB: Database> Clone for Side<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            pulse: Arc::clone(&self.pulse),
            faults: self.faults.clone(),
            exclusive: self.exclusive,
            opener: self.opener.clone(),
            waits: Arc::clone(&self.waits),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// No transaction.
    Free,
    Open,
    /// A statement failed: what is left to do is to undo.
    Failed,
    /// Nobody knows.
    Lost,
}

pub(crate) struct Held<DB: Kind> {
    connection: Option<PoolConnection<DB>>,
    side: Side<DB>,
    standing: Standing,
    /// A statement was sent and its answer has not come.
    asked: bool,
    /// Faults are for transactions that write.
    writes: bool,
    at_work: Option<AtWork>,
}

impl<DB: Kind> Side<DB> {
    pub(super) fn new(pool: Pool<DB>, pulse: Pulse, faults: Faults, exclusive: bool) -> Self {
        let opener = Handle::try_current().ok().filter(|_| exclusive && Lane::current() == Lane::First);
        Self { pool, pulse: Arc::new(pulse), faults, exclusive, opener, waits: Arc::default() }
    }

    /// A connection for one statement outside of a transaction.
    pub(super) async fn hold(&self) -> Result<Held<DB>, sqlx::Error> {
        let began = Instant::now();
        let connection = self.pulse.answer(self.pool.acquire()).await?;
        self.waits.note(began.elapsed());
        Ok(self.held(connection, false))
    }

    /// The thread of an SQLite connection is as nice as the one that opens it: the one that writes serves whoever may not
    /// wait too, and is opened there.
    async fn acquire(&self) -> Result<PoolConnection<DB>, sqlx::Error> {
        let opener = self.opener.as_ref().filter(|_| Lane::current() != Lane::First);
        let Some(opener) = opener else { return self.pool.acquire().await };
        if let Some(there) = self.pool.try_acquire() {
            return Ok(there);
        }
        // It ends with whoever waits for it.
        let mut opening = JoinSet::new();
        opening.spawn_on(self.pool.acquire(), opener);
        match opening.join_next().await {
            Some(Ok(opened)) => opened,
            Some(Err(_)) | None => Err(sqlx::Error::PoolClosed),
        }
    }

    fn held(&self, connection: PoolConnection<DB>, writes: bool) -> Held<DB> {
        Held {
            connection: Some(connection),
            side: self.clone(),
            standing: Standing::Free,
            asked: false,
            writes,
            at_work: None,
        }
    }
}

impl<DB: Kind> Side<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// A transaction, after `turn` if there is one to wait for.
    pub(super) async fn begin<T>(
        &self,
        statement: &'static str,
        writes: bool,
        turn: impl Future<Output = T>,
    ) -> Result<(Held<DB>, T), sqlx::Error> {
        if writes {
            self.pulse.check_there()?;
        }
        let began = Instant::now();
        let begun = async {
            let turn = turn.await;
            let mut held = self.held(self.acquire().await?, writes);
            held.open(statement).await?;
            self.waits.note(began.elapsed());
            Ok((held, turn))
        };
        if writes { self.pulse.wait_for_turn(begun).await } else { self.pulse.answer(begun).await }
    }
}

impl<DB: Kind> Held<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn open(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        if let Some(pages_max) = self.side.faults.pages_max().filter(|_| self.side.exclusive) {
            let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages_max}"));
            self.raw()?.execute(sqlx::raw_sql(pragma)).await?;
        }
        self.standing = Standing::Open;
        let begun = self.say(statement).await;
        match &begun {
            Ok(()) if self.side.exclusive => self.at_work = Some(self.side.pulse.at_work()),
            Ok(()) => {}
            Err(_) => self.standing = Standing::Lost,
        }
        begun
    }

    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let pulse = Arc::clone(&self.side.pulse);
        let committed = pulse.answer(self.say("COMMIT")).await;
        self.standing = if committed.is_ok() { Standing::Free } else { Standing::Lost };
        committed
    }

    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        let pulse = Arc::clone(&self.side.pulse);
        let undone = pulse.answer(async { self.raw()?.execute("ROLLBACK").await }).await;
        self.standing = if undone.is_ok() { Standing::Free } else { Standing::Lost };
        undone.map(drop)
    }

    async fn say(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let fault = self.ask().await?;
        let said = self.raw()?.execute(statement).await.map(drop);
        self.answered(said, fault)
    }

    /// Before each statement: whether it makes sense to send it.
    pub(super) async fn ask(&mut self) -> Result<Option<Fault>, sqlx::Error> {
        if self.standing == Standing::Failed || self.standing == Standing::Lost {
            return Err(failed_before());
        }
        let fault = if self.writes { self.side.faults.next() } else { None };
        match fault {
            None | Some(Fault::Unanswered) => {}
            Some(Fault::Refused) => return self.answered(Err(asked_for()), None).map(|()| None),
            Some(Fault::Undone) => {
                drop(self.raw()?.execute("ROLLBACK").await);
                return self.answered(Err(asked_for()), None).map(|()| None);
            }
            Some(Fault::Severed) => {
                drop(self.raw()?.execute(DB::SEVER).await);
                return self.answered(Err(asked_for()), None).map(|()| None);
            }
        }
        self.asked = true;
        Ok(fault)
    }
}

impl<DB: Kind> Held<DB> {
    /// After each statement.
    pub(super) fn answered<T>(
        &mut self,
        done: Result<T, sqlx::Error>,
        fault: Option<Fault>,
    ) -> Result<T, sqlx::Error> {
        self.asked = false;
        let done = if fault.is_some() { done.and(Err(asked_for())) } else { done };
        if let Err(error) = &done {
            self.standing = match self.standing {
                Standing::Lost => Standing::Lost,
                // A full disk has undone the transaction, a lost connection is of no use to anybody: nobody knows.
                _ if super::is_unavailable(error) => Standing::Lost,
                Standing::Open | Standing::Failed => Standing::Failed,
                Standing::Free => Standing::Free,
            };
        }
        done
    }

    /// The side, and the connection to send a statement through.
    pub(super) fn parts(&mut self) -> Result<(&Side<DB>, &mut DB::Connection), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or_else(failed_before)?;
        Ok((&self.side, &mut **connection))
    }

    fn raw(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        self.parts().map(|(_, connection)| connection)
    }
}

impl<DB: Kind> Drop for Held<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match self.standing {
            Standing::Free if !self.asked => drop(connection),
            Standing::Free | Standing::Lost => DB::throw_away(connection),
            Standing::Open | Standing::Failed => match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(DB::undo(connection))),
                Err(_) => DB::throw_away(connection),
            },
        }
    }
}

/// What sends nothing any more: the transaction had failed, and whoever goes on with it would write the half of it.
fn failed_before() -> sqlx::Error {
    sqlx::Error::Protocol("the transaction failed before".to_owned())
}

fn asked_for() -> sqlx::Error {
    io::Error::new(io::ErrorKind::StorageFull, "a test asked for this fault").into()
}
