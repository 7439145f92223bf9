//! A whole file of SQLite, apart from the pools: copied as of one moment, looked into, taken over from a server that is gone.

use std::path::Path;

use sqlx::{
    Connection as _, Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteLockingMode},
};

use super::connect::SQLITE;

const SQLITE_BUSY: &str = "5";
const SQLITE_CORRUPT: &str = "11";
const SQLITE_NOTADB: &str = "26";

/// Whose tables a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    UpToDate,
    /// Of an older release: it can be brought up to date.
    Older,
    /// Of a newer release.
    Newer,
    /// It is not Fader's, or not whole.
    Foreign,
}

/// What became of asking for a file alone.
pub(crate) enum TakenOver {
    /// Nobody else opens it while this lives, and nothing of it stands in a log beside it.
    Alone(SqliteConnection),
    InUse,
    /// It is no database any more.
    Broken,
}

/// Copies everything that is committed, as of one moment, into an empty file. Others write meanwhile.
pub(crate) async fn copy_into(from: &Path, into: &str) -> Result<(), sqlx::Error> {
    let reading = SqliteConnectOptions::new().filename(from).read_only(true);
    let mut connection = SqliteConnection::connect_with(&reading).await?;
    sqlx::query("VACUUM INTO $1").bind(into).execute(&mut connection).await?;
    connection.close().await
}

/// Whose it is, once it was read from end to end. Leaves one file without a log.
pub(crate) async fn look_into(file: &Path) -> Result<Schema, sqlx::Error> {
    match look(file).await {
        Err(error) if is(&error, SQLITE_NOTADB) || is(&error, SQLITE_CORRUPT) => Ok(Schema::Foreign),
        looked => looked,
    }
}

async fn look(file: &Path) -> Result<Schema, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await?;
    connection.execute("PRAGMA journal_mode = DELETE").await?;
    let checked: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await?;
    let there = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'workspace', 'audit')";
    let there: i64 = sqlx::query_scalar(there).fetch_one(&mut connection).await?;
    if checked != "ok" || there < 3 {
        return Ok(Schema::Foreign);
    }
    let applied = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Vec<(i64, Vec<u8>)> = sqlx::query_as(applied).fetch_all(&mut connection).await?;
    connection.close().await?;
    let known: Vec<_> = SQLITE.iter().map(|it| (it.version, it.checksum.to_vec())).collect();
    let common = known.iter().zip(&applied).take_while(|(known, applied)| known == applied).count();
    Ok(match (common == known.len(), common == applied.len()) {
        (true, true) => Schema::UpToDate,
        (false, true) if common > 0 => Schema::Older,
        (true, false) => Schema::Newer,
        (false, _) => Schema::Foreign,
    })
}

/// Asks for the file alone, with its log written into it.
pub(crate) async fn take_over(file: &Path) -> Result<TakenOver, sqlx::Error> {
    let alone = SqliteConnectOptions::new().filename(file).locking_mode(SqliteLockingMode::Exclusive);
    let taking = async {
        let mut connection = SqliteConnection::connect_with(&alone).await?;
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await?;
        if mode != "delete" {
            return Ok(TakenOver::InUse);
        }
        // Held until the connection is closed.
        connection.execute("BEGIN EXCLUSIVE").await?;
        connection.execute("COMMIT").await?;
        Ok(TakenOver::Alone(connection))
    };
    match taking.await {
        Err(error) if is(&error, SQLITE_BUSY) => Ok(TakenOver::InUse),
        Err(error) if is(&error, SQLITE_NOTADB) || is(&error, SQLITE_CORRUPT) => Ok(TakenOver::Broken),
        taken => taken,
    }
}

/// Whether it is this error of SQLite, whatever its extended code says besides.
fn is(error: &sqlx::Error, code: &str) -> bool {
    let primary = |code: &str| code.parse::<u32>().ok().map(|it| it & 0xff);
    let found = error.as_database_error().and_then(|it| it.code().and_then(|it| primary(&it)));
    found.is_some() && found == primary(code)
}
