//! The two databases behind one small interface: one SQL text, `$1` placeholders, rows that decode from both.
//! SQLite has one write connection and a read-only pool; PostgreSQL one pool.

use std::{fs::OpenOptions, io, path::Path, str::FromStr, time::Duration};

use sqlx::{
    Arguments, FromRow, PgPool, SqlitePool,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use crate::{Invalid, StoreError};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_CONNECTIONS_MAX: u32 = 8;
/// One of them listens for notifications.
const PG_CONNECTIONS_MAX: u32 = 16;

/// A value bound to a placeholder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bool(bool),
    Bytes(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}

/// `args![key, version]`: the values for `$1`, `$2`…
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// A row that both databases can decode; derived with `sqlx::FromRow`.
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

/// The arguments of one database's own type.
macro_rules! bind {
    ($arguments:ty, $args:expr) => {{
        let mut bound = <$arguments>::default();
        for arg in $args {
            match arg {
                Arg::Int(value) => bound.add(*value),
                Arg::Text(value) => bound.add(*value),
                Arg::Bool(value) => bound.add(*value),
                Arg::Bytes(value) => bound.add(*value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        bound
    }};
}

/// Runs one query on whichever database it is: `$sqlite` and `$pg` are its executors.
macro_rules! run {
    ($query:ident, $fetch:ident, $sql:expr, $args:expr, $this:expr, $sqlite:pat => $on_sqlite:expr, $pg:pat => $on_pg:expr) => {
        match $this {
            $sqlite => sqlx::$query($sql, bind!(SqliteArguments, $args)).$fetch($on_sqlite).await,
            $pg => sqlx::$query($sql, bind!(PgArguments, $args)).$fetch($on_pg).await,
        }
    };
}

#[derive(Debug, Clone)]
pub(crate) enum Db {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Pg(PgPool),
}

/// A transaction; rolled back when dropped.
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Pg(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Db {
    /// Connects, creates the SQLite file when there is none, and brings the schema up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::open_pg(url).await
        } else {
            Err(Invalid::DatabaseUrl.into())
        }
    }

    async fn open_sqlite(url: &str) -> Result<Self, StoreError> {
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(Invalid::DatabaseUrl.into());
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|_| Invalid::DatabaseUrl)?;
        let options = options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
        create_private(options.get_filename()).map_err(sqlx::Error::Io)?;
        let writing = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = || {
            SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None)
        };
        let write = pool().max_connections(1).connect_with(writing).await?;
        sqlx::migrate!("../../migrations/sqlite").run(&write).await.map_err(StoreError::Migration)?;
        let read = pool().max_connections(READ_CONNECTIONS_MAX).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { read, write })
    }

    async fn open_pg(url: &str) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(|_| Invalid::DatabaseUrl)?.application_name("fader");
        let pool = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_connections(PG_CONNECTIONS_MAX)
            .connect_with(options)
            .await?;
        sqlx::migrate!("../../migrations/postgres").run(&pool).await.map_err(StoreError::Migration)?;
        Ok(Self::Pg(pool))
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Pg(pool) => pool.close().await,
        }
    }

    /// A transaction that writes. On SQLite it takes the write lock at once, so it can never fail half-way for want
    /// of the lock.
    pub(crate) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Pg(pool) => Tx::Pg(pool.begin().await?),
        })
    }

    /// A transaction that sees one state of the database in all its reads.
    pub(crate) async fn begin_read(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?),
            Self::Pg(pool) => {
                Tx::Pg(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    pub(crate) async fn all<T: Record>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, sqlx::Error> {
        run!(query_as_with, fetch_all, sql, args, self, Self::Sqlite { read, .. } => read, Self::Pg(pool) => pool)
    }

    pub(crate) async fn optional<T: Record>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<T>, sqlx::Error> {
        run!(query_as_with, fetch_optional, sql, args, self, Self::Sqlite { read, .. } => read, Self::Pg(pool) => pool)
    }

    pub(crate) async fn one<T: Record>(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<T, sqlx::Error> {
        run!(query_as_with, fetch_one, sql, args, self, Self::Sqlite { read, .. } => read, Self::Pg(pool) => pool)
    }

    /// One statement in a transaction of its own: the number of rows it changed.
    pub(crate) async fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        let mut tx = self.begin().await?;
        let rows = tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

impl Tx {
    pub(crate) async fn all<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, sqlx::Error> {
        run!(query_as_with, fetch_all, sql, args, self, Self::Sqlite(tx) => &mut **tx, Self::Pg(tx) => &mut **tx)
    }

    pub(crate) async fn optional<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<T>, sqlx::Error> {
        run!(query_as_with, fetch_optional, sql, args, self, Self::Sqlite(tx) => &mut **tx, Self::Pg(tx) => &mut **tx)
    }

    pub(crate) async fn one<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<T, sqlx::Error> {
        run!(query_as_with, fetch_one, sql, args, self, Self::Sqlite(tx) => &mut **tx, Self::Pg(tx) => &mut **tx)
    }

    /// The number of rows changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(sql, bind!(SqliteArguments, args));
                query.execute(&mut **tx).await?.rows_affected()
            }
            Self::Pg(tx) => {
                let query = sqlx::query_with(sql, bind!(PgArguments, args));
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Tells the other copies of the server, when the transaction commits. SQLite has no such thing: copies poll.
    pub(crate) async fn notify(&mut self, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => {}
            Self::Pg(_) => {
                self.execute("SELECT pg_notify($1, $2)", args![channel, payload]).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Pg(tx) => tx.commit().await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Pg(tx) => tx.rollback().await,
        }
    }
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
