//! The pools of connections, for whoever says how the server is.

use sqlx::Database;

use super::{Db, held::Side};
use crate::Timed;

/// Connections of one kind of work.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// `write` (SQLite only), `first` for what may not wait, `pages` for everybody else.
    pub name: &'static str,
    pub idle: usize,
    pub used: usize,
    /// How long one was waited for; to write on SQLite, also for the turn.
    pub waits: Timed,
}

impl Pool {
    fn of<DB: Database>(name: &'static str, side: &Side<DB>) -> Self {
        let (idle, all) = (side.pool.num_idle(), side.pool.size());
        let used = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(idle);
        Self { name, idle, used, waits: side.waits.look() }
    }
}

impl Db {
    pub(crate) fn pools(&self) -> Vec<Pool> {
        match self {
            Self::Sqlite { read, write } => vec![
                Pool::of("write", write),
                Pool::of("first", read.first()),
                Pool::of("pages", read.pages()),
            ],
            Self::Pg(sides) => vec![Pool::of("first", sides.first()), Pool::of("pages", sides.pages())],
        }
    }
}
