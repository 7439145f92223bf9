//! The two databases behind one small interface: one SQL text, `$1` placeholders, rows that decode from both.
//! SQLite has one write connection and read-only ones; PostgreSQL connections for both, and one that listens. Pages have
//! connections of their own, which what may not wait does not share.

mod connect;
mod encryption;
mod faults;
mod file;
mod held;
mod pages;
mod pairs;
mod pools;
mod pulse;
mod sides;
mod statement;
mod tx;
mod unavailable;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Arguments as _, Postgres, Sqlite,
    postgres::{PgArguments, PgListener, PgPoolOptions},
    sqlite::SqliteArguments,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use faults::{Fault, Faults};
pub(crate) use file::{Schema, TakenOver, copy_into, look_into, take_over};
use held::{Held, Side};
pub(crate) use pairs::{Pairs, PairsSql};
pub use pools::Pool;
use sides::Sides;
pub(crate) use statement::{Arg, Readable, Record, args};
use statement::{ask, bind};
pub(crate) use unavailable::is_unavailable;

/// While the database answers; one that does not is given up sooner.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server that starts waits for its database before it does without.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long connections in use at the end are waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs one query outside of a transaction on whichever database it is.
macro_rules! run {
    ($query:ident, $fetch:ident, $sql:expr, $args:expr, $this:expr) => {
        match $this {
            Self::Sqlite { read, .. } => {
                ask!(&mut Box::pin(read.here().hold()).await?, connection => sqlx::$query($sql, bind!(SqliteArguments, $args)).$fetch(connection))
            }
            Self::Pg(sides) => {
                ask!(&mut Box::pin(sides.here().hold()).await?, connection => sqlx::$query($sql, bind!(PgArguments, $args)).$fetch(connection))
            }
        }
    };
}

#[derive(Debug, Clone)]
pub(crate) enum Db {
    Sqlite { read: Sides<Sqlite>, write: Side<Sqlite> },
    Pg(Sides<Postgres>),
}

/// A transaction; rolled back when dropped.
pub(crate) enum Tx {
    Sqlite(Held<Sqlite>),
    Pg(Held<Postgres>),
}

impl Db {
    /// Whether it can be reached, before anything is known of what is in it.
    pub(crate) async fn answers(&self) -> Result<(), sqlx::Error> {
        let asked = async {
            match self {
                Self::Sqlite { write, .. } => sqlx::query("SELECT 1").execute(&write.pool).await.map(drop),
                Self::Pg(sides) => sqlx::query("SELECT 1").execute(&sides.here().pool).await.map(drop),
            }
        };
        tokio::time::timeout(ANSWER_TIMEOUT, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// After the connections in use are given back; a database that does not answer is not waited for.
    pub(crate) async fn close(&self) {
        let closing = async {
            match self {
                Self::Sqlite { read, write } => {
                    read.close().await;
                    write.pool.close().await;
                }
                Self::Pg(sides) => sides.close().await,
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("some connections of the database did not end in time and were broken off");
        }
    }

    /// Whether a write was carried out so lately. PostgreSQL has connections enough to ask.
    pub(crate) fn wrote_within(&self, lately: Duration) -> bool {
        match self {
            Self::Sqlite { write, .. } => write.pulse.heard_within(lately),
            Self::Pg(_) => false,
        }
    }

    /// Whether the file is not where it was: nothing is written until it is, or until another one is opened.
    pub(crate) fn set_gone(&self, gone: bool) {
        if let Self::Sqlite { write, .. } = self {
            write.pulse.set_gone(gone);
        }
    }

    pub(crate) fn faults(&self) -> &Faults {
        match self {
            Self::Sqlite { write, .. } => &write.faults,
            Self::Pg(sides) => &sides.first().faults,
        }
    }

    /// A connection that hears `channel`, outside of the pool: ending it may wait for a server that does not answer.
    /// `None` on SQLite, which has no such thing.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<PgListener>, sqlx::Error> {
        let Self::Pg(sides) = self else { return Ok(None) };
        let side = sides.first();
        let options = (*side.pool.connect_options()).clone();
        let own = PgPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).max_connections(1);
        let own = own.connect_lazy_with(options);
        let listening = async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.listen(channel).await?;
            Ok(listener)
        };
        Box::pin(side.pulse.wait(listening)).await.map(Some)
    }

    /// A transaction that writes. On SQLite it takes the write lock at once, so it can never fail half-way for want
    /// of the lock.
    pub(crate) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        self.begin_after(std::future::ready(())).await.map(|(tx, ())| tx)
    }

    /// The same, once it is this caller's turn: all in all no longer than a database that is away is waited for.
    pub(crate) async fn begin_in_turn(
        &self,
        turns: &Arc<Mutex<()>>,
    ) -> Result<(Tx, OwnedMutexGuard<()>), sqlx::Error> {
        self.begin_after(Arc::clone(turns).lock_owned()).await
    }

    async fn begin_after<T>(&self, turn: impl Future<Output = T>) -> Result<(Tx, T), sqlx::Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => {
                let (held, turn) = Box::pin(write.begin("BEGIN IMMEDIATE", true, turn)).await?;
                (Tx::Sqlite(held), turn)
            }
            Self::Pg(sides) => {
                let (held, turn) = Box::pin(sides.here().begin("BEGIN", true, turn)).await?;
                (Tx::Pg(held), turn)
            }
        })
    }

    /// A transaction that sees one state of the database in all its reads.
    pub(crate) async fn begin_read(&self) -> Result<Tx, sqlx::Error> {
        let at_once = std::future::ready(());
        Ok(match self {
            Self::Sqlite { read, .. } => {
                Tx::Sqlite(Box::pin(read.here().begin("BEGIN", false, at_once)).await?.0)
            }
            Self::Pg(sides) => {
                let side = sides.here();
                let statement = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Tx::Pg(Box::pin(side.begin(statement, false, at_once)).await?.0)
            }
        })
    }

    pub(crate) async fn all<T: Record>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, sqlx::Error> {
        run!(query_as_with, fetch_all, sql, args, self)
    }

    pub(crate) async fn optional<T: Record>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<T>, sqlx::Error> {
        run!(query_as_with, fetch_optional, sql, args, self)
    }

    pub(crate) async fn one<T: Record>(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<T, sqlx::Error> {
        run!(query_as_with, fetch_one, sql, args, self)
    }

    /// One statement in a transaction of its own: the number of rows it changed.
    pub(crate) async fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        let mut tx = self.begin().await?;
        let rows = tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

/// Whether `error` is the violation of the named unique index. SQLite names it only in its message.
pub(crate) fn violates(error: &sqlx::Error, index: &str) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    error.constraint() == Some(index) || (error.is_unique_violation() && error.message().contains(index))
}
