//! Reads the people that changed since the state in memory was read.

use std::{collections::HashSet, sync::Arc};

use super::People;
use crate::{
    StoreError,
    db::{Tx, args},
    secret::sha256_hex,
};

#[derive(sqlx::FromRow)]
struct Row {
    subject: String,
    traits: String,
}

pub(crate) async fn load(
    tx: &mut Tx,
    current: &People,
    since: i64,
    report: &mut (dyn FnMut(&str, &str) + Send),
) -> Result<People, StoreError> {
    let mut changes = erased(tx, current, since).await?;
    let rows: Vec<Row> =
        tx.all("SELECT subject, traits FROM people WHERE audit_seq > $1", args![since]).await?;
    changes.reserve(rows.len());
    for Row { subject, traits } in rows {
        let read = serde_json::from_str(&traits).inspect_err(|_| report("people", &subject)).ok();
        changes.push((subject.into(), read.map(Arc::new)));
    }
    Ok(if changes.is_empty() { current.clone() } else { current.with(changes) })
}

type Changes = Vec<(Arc<str>, Option<Arc<engine::Attributes>>)>;

/// Who was erased: the database keeps hashes only, so everybody in memory is compared. That takes a fraction of a
/// second for a million people, and erasing is rare.
async fn erased(tx: &mut Tx, current: &People, since: i64) -> Result<Changes, StoreError> {
    if current.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String,)> =
        tx.all("SELECT subject_hash FROM erased_people WHERE audit_seq > $1", args![since]).await?;
    let hashes: HashSet<_> = rows.into_iter().map(|(hash,)| hash).collect();
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let gone = current.iter().filter(|(subject, _)| hashes.contains(&sha256_hex(subject)));
    Ok(gone.map(|(subject, _)| (subject.into(), None)).collect())
}
