//! Walking the chain from the first entry to the last.

use std::collections::HashMap;

use super::{
    AuditVerdict, BrokenChain,
    chain::{self, Sealed},
};
use crate::{
    Store, StoreError,
    db::{Tx, args},
    number,
};

const PAGE: i64 = 500;

#[derive(sqlx::FromRow)]
struct VersionRow {
    audit_seq: i64,
    object_kind: String,
    object_key: String,
    environment: String,
    version: i64,
    document: String,
}

impl Store {
    /// Checks every entry, its link to the one before and the versions it wrote, and names the first that is not as
    /// it was written.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let mut tx = self.db().begin_read().await?;
        let (head, head_hash): (i64, String) =
            tx.one("SELECT audit_seq, audit_hash FROM workspace WHERE id = 1", args![]).await?;
        let (mut last, mut hash) = (0, String::new());
        loop {
            let rows = page(&mut tx, last).await?;
            if rows.is_empty() {
                break;
            }
            let mut versions = versions(&mut tx, last, rows[rows.len() - 1].seq).await?;
            for row in rows {
                let lines = versions.remove(&row.seq).unwrap_or_default();
                if let Some(why) = fault(&row, last, &hash, lines) {
                    let seq = if why == BrokenChain::Missing { last + 1 } else { row.seq };
                    return Ok(AuditVerdict::Broken { seq: number(seq), why });
                }
                (last, hash) = (row.seq, row.hash);
            }
        }
        tx.rollback().await?;
        if last != head || hash != head_hash {
            return Ok(AuditVerdict::Broken { seq: number(last), why: BrokenChain::Truncated });
        }
        Ok(AuditVerdict::Intact { entries: number(last) })
    }
}

fn fault(row: &Sealed, last: i64, hash: &str, lines: Vec<String>) -> Option<BrokenChain> {
    if row.seq != last + 1 {
        return Some(BrokenChain::Missing);
    }
    if row.computed_hash() != row.hash {
        return Some(BrokenChain::Changed);
    }
    if row.previous_hash != hash {
        return Some(BrokenChain::Link);
    }
    (chain::versions_hash(lines) != row.versions_hash).then_some(BrokenChain::Versions)
}

async fn page(tx: &mut Tx, after: i64) -> Result<Vec<Sealed>, StoreError> {
    Ok(tx
        .all(
            "SELECT seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
             object_name, environment, sentence, changes, reason, request_id, address, version, document_before, \
             document_after, versions_hash, previous_hash, hash \
             FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
            args![after, PAGE],
        )
        .await?)
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
