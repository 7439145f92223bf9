//! What is asked in a transaction.

use sqlx::{Arguments as _, postgres::PgArguments, sqlite::SqliteArguments};
use tokio::sync::mpsc;

use super::{
    Arg, Record, Tx, args, pages,
    pairs::{self, Pairs, PairsSql},
    statement::{ask, bind},
};

/// Runs one query in a transaction.
macro_rules! run_in {
    ($query:ident, $fetch:ident, $sql:expr, $args:expr, $this:expr) => {
        match $this {
            Self::Sqlite(held) => {
                ask!(held, connection => sqlx::$query($sql, bind!(SqliteArguments, $args)).$fetch(connection))
            }
            Self::Pg(held) => {
                ask!(held, connection => sqlx::$query($sql, bind!(PgArguments, $args)).$fetch(connection))
            }
        }
    };
}

impl Tx {
    pub(crate) async fn all<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, sqlx::Error> {
        run_in!(query_as_with, fetch_all, sql, args, self)
    }

    /// Sends the rows in pages of at most `size` as they come, so that not all of them are there at once. Whoever does
    /// not receive any more ends it.
    pub(crate) async fn pages<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        size: usize,
        pages: mpsc::Sender<Vec<T>>,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(held) => {
                let query = sqlx::query_as_with(sql, bind!(SqliteArguments, args));
                ask!(held, connection => pages::send(query.fetch(connection), size, pages))
            }
            Self::Pg(held) => {
                let query = sqlx::query_as_with(sql, bind!(PgArguments, args));
                ask!(held, connection => pages::send(query.fetch(connection), size, pages))
            }
        }
    }

    /// Sends pairs of texts of a whole table in pages of about `size`, quicker than rows are read one by one.
    pub(crate) async fn pairs(
        &mut self,
        sql: &'static PairsSql,
        size: usize,
        pages: mpsc::Sender<Pairs>,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => {
                let (last,): (i64,) = self.one(sql.last, args![]).await?;
                let size = i64::try_from(size).unwrap_or(i64::MAX);
                let mut from = 0;
                while from < last {
                    let (page,): (Option<Vec<u8>>,) =
                        self.one(sql.range, args![from, from.saturating_add(size)]).await?;
                    let page = page.map(Pairs::of_lengths).transpose()?;
                    if let Some(page) = page
                        && pages.send(page).await.is_err()
                    {
                        break;
                    }
                    from = from.saturating_add(size);
                }
                Ok(())
            }
            Self::Pg(held) => ask!(held, connection => pairs::copied(connection, sql.copy, size, pages)),
        }
    }

    pub(crate) async fn optional<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<T>, sqlx::Error> {
        run_in!(query_as_with, fetch_optional, sql, args, self)
    }

    pub(crate) async fn one<T: Record>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<T, sqlx::Error> {
        run_in!(query_as_with, fetch_one, sql, args, self)
    }

    /// The number of rows changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(held) => {
                let query = sqlx::query_with(sql, bind!(SqliteArguments, args));
                ask!(held, connection => query.execute(connection))?.rows_affected()
            }
            Self::Pg(held) => {
                let query = sqlx::query_with(sql, bind!(PgArguments, args));
                ask!(held, connection => query.execute(connection))?.rows_affected()
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
            Self::Sqlite(held) => Box::pin(held.commit()).await,
            Self::Pg(held) => Box::pin(held.commit()).await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(held) => Box::pin(held.rollback()).await,
            Self::Pg(held) => Box::pin(held.rollback()).await,
        }
    }
}
