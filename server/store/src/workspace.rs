//! What all copies of the server share beyond the objects: a secret to sign short-lived things with.

use std::{fmt, str::FromStr};

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    Store, StoreError, TokenHash,
    db::args,
    secret::{hex, new_secret},
};

/// Keeps this use of the secret apart from any other.
const STREAMS: &[u8] = b"fader event streams 1\0";

/// What the servers sign with; it does not show itself in logs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The text is not a hash: 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is written with 64 hexadecimal digits")]
pub struct InvalidHash;

/// 64 hexadecimal digits.
impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl FromStr for TokenHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        Self::parse(text).ok_or(InvalidHash)
    }
}

impl Store {
    /// What addresses of event streams are signed with, the same for all copies of the server. Who has it can sign those
    /// and nothing else: neither receipts, previews nor the audit log. The workspace's secret itself stays here:
    ///
    /// ```compile_fail,E0624
    /// async fn forge(store: &store::Store) -> Result<String, store::StoreError> {
    ///     store.workspace_secret().await
    /// }
    /// ```
    pub async fn stream_secret(&self) -> Result<String, StoreError> {
        let secret = self.workspace_secret().await?;
        let corrupt = |_| StoreError::CorruptRow { table: "workspace", id: "1".to_owned() };
        let key = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(corrupt)?;
        Ok(hex(&key.chain_update(STREAMS).finalize().into_bytes()))
    }

    /// 256 random bits as hexadecimal digits, the same for all copies of the server on this database; made when
    /// first asked for. Whoever reads it can sign what the servers believe, so it is never shown.
    pub(crate) async fn workspace_secret(&self) -> Result<String, StoreError> {
        if let Some(secret) = &self.live().state().secret {
            return Ok(secret.0.clone());
        }
        if let Some(secret) = self.find_workspace_secret().await? {
            return Ok(secret);
        }
        // Of two copies that start at the same time, one writes and both read what it wrote.
        self.db()
            .execute(
                "UPDATE workspace SET secret = $1 WHERE id = 1 AND secret IS NULL",
                args![&*new_secret()?],
            )
            .await?;
        let missing = StoreError::CorruptRow { table: "workspace", id: "1".to_owned() };
        self.find_workspace_secret().await?.ok_or(missing)
    }

    async fn find_workspace_secret(&self) -> Result<Option<String>, StoreError> {
        let (secret,) =
            self.db().one::<(Option<String>,)>("SELECT secret FROM workspace WHERE id = 1", args![]).await?;
        Ok(secret)
    }
}
