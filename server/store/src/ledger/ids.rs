//! Event ids that were written lately: sending an event again does nothing, even after a restart.

use super::Delivery;
use crate::{
    Store, StoreError,
    db::{Tx, args},
    limits::EVENT_IDS_KEPT_MS,
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
    insert(tx, mark.into_iter().chain(ids), now_ms).await?;
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
    let hashes: Vec<u8> = ids.flat_map(|id| id.to_be_bytes()).collect();
    if !hashes.is_empty() {
        tx.execute("INSERT INTO event_ids (written_ms, hashes) VALUES ($1, $2)", args![now_ms, &hashes[..]])
            .await?;
    }
    Ok(())
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
