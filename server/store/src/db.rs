//! The two databases behind one small interface: one SQL text, `$1` placeholders, rows that decode from both.
//! SQLite has one write connection and read-only ones; PostgreSQL connections for both, and one that listens. Pages have
//! connections of their own, which what may not wait does not share.

mod args;
mod encryption;
mod faults;
mod held;
mod pages;
mod pairs;
mod pulse;
mod sides;
mod tx;
mod unavailable;

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Arguments, Connection as _, Executor as _, FromRow, PgConnection, Postgres, Sqlite,
    postgres::{PgArguments, PgConnectOptions, PgListener, PgPoolOptions, PgRow},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Invalid, StoreError};
use args::bind;
pub(crate) use args::{Arg, args};
pub use faults::{Fault, Faults};
use held::Side;
pub(crate) use pairs::{Pairs, PairsSql};
use pulse::Pulse;
use sides::Sides;
pub(crate) use tx::Tx;
pub(crate) use unavailable::is_unavailable;

/// How long another process may hold the file's lock before a change says that it cannot be made now.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// While the database answers; one that does not is given up sooner.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server that starts waits for its database before it does without.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long connections in use at the end are waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const READ_CONNECTIONS_MAX: u32 = 4;
const PAGE_READ_CONNECTIONS_MAX: u32 = 4;
const PG_CONNECTIONS_MAX: u32 = 8;
const PG_PAGE_CONNECTIONS_MAX: u32 = 7;
/// A copy of the server that stopped in the middle of a change keeps the others waiting no longer than this.
const PG_SETTINGS: &str = "SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '30s'";

/// A row that both databases can decode; derived with `sqlx_macros::FromRow`.
pub(crate) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A row of a list in which one that cannot be decoded must not hide the others: `None` for such a one.
pub(crate) struct Readable<T>(pub(crate) Option<T>);

impl<'r, R: sqlx::Row, T: FromRow<'r, R>> FromRow<'r, R> for Readable<T> {
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self(T::from_row(row).ok()))
    }
}

/// Sends one statement through a connection that is held. What it waits with is large and stands on the heap.
macro_rules! ask {
    ($held:expr, $connection:ident => $query:expr) => {{
        let held = $held;
        let fault = held.ask().await?;
        let done = {
            let (side, $connection) = held.parts()?;
            Box::pin(side.pulse.answer($query)).await
        };
        held.answered(done, fault)
    }};
}
use ask;

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

impl Db {
    /// Connects when it is first asked something; `creates` the SQLite file when there is none.
    pub(crate) fn lazy(url: &str, creates: bool) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Self::lazy_sqlite(url, creates)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::lazy_pg(url)
        } else {
            Err(Invalid::DatabaseUrl.into())
        }
    }

    fn lazy_sqlite(url: &str, creates: bool) -> Result<Self, StoreError> {
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(Invalid::DatabaseUrl.into());
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|_| Invalid::DatabaseUrl)?;
        let options = options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
        if creates {
            create_private(options.get_filename()).map_err(sqlx::Error::Io)?;
        }
        let writing = options
            .clone()
            .create_if_missing(creates)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = || {
            SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None)
        };
        let write = pool().max_connections(1).connect_lazy_with(writing);
        let options = options.read_only(true);
        let read = pool().max_connections(READ_CONNECTIONS_MAX).connect_lazy_with(options.clone());
        let pages = pool().max_connections(PAGE_READ_CONNECTIONS_MAX).connect_lazy_with(options);
        let faults = Faults::default();
        Ok(Self::Sqlite {
            read: Sides::new(Side::new(read, Pulse::new(None), faults.clone(), false), pages),
            write: Side::new(write, Pulse::new(None), faults, true),
        })
    }

    fn lazy_pg(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| Invalid::DatabaseUrl)?;
        let options = encryption::decide(options, url).application_name("fader");
        let pool = |connections_max| {
            PgPoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .max_connections(connections_max)
                .after_connect(|connection, _| {
                    Box::pin(async { connection.execute(sqlx::raw_sql(PG_SETTINGS)).await.map(drop) })
                })
                .connect_lazy_with(options.clone())
        };
        let (first, pages) = (pool(PG_CONNECTIONS_MAX), pool(PG_PAGE_CONNECTIONS_MAX));
        let first = Side::new(first, Pulse::new(Some(options)), Faults::default(), false);
        Ok(Self::Pg(Sides::new(first, pages)))
    }

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

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                let migrator = sqlx_macros::migrate!("../../migrations/sqlite");
                let mut connection = write.pool.acquire().await?;
                migrator.run_direct(None, &mut *connection, false).await.map_err(StoreError::Migration)
            }
            Self::Pg(sides) => {
                let side = sides.here();
                let migrator = sqlx_macros::migrate!("../../migrations/postgres");
                // A server may run as a role that owns no table: it needs leave to change the schema only when there is
                // a change.
                if is_up_to_date(&migrator, &side.pool).await? {
                    return Ok(());
                }
                // Copies that start together wait for each other here, longer than for any lock later on.
                let mut migrating = PgConnection::connect_with(&side.pool.connect_options()).await?;
                migrator.run_direct(None, &mut migrating, false).await.map_err(StoreError::Migration)?;
                drop(migrating.close().await);
                Ok(())
            }
        }
    }

    /// Where the file of an SQLite database is.
    pub(crate) fn path(url: &str) -> Option<PathBuf> {
        let options = url.starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url).ok())??;
        Some(options.get_filename().to_owned())
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

/// Whether the schema is this release's exactly. Anything else is for the migrator to do or to refuse.
async fn is_up_to_date(migrator: &sqlx::migrate::Migrator, pool: &sqlx::PgPool) -> Result<bool, StoreError> {
    let there = sqlx::query_scalar::<_, bool>("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    if !there.fetch_one(pool).await? {
        return Ok(false);
    }
    let applied = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Vec<(i64, Vec<u8>)> = sqlx::query_as(applied).fetch_all(pool).await?;
    let known = migrator.iter().map(|migration| (migration.version, migration.checksum.to_vec()));
    Ok(known.eq(applied))
}

/// Creates the file, when there is none, for its owner's eyes only: password hashes are in it. SQLite gives the files it
/// puts beside it the same permissions.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether `error` is the violation of the named unique index. SQLite names it only in its message.
pub(crate) fn violates(error: &sqlx::Error, index: &str) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    error.constraint() == Some(index) || (error.is_unique_violation() && error.message().contains(index))
}
