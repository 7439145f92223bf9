//! What this door signs and reads with.

use store::{PreviewKey, ReceiptKey, Store, StoreError};

use super::{compressed::Compressed, ticket::TicketKey};

/// What is signed and read with, all of it made of the workspace's secret, and what was signed with it and is kept.
pub struct Keys {
    pub tickets: TicketKey,
    pub previews: PreviewKey,
    pub receipts: ReceiptKey,
    pub compressed: Compressed,
}

impl Keys {
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let tickets = TicketKey::new(&store.workspace_secret().await?);
        let tickets =
            tickets.map_err(|_| StoreError::CorruptRow { table: "workspace", id: "1".to_owned() })?;
        let (previews, receipts) = (store.preview_key().await?, store.receipt_key().await?);
        Ok(Self { tickets, previews, receipts, compressed: Compressed::default() })
    }
}
