//! When applications were first and last heard of, for each flag of an environment: that it was asked for, served, followed
//! by an outcome. What the page *Connect* shows. Whoever hears it notes it in memory; here it is written down and read.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, FlagKey};

use crate::{Store, StoreError, Viewer, db::args};

engine::words! {
    /// What was heard of a flag.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum SignalKind {
        /// An application asked what somebody gets.
        Evaluation = "evaluation",
        /// Somebody was served it, as the ledger keeps it.
        Exposure = "exposure",
        /// An outcome counted for it.
        Outcome = "outcome",
    }
}

/// Something was heard at a time (epoch ms).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub environment: EnvironmentKey,
    /// `None` for an answer about all flags.
    pub flag: Option<FlagKey>,
    pub kind: SignalKind,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Between which times (epoch ms) something was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub first_ms: i64,
    /// To a quarter of a minute; after so long it may be noted anew.
    pub last_ms: i64,
}

impl Signal {
    fn or(self, other: Self) -> Self {
        Self { first_ms: self.first_ms.min(other.first_ms), last_ms: self.last_ms.max(other.last_ms) }
    }
}

/// What was heard of one flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagSignals {
    /// It was asked for by itself.
    pub asked: Option<Signal>,
    /// Since it is there, all flags were asked for at once.
    pub asked_with_all: Option<Signal>,
    pub served: Option<Signal>,
    pub outcome: Option<Signal>,
}

/// The flag of answers about all flags; no flag has this key.
const ALL: &str = "";

type Row = (String, String, i64, i64);

impl Store {
    /// Notes what was heard. For the server's own writer: no proof, and no audit entry. Repeating it changes nothing.
    pub async fn note_signals(&self, heard: &[Heard]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        for it in heard {
            tx.execute(
                "INSERT INTO signals (environment, flag, kind, first_ms, last_ms) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (environment, flag, kind) DO UPDATE SET \
                 first_ms = CASE WHEN excluded.first_ms < signals.first_ms \
                 THEN excluded.first_ms ELSE signals.first_ms END, \
                 last_ms = CASE WHEN excluded.last_ms > signals.last_ms \
                 THEN excluded.last_ms ELSE signals.last_ms END",
                args![
                    it.environment.as_str(),
                    it.flag.as_ref().map_or(ALL, FlagKey::as_str),
                    it.kind.as_str(),
                    it.first_ms,
                    it.last_ms
                ],
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// What was heard of a flag in an environment. What the ledger still holds was served, also before this was noted.
    pub async fn signals_of_flag(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<FlagSignals, StoreError> {
        by.require_in(environment)?;
        let db = self.db();
        let rows: Vec<Row> = db
            .all(
                "SELECT flag, kind, first_ms, last_ms FROM signals WHERE environment = $1 AND flag IN ($2, '')",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        let found = |of: &str, kind: SignalKind| {
            let row = rows.iter().find(|(flag, word, ..)| flag == of && word == kind.as_str());
            row.map(|(_, _, first_ms, last_ms)| Signal { first_ms: *first_ms, last_ms: *last_ms })
        };
        let (first, last): (Option<i64>, Option<i64>) = db
            .one(
                "SELECT (SELECT MIN(first_ms) FROM exposures WHERE environment = $1 AND flag = $2), \
                 (SELECT MAX(first_ms) FROM exposures WHERE environment = $1 AND flag = $2)",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        let kept = first.zip(last).map(|(first_ms, last_ms)| Signal { first_ms, last_ms });
        let served =
            [found(flag.as_str(), SignalKind::Exposure), kept].into_iter().flatten().reduce(Signal::or);
        let asked_with_all = match found(ALL, SignalKind::Evaluation) {
            None => None,
            Some(all) => {
                let began: Option<(i64,)> = db
                    .optional(
                        "SELECT at_ms FROM versions WHERE object_kind = 'flag' AND object_key = $1 \
                         AND environment = '' AND version = 1",
                        args![flag.as_str()],
                    )
                    .await?;
                let began_ms = began.map_or(i64::MIN, |(at_ms,)| at_ms);
                let since = Signal { first_ms: all.first_ms.max(began_ms), ..all };
                (all.last_ms >= began_ms).then_some(since)
            }
        };
        Ok(FlagSignals {
            asked: found(flag.as_str(), SignalKind::Evaluation),
            asked_with_all,
            served,
            outcome: found(flag.as_str(), SignalKind::Outcome),
        })
    }

    /// When each flag that was asked for by itself, or served, was heard of last (epoch ms).
    pub async fn flags_heard_of(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<(String, i64)> = self
            .db()
            .all(
                "SELECT flag, MAX(last_ms) AS last_ms FROM signals WHERE environment = $1 AND flag <> '' GROUP BY flag",
                args![environment.as_str()],
            )
            .await?;
        Ok(rows.into_iter().collect())
    }
}
