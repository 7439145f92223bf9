//! Objects with versions: reading them, and saying what others changed when two people edited at once.

use engine::Change;
use serde::de::DeserializeOwned;

use crate::{
    Conflict, StoreError,
    change::Work,
    db::{Arg, Tx, args},
    number,
};

/// A definition with its version and who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    pub value: T,
    /// 1, 2, 3…; handed back when saving.
    pub version: u64,
    pub changed_ms: i64,
    pub changed_by: String,
    /// The audit entry that made it.
    pub seq: u64,
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(crate) struct VersionedRow {
    pub(crate) document: String,
    pub(crate) version: i64,
    pub(crate) changed_ms: i64,
    pub(crate) changed_by: String,
    pub(crate) audit_seq: i64,
}

impl VersionedRow {
    pub(crate) fn parse<T: DeserializeOwned>(
        self,
        table: &'static str,
        id: &str,
    ) -> Result<Versioned<T>, StoreError> {
        let value = parse(table, id, &self.document)?;
        Ok(self.of(value))
    }

    /// What the row says of `value`, which was read out of its document.
    pub(crate) fn of<T>(self, value: T) -> Versioned<T> {
        Versioned {
            value,
            version: number(self.version),
            changed_ms: self.changed_ms,
            changed_by: self.changed_by,
            seq: number(self.audit_seq),
        }
    }
}

pub(crate) fn parse<T: DeserializeOwned>(
    table: &'static str,
    id: &str,
    document: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(document).map_err(|_| StoreError::CorruptRow { table, id: id.to_owned() })
}

/// Which line of `versions` an object has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionKey<'a> {
    pub(crate) kind: &'static str,
    pub(crate) key: &'a str,
    pub(crate) environment: &'a str,
}

impl VersionKey<'_> {
    /// The document at one version.
    pub(crate) async fn document(&self, tx: &mut Tx, version: i64) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = tx
            .optional(
                "SELECT document FROM versions \
                 WHERE object_kind = $1 AND object_key = $2 AND environment = $3 AND version = $4",
                args![self.kind, self.key, self.environment, version],
            )
            .await?;
        Ok(row.map(|(document,)| document))
    }
}

impl Work<'_> {
    /// Refuses a change made on an older version than the current one, with what the others changed.
    pub(crate) async fn check_version<T: DeserializeOwned>(
        &mut self,
        line: VersionKey<'_>,
        expected: u64,
        current: &Versioned<T>,
        changes: impl FnOnce(&T, &T) -> Vec<Change>,
    ) -> Result<(), StoreError> {
        if expected == current.version {
            return Ok(());
        }
        let read = match line.document(&mut self.tx, crate::signed(expected)).await? {
            Some(document) => Some(parse::<T>("versions", line.key, &document)?),
            None => None,
        };
        Err(Conflict {
            expected,
            current: current.version,
            by: current.changed_by.clone(),
            at_ms: current.changed_ms,
            changes: read.map(|read| changes(&read, &current.value)).unwrap_or_default(),
        }
        .into())
    }

    /// Reads the row of an object under the lock.
    pub(crate) async fn read<T: DeserializeOwned>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        table: &'static str,
        id: &str,
    ) -> Result<Option<Versioned<T>>, StoreError> {
        let row: Option<VersionedRow> = self.tx.optional(sql, args).await?;
        row.map(|row| row.parse(table, id)).transpose()
    }
}
