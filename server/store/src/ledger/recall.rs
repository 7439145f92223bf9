//! What the ledger knows of many subjects at once: where they stand, and whose word that is. And whether other copies of
//! the server write to it.

use engine::{Arm, EnvironmentKey, FlagKey, RuleId, SubjectKey};

use super::{
    Seen, day_of,
    ids::{self, writer_of},
    line::LedgerLine,
};
use crate::{
    Store, StoreError,
    db::{Db, Readable, args},
    to_json,
};

macro_rules! lately {
    ($subjects:literal) => {
        concat!(
            "SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times, servers_first_ms, \
             servers_last_ms \
             FROM ( \
                 SELECT told.*, ROW_NUMBER() OVER ( \
                     PARTITION BY subject, flag, CASE WHEN servers_last_ms > 0 THEN 1 ELSE 0 END \
                     ORDER BY CASE WHEN servers_last_ms > 0 THEN servers_last_ms ELSE last_ms END DESC, \
                     first_ms DESC, revision DESC, variant, rule, arm \
                 ) AS place \
                 FROM ( \
                     SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times, \
                     COALESCE(servers_first_ms, first_ms) AS servers_first_ms, \
                     COALESCE(servers_last_ms, last_ms) AS servers_last_ms \
                     FROM exposures \
                     WHERE environment = $1 AND subject IN ",
            $subjects,
            " AND day_ms >= $3 AND last_ms >= $4 \
                 ) AS told \
             ) AS ranked \
             WHERE place = 1 \
             ORDER BY subject, flag"
        )
    };
}

/// What a subject was served last, by one flag; `first_ms` to `last_ms`, and of that what servers told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    pub subject: SubjectKey,
    pub flag: FlagKey,
    pub revision: u64,
    pub rule: Option<RuleId>,
    pub arm: Option<Arm>,
    pub first_ms: i64,
    pub last_ms: i64,
    /// `None` where only browsers told it. Servers told whatever was written before that was known.
    pub by_servers: Option<(i64, i64)>,
}

/// What other copies of the server wrote to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// Of their latest batch; it changes with every one.
    pub batch: i64,
    /// How long ago that was written, by the database's time; `None` when nobody knows of any.
    pub ago_ms: Option<i64>,
}

#[derive(Debug, sqlx_macros::FromRow)]
struct StoodLine {
    #[sqlx(flatten)]
    line: LedgerLine,
    servers_first_ms: i64,
    servers_last_ms: i64,
}

impl TryFrom<StoodLine> for Stood {
    type Error = StoreError;

    fn try_from(row: StoodLine) -> Result<Self, StoreError> {
        let by_servers = (row.servers_last_ms > 0).then_some((row.servers_first_ms, row.servers_last_ms));
        let Seen { subject, flag, revision, rule, arm, first_ms, last_ms, .. } = row.line.try_into()?;
        Ok(Self { subject, flag, revision, rule, arm, first_ms, last_ms, by_servers })
    }
}

impl Store {
    /// What these subjects were served since a time: for every flag the line that was told last by a server, and the one
    /// that only browsers told last, so that none of theirs takes the place of a server's. A line that cannot be read is
    /// left out, alone. Without a person who asks: the server's own intake counts outcomes by it, and nobody is shown it.
    pub async fn exposures_since(
        &self,
        environment: &EnvironmentKey,
        subjects: &[SubjectKey],
        since_ms: i64,
    ) -> Result<Vec<Stood>, StoreError> {
        let subjects = to_json("exposures", &subjects)?;
        let sql = match &*self.db() {
            Db::Sqlite { .. } => lately!("(SELECT value FROM json_each($2))"),
            Db::Pg(_) => lately!("(SELECT json_array_elements_text($2::json))"),
        };
        let args = args![environment.as_str(), &subjects, day_of(since_ms), since_ms];
        let rows: Vec<Readable<StoodLine>> = self.db().all(sql, args).await?;
        let found = rows.len();
        let stood = rows.into_iter().filter_map(|row| Stood::try_from(row.0?).ok());
        let stood: Vec<_> = stood.collect();
        if stood.len() < found {
            tracing::warn!(lines = found - stood.len(), "lines of the ledger cannot be read");
        }
        Ok(stood)
    }

    /// What other writers than the one of this mark wrote lately.
    pub async fn exposures_elsewhere(&self, mark: u64) -> Result<Elsewhere, StoreError> {
        let sql = "SELECT COALESCE(MAX(id), 0), MAX(written_ms) FROM event_ids WHERE writer <> $1";
        let (batch, written_ms): (i64, Option<i64>) = self.db().one(sql, args![writer_of(mark)]).await?;
        let ago_ms = match written_ms {
            Some(written_ms) => Some(self.database_now_ms().await?.saturating_sub(written_ms)),
            None => None,
        };
        Ok(Elsewhere { batch, ago_ms })
    }

    /// Tells the other copies that the writer of this mark is there, also while it writes nothing.
    pub async fn announce_writer(&self, mark: u64) -> Result<(), StoreError> {
        let now_ms = self.database_now_ms().await?;
        let mut tx = self.db().begin().await?;
        // No batch has that number.
        ids::write(&mut tx, Some(&(mark | u64::from(u32::MAX))), &[], now_ms).await?;
        Ok(tx.commit().await?)
    }
}
