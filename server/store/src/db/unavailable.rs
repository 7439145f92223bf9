//! The one place that decides which errors mean "the database cannot do it now": trying again later may work, and nobody
//! made a mistake.

use sqlx::{error::DatabaseError, sqlite::SqliteError};

/// `SQLITE_BUSY`, `LOCKED`, `NOMEM`, `READONLY`, `INTERRUPT`, `IOERR`, `FULL`, `CANTOPEN`, `PROTOCOL`.
const SQLITE_CODES: [i32; 9] = [5, 6, 7, 8, 9, 10, 13, 14, 15];
/// The byte of an extended result code that names its kind.
const SQLITE_KIND: i32 = 0xff;
/// SQLSTATE classes: connection, insufficient resources, operator intervention, system error, transaction rollback.
const PG_CLASSES: [&str; 5] = ["08", "53", "57", "58", "40"];
/// A lock that was not got in time; sessions that timed out; a server that takes no writes.
const PG_CODES: [&str; 4] = ["55P03", "25P03", "25P04", "25006"];

pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => says_later(&**error),
        // The connection ended before it was known whether it is to be encrypted: the driver takes that for an answer.
        sqlx::Error::Protocol(why) => why.contains("SSLRequest"),
        _ => false,
    }
}

fn says_later(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return code.parse::<i32>().is_ok_and(|code| SQLITE_CODES.contains(&(code & SQLITE_KIND)));
    }
    PG_CODES.contains(&&*code) || PG_CLASSES.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ends_before_it_is_encrypted_is_one_that_cannot_be_made() {
        let ended = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".into());
        assert!(is_unavailable(&ended));
        assert!(!is_unavailable(&sqlx::Error::Protocol("something of ours is wrong".into())));
    }
}
