//! Finding a database, and bringing its schema up to date.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    Connection as _, Executor as _, PgConnection,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{ACQUIRE_TIMEOUT, Db, Faults, encryption, held::Side, pulse::Pulse, sides::Sides};
use crate::{Invalid, StoreError};

/// How long another process may hold the file's lock before a change says that it cannot be made now.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
pub(super) const READ_CONNECTIONS_MAX: u32 = 4;
pub(super) const PAGE_READ_CONNECTIONS_MAX: u32 = 4;
const PG_CONNECTIONS_MAX: u32 = 8;
pub(super) const PG_PAGE_CONNECTIONS_MAX: u32 = 7;
/// A copy of the server that stopped in the middle of a change keeps the others waiting no longer than this.
const PG_SETTINGS: &str = "SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '30s'";

/// What brings a file up to date.
pub(super) static SQLITE: Migrator = sqlx_macros::migrate!("../../migrations/sqlite");

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
        if creates {
            create_private(options.get_filename()).map_err(sqlx::Error::Io)?;
        }
        Ok(Self::sqlite(options, creates))
    }

    /// A database in a file that is there.
    pub(crate) fn in_file(path: &Path) -> Self {
        Self::sqlite(SqliteConnectOptions::new().filename(path), false)
    }

    fn sqlite(options: SqliteConnectOptions, creates: bool) -> Self {
        let options = options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
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
        Self::Sqlite {
            read: Sides::new(Side::new(read, Pulse::new(None), faults.clone(), false), pages),
            write: Side::new(write, Pulse::new(None), faults, true),
        }
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

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                let mut connection = write.pool.acquire().await?;
                SQLITE.run_direct(None, &mut *connection, false).await.map_err(StoreError::Migration)
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
}

/// Whether the schema is this release's exactly. Anything else is for the migrator to do or to refuse.
async fn is_up_to_date(migrator: &Migrator, pool: &sqlx::PgPool) -> Result<bool, StoreError> {
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
