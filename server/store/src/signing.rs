//! Texts that we signed: what a link says, until when. Reading one asks no database; it is the same on all copies of the
//! server, because all of them know the workspace's secret.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::StoreError;

/// Longer texts are none of ours.
const TOKEN_BYTES_MAX: usize = 2048;

/// Signs and reads texts for one purpose.
#[derive(Clone)]
pub(crate) struct SigningKey {
    mac: Hmac<Sha256>,
    purpose: &'static str,
}

impl SigningKey {
    /// `purpose` keeps this use of the workspace's secret apart from any other.
    pub(crate) fn new(workspace_secret: &str, purpose: &'static str) -> Result<Self, StoreError> {
        let mac = Hmac::<Sha256>::new_from_slice(workspace_secret.as_bytes());
        let mut mac = mac.map_err(|_| StoreError::CorruptRow { table: "workspace", id: "1".to_owned() })?;
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        Ok(Self { mac, purpose })
    }

    /// `{until_ms}.{what}.{signature}`: letters, digits, `.`, `-` and `_`. Whoever passes it on reads from the first
    /// part how long it is worth keeping.
    pub(crate) fn sign(&self, until_ms: i64, what: &impl Serialize) -> Result<String, StoreError> {
        let what = crate::to_json(self.purpose, what)?;
        let payload = format!("{until_ms}.{}", URL_SAFE_NO_PAD.encode(what));
        let mac = self.mac.clone().chain_update(&payload).finalize().into_bytes();
        Ok(format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Until when the text holds (epoch ms, exclusive) and what it says, when we signed it and it still holds.
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str, now_ms: i64) -> Option<(i64, T)> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (payload, mac) = token.rsplit_once('.')?;
        self.mac.clone().chain_update(payload).verify_slice(&URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
        let (until_ms, what) = payload.split_once('.')?;
        let until_ms = until_ms.parse().ok().filter(|until| now_ms < *until)?;
        let what = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(what).ok()?).ok()?;
        Some((until_ms, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(secret, "test 1").expect("a key")
    }

    #[test]
    fn a_text_says_what_was_signed_until_it_ends() {
        let token = key("a secret").sign(1000, &("a", 1)).expect("a token");
        assert!(token.starts_with("1000."), "{token}");
        assert_eq!(key("a secret").verify(&token, 999), Some((1000, ("a".to_owned(), 1))));
        assert_eq!(key("a secret").verify::<(String, i32)>(&token, 1000), None);
    }

    #[test]
    fn only_what_we_signed_for_this_purpose_is_read() {
        let token = key("a secret").sign(1000, &("a", 1)).expect("a token");
        let read = |key: &SigningKey, token: &str| key.verify::<(String, i32)>(token, 0);
        let other = SigningKey::new("a secret", "test 2").expect("a key");
        assert_eq!((read(&key("another"), &token), read(&other, &token)), (None, None));
        for at in 0..token.len() - 1 {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                read(&key("a secret"), &String::from_utf8(forged).expect("ASCII")),
                None,
                "character {at}"
            );
        }
        let (payload, _) = token.rsplit_once('.').expect("a signature");
        for bad in
            ["", ".", "..", "x", payload, &format!("{payload}."), &format!("9{token}"), &"x".repeat(9000)]
        {
            assert_eq!(read(&key("a secret"), bad), None, "{bad}");
        }
    }
}
