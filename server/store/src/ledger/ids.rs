//! Event ids that were written lately: sending an event again does nothing, even after a restart.

use super::Delivery;
use crate::{
    Store, StoreError,
    db::{Tx, args},
    limits::EVENT_IDS_KEPT_MS,
    signed,
};

/// Eight bytes.
type Packed = [u8; size_of::<u64>()];

/// The ids of a batch, after its own mark.
pub(super) async fn write(
    tx: &mut Tx,
    mark: Option<&u64>,
    deliveries: &[Delivery],
    now_ms: i64,
) -> Result<(), StoreError> {
    let ids = deliveries.iter().flat_map(|delivery| &delivery.ids);
    insert_of(tx, mark.map(|mark| writer_of(*mark)), mark.into_iter().chain(ids), now_ms).await?;
    tx.execute("DELETE FROM event_ids WHERE written_ms < $1", args![now_ms - EVENT_IDS_KEPT_MS]).await?;
    Ok(())
}

/// Whether the batch with this mark was written; asked only where the answer to its commit was lost.
pub(super) async fn is_written(tx: &mut Tx, mark: u64) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM event_ids WHERE substr(hashes, 1, 8) = $1";
    let (rows,): (i64,) = tx.one(sql, args![&mark.to_be_bytes()[..]]).await?;
    Ok(rows > 0)
}

/// Remembers ids with what they came with, in the same transaction.
pub(crate) async fn insert(
    tx: &mut Tx,
    ids: impl Iterator<Item = &u64>,
    now_ms: i64,
) -> Result<(), StoreError> {
    insert_of(tx, None, ids, now_ms).await
}

async fn insert_of(
    tx: &mut Tx,
    writer: Option<i64>,
    ids: impl Iterator<Item = &u64>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let hashes: Vec<u8> = ids.flat_map(|id| id.to_be_bytes()).collect();
    if !hashes.is_empty() {
        let sql = "INSERT INTO event_ids (written_ms, hashes, writer) VALUES ($1, $2, $3)";
        tx.execute(sql, args![now_ms, &hashes[..], writer]).await?;
    }
    Ok(())
}

/// Which copy of the server a batch is of: the upper half of its mark.
pub(super) fn writer_of(mark: u64) -> i64 {
    signed(mark >> u32::BITS)
}

impl Store {
    /// The hashes of event ids written within the last [`EVENT_IDS_KEPT_MS`], the oldest first.
    pub async fn recent_event_ids(&self) -> Result<Vec<u64>, StoreError> {
        let since = self.database_now_ms().await? - EVENT_IDS_KEPT_MS;
        let rows: Vec<(Vec<u8>,)> = self
            .db()
            .all("SELECT hashes FROM event_ids WHERE written_ms >= $1 ORDER BY written_ms, id", args![since])
            .await?;
        let hashes = |(row,): &(Vec<u8>,)| {
            let (packed, _rest) = row.as_chunks::<{ size_of::<Packed>() }>();
            packed.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect::<Vec<_>>()
        };
        Ok(rows.iter().flat_map(hashes).collect())
    }
}
