//! Reads the people that changed since the state in memory was read.

use std::{collections::HashSet, sync::Arc};

use serde::{Serialize, Serializer};

use super::People;
use crate::{
    StoreError,
    db::{Tx, args},
    secret::sha256_hex,
};

#[derive(Debug, sqlx_macros::FromRow)]
struct Row {
    subject: String,
    traits: String,
}

/// Who changed, and the hashes of who was erased.
#[derive(Debug)]
pub(crate) struct Rows {
    changed: Vec<Row>,
    erased: HashSet<String>,
}

pub(crate) async fn rows(tx: &mut Tx, current: &People, since: i64) -> Result<Rows, StoreError> {
    let changed = tx.all("SELECT subject, traits FROM people WHERE audit_seq > $1", args![since]).await?;
    let erased: Vec<(String,)> = if current.is_empty() {
        Vec::new()
    } else {
        tx.all("SELECT subject_hash FROM erased_people WHERE audit_seq > $1", args![since]).await?
    };
    Ok(Rows { changed, erased: erased.into_iter().map(|(hash,)| hash).collect() })
}

impl People {
    /// Who was erased is known by hash only, so everybody in memory is compared. That takes a fraction of a second for a
    /// million people, and erasing is rare.
    pub(crate) fn with_rows(&self, rows: Rows, report: &mut dyn FnMut(&str, &str)) -> Self {
        let mut changes: Vec<(Arc<str>, Option<Arc<engine::Attributes>>)> = Vec::new();
        if !rows.erased.is_empty() {
            let gone = self.iter().filter(|(subject, _)| rows.erased.contains(&sha256_hex(subject)));
            changes.extend(gone.map(|(subject, _)| (subject.into(), None)));
        }
        changes.reserve(rows.changed.len());
        for Row { subject, traits } in rows.changed {
            let read = serde_json::from_str(&traits).inspect_err(|_| report("people", &subject)).ok();
            changes.push((subject.into(), read.map(Arc::new)));
        }
        if changes.is_empty() { self.clone() } else { self.with(changes) }
    }

    /// Everybody as [`People`] writes them.
    pub(crate) fn of(everybody: Vec<(Arc<str>, engine::Attributes)>) -> Self {
        let known = |(subject, traits)| (subject, Some(Arc::new(traits)));
        Self::default().with(everybody.into_iter().map(known).collect())
    }
}

/// A list of pairs: the key and the traits.
impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
