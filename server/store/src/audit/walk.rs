//! Walking the chain piece by piece, each in a transaction of its own: entries are only ever added, so a walk can stop
//! at any entry and go on from there, however long after.

use std::collections::HashMap;

use super::{
    AuditHead, AuditSecret, BrokenChain,
    chain::{self, Sealed},
    key::{Format, Keys},
};
use crate::{
    Invalid, Store, StoreError,
    db::{Db, Tx, args},
    number, signed,
};

/// Entries that are read at once.
const PIECE: i64 = 500;

/// How far the chain is walked.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    seq: i64,
    hash: String,
    format: Format,
    /// The first entry that is keyed.
    keyed_from: Option<i64>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { seq: 0, hash: String::new(), format: Format::Plain, keyed_from: None }
    }
}

/// What a piece brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There are more entries.
    More,
    /// The head is reached.
    End,
    Broken {
        seq: u64,
        why: BrokenChain,
    },
}

/// Hashes that were noted elsewhere, by sequence.
#[derive(Debug, Default)]
pub(super) struct Anchors(HashMap<u64, Vec<String>>);

impl Anchors {
    pub(super) fn new(heads: &[AuditHead]) -> Self {
        let mut anchors: HashMap<u64, Vec<String>> = HashMap::new();
        for head in heads.iter().filter(|head| head.seq > 0) {
            anchors.entry(head.seq).or_default().push(head.hash.clone());
        }
        Self(anchors)
    }

    fn allow(&self, seq: u64, hash: &str) -> bool {
        self.0.get(&seq).is_none_or(|noted| noted.iter().all(|noted| noted == hash))
    }

    fn first_after(&self, seq: u64) -> Option<u64> {
        self.0.keys().copied().filter(|noted| *noted > seq).min()
    }
}

impl Walk {
    pub(super) fn head(&self) -> AuditHead {
        AuditHead { seq: number(self.seq), hash: self.hash.clone() }
    }

    pub(super) fn keyed_from(&self) -> Option<u64> {
        self.keyed_from.map(number)
    }

    /// Checks the next entries, their links, their keys and the versions they wrote.
    pub(super) async fn step(
        &mut self,
        tx: &mut Tx,
        keys: &Keys,
        anchors: &Anchors,
    ) -> Result<Step, StoreError> {
        let (head, head_hash): (i64, String) =
            tx.one("SELECT audit_seq, audit_hash FROM workspace WHERE id = 1", args![]).await?;
        let rows = piece(tx, self.seq).await?;
        let Some(last) = rows.last().map(|row| row.seq) else {
            return Ok(self.end(head, &head_hash, anchors));
        };
        let mut versions = versions(tx, self.seq, last).await?;
        let full = rows.len() >= usize::try_from(PIECE).unwrap_or(usize::MAX);
        for row in rows {
            let lines = versions.remove(&row.seq).unwrap_or_default();
            if let Some(why) = self.fault(&row, lines, keys, anchors)? {
                let seq = if why == BrokenChain::Missing { self.seq + 1 } else { row.seq };
                return Ok(Step::Broken { seq: number(seq), why });
            }
            self.format = row.format().unwrap_or(self.format);
            if self.format > Format::Plain {
                self.keyed_from.get_or_insert(row.seq);
            }
            (self.seq, self.hash) = (row.seq, row.hash);
        }
        Ok(if full { Step::More } else { self.end(head, &head_hash, anchors) })
    }

    fn end(&self, head: i64, head_hash: &str, anchors: &Anchors) -> Step {
        if self.seq != head || self.hash != head_hash {
            return Step::Broken { seq: number(self.seq.min(head)), why: BrokenChain::Truncated };
        }
        match anchors.first_after(number(self.seq)) {
            Some(seq) => Step::Broken { seq, why: BrokenChain::CutOff },
            None => Step::End,
        }
    }

    fn fault(
        &self,
        row: &Sealed,
        lines: Vec<String>,
        keys: &Keys,
        anchors: &Anchors,
    ) -> Result<Option<BrokenChain>, StoreError> {
        if row.seq != self.seq + 1 {
            return Ok(Some(BrokenChain::Missing));
        }
        let Some(format) = row.format().filter(|format| *format >= self.format) else {
            return Ok(Some(BrokenChain::Weaker));
        };
        let computed = match row.computed_hash(keys) {
            Some(hash) => hash,
            None if format == Format::Outside => return Err(Invalid::AuditSecretMissing.into()),
            // Without the workspace's secret, somebody took it away.
            None => return Ok(Some(BrokenChain::Changed)),
        };
        if computed != row.hash {
            return Ok(Some(BrokenChain::Changed));
        }
        if row.previous_hash != self.hash {
            return Ok(Some(BrokenChain::Link));
        }
        if !anchors.allow(number(row.seq), &row.hash) {
            return Ok(Some(BrokenChain::Rewritten));
        }
        Ok((chain::versions_hash(lines) != row.versions_hash).then_some(BrokenChain::Versions))
    }
}

impl Store {
    /// What this process can check entries with.
    pub(super) async fn audit_keys(&self) -> Result<Keys, StoreError> {
        keys_of(&self.db(), self.0.audit_secret.as_ref()).await
    }
}

/// What entries of this database can be checked with.
pub(super) async fn keys_of(db: &Db, outside: Option<&AuditSecret>) -> Result<Keys, StoreError> {
    let sql = "SELECT secret FROM workspace WHERE id = 1";
    let (secret,): (Option<String>,) = db.one(sql, args![]).await?;
    Ok(Keys::new(secret, outside))
}

macro_rules! sealed {
    ($rest:literal) => {
        concat!(
            "SELECT seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
             object_name, environment, sentence, changes, reason, request_id, address, version, document_before, \
             document_after, versions_hash, previous_hash, hash, format FROM audit ",
            $rest
        )
    };
}

async fn piece(tx: &mut Tx, after: i64) -> Result<Vec<Sealed>, StoreError> {
    Ok(tx.all(sealed!("WHERE seq > $1 ORDER BY seq LIMIT $2"), args![after, PIECE]).await?)
}

/// The last entry there is.
pub(super) async fn last(tx: &mut Tx) -> Result<Option<Sealed>, StoreError> {
    Ok(tx.optional(sealed!("ORDER BY seq DESC LIMIT 1"), args![]).await?)
}

#[derive(sqlx_macros::FromRow)]
struct VersionRow {
    audit_seq: i64,
    object_kind: String,
    object_key: String,
    environment: String,
    version: i64,
    document: String,
}

/// The lines of the versions that the entries after `after` and up to `until` wrote.
async fn versions(tx: &mut Tx, after: i64, until: i64) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let rows: Vec<VersionRow> = tx
        .all(
            "SELECT audit_seq, object_kind, object_key, environment, version, document \
             FROM versions WHERE audit_seq > $1 AND audit_seq <= $2",
            args![after, until],
        )
        .await?;
    let mut lines: HashMap<i64, Vec<String>> = HashMap::new();
    for row in rows {
        let line = chain::version_line(
            &row.object_kind,
            &row.object_key,
            &row.environment,
            row.version,
            &row.document,
        );
        lines.entry(row.audit_seq).or_default().push(line);
    }
    Ok(lines)
}

/// The first version that belongs to no entry: the walk would never meet it.
pub(super) async fn stray_version(tx: &mut Tx) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT versions.audit_seq FROM versions, workspace \
               WHERE versions.audit_seq > workspace.audit_seq OR versions.audit_seq < $1 LIMIT 1";
    let row: Option<(i64,)> = tx.optional(sql, args![signed(1)]).await?;
    Ok(row.map(|(seq,)| seq))
}
