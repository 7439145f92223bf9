//! Receipts: each decision that is answered to a browser carries a short proof of it, which comes back with the events.
//! What anybody could have made up is told apart from what was really served, without a database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::Arm;
use hmac::{Hmac, Mac, digest::Key};
use sha2::Sha256;

use crate::{Store, StoreError, clock::DAY_MS};

/// Keeps this use of the workspace's secret apart from any other.
const PURPOSE: &[u8] = b"fader receipt 2\0";
/// 128 bits: nobody tries that many.
const MAC_BYTES: usize = 16;
/// As URL-safe base64.
const MAC_TEXT_BYTES: usize = 22;
/// A receipt holds until the end of so many days after the one it was given on.
const DAYS: i64 = 2;

/// What was decided, for whom: everything that an event can say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    pub environment: &'a str,
    pub subject: &'a str,
    pub revision: u64,
    pub proof: Proof<'a>,
}

/// What was decided about one flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof<'a> {
    pub flag: &'a str,
    pub variant: &'a str,
    pub rule: Option<&'a str>,
    pub arm: Option<Arm>,
}

/// Signs and checks receipts: the same on all copies of the server.
#[derive(Clone)]
pub struct ReceiptKey(Hmac<Sha256>);

impl std::fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptKey(…)")
    }
}

impl ReceiptKey {
    fn new(workspace_secret: &str) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::CorruptRow { table: "workspace", id: "1".to_owned() };
        let root = Hmac::<Sha256>::new_from_slice(workspace_secret.as_bytes()).map_err(corrupt)?;
        let key = root.chain_update(PURPOSE).finalize().into_bytes();
        Ok(Self(Hmac::<Sha256>::new_from_slice(&key).map_err(corrupt)?))
    }

    /// The first UTC day (since 1970) on which a receipt of now holds no more: the same all day long, so that what is
    /// answered stays the same as well. At least 24 hours ahead.
    pub const fn until_day(now_ms: i64) -> i64 {
        now_ms.div_euclid(DAY_MS).saturating_add(DAYS)
    }

    /// What proves decisions for one subject under one revision, today.
    pub fn of_subject(
        &self,
        environment: &str,
        subject: &str,
        revision: u64,
        now_ms: i64,
    ) -> SubjectReceipts {
        self.until(Self::until_day(now_ms), environment, subject, revision)
    }

    fn until(&self, until_day: i64, environment: &str, subject: &str, revision: u64) -> SubjectReceipts {
        let mut mac = self.0.clone();
        mac.update(&until_day.to_le_bytes());
        mac.update(&revision.to_le_bytes());
        update(&mut mac, environment);
        update(&mut mac, subject);
        // A key is as long as a block; a shorter one ends with zeros.
        let mut key = Key::<Hmac<Sha256>>::default();
        for (byte, from) in key.iter_mut().zip(mac.finalize().into_bytes()) {
            *byte = from;
        }
        SubjectReceipts { mac: <Hmac<Sha256> as Mac>::new(&key), until_day }
    }

    /// `{until day}.{proof}`: 28 characters.
    pub fn sign(&self, claim: &Claim<'_>, now_ms: i64) -> String {
        let Claim { environment, subject, revision, proof } = *claim;
        let receipts = self.of_subject(environment, subject, revision, now_ms);
        let mut receipt = Vec::with_capacity(28);
        receipts.write(&proof, &mut receipt);
        String::from_utf8_lossy(&receipt).into_owned()
    }

    /// Whether we decided that, a short while ago.
    pub fn proves(&self, receipt: &str, claim: &Claim<'_>, now_ms: i64) -> bool {
        let Some((until_day, proof)) = receipt.split_once('.') else { return false };
        let Ok(until_day) = until_day.parse::<i64>() else { return false };
        if now_ms.div_euclid(DAY_MS) >= until_day {
            return false;
        }
        let mut mac = [0; MAC_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(proof, &mut mac) {
            // Compared in constant time.
            Ok(MAC_BYTES) => {
                let receipts = self.until(until_day, claim.environment, claim.subject, claim.revision);
                receipts.mac(&claim.proof).verify_truncated_left(&mac).is_ok()
            }
            Ok(_) | Err(_) => false,
        }
    }
}

/// Signs what one subject is served: what all flags of one answer have in common is hashed once.
#[derive(Clone)]
pub struct SubjectReceipts {
    mac: Hmac<Sha256>,
    until_day: i64,
}

impl SubjectReceipts {
    /// Appends the receipt of one decision.
    pub fn write(&self, proof: &Proof<'_>, out: &mut Vec<u8>) {
        let mac = self.mac(proof).finalize().into_bytes();
        let mut text = [0; MAC_TEXT_BYTES];
        // As long as the text of so many bytes is.
        let length = URL_SAFE_NO_PAD.encode_slice(&mac[..MAC_BYTES], &mut text).unwrap_or(0);
        out.extend_from_slice(itoa::Buffer::new().format(self.until_day).as_bytes());
        out.push(b'.');
        out.extend_from_slice(&text[..length]);
    }

    /// Every text with its length in front, so that no two are written alike; short enough for one block of the hash.
    fn mac(&self, proof: &Proof<'_>) -> Hmac<Sha256> {
        let Proof { flag, variant, rule, arm } = *proof;
        let mut mac = self.mac.clone();
        let arm: u8 = match arm {
            None => 0,
            Some(Arm::Treatment) => 1,
            Some(Arm::Control) => 2,
        };
        mac.update(&[arm, u8::from(rule.is_some())]);
        for text in [flag, variant, rule.unwrap_or_default()] {
            update(&mut mac, text);
        }
        mac
    }
}

fn update(mac: &mut Hmac<Sha256>, text: &str) {
    mac.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    mac.update(text.as_bytes());
}

impl Store {
    /// What receipts are signed with; it never changes, so it is asked for once.
    pub async fn receipt_key(&self) -> Result<ReceiptKey, StoreError> {
        ReceiptKey::new(&self.workspace_secret().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn claim() -> Claim<'static> {
        Claim { environment: "production", subject: "ada", revision: 7, proof: proof() }
    }

    fn proof() -> Proof<'static> {
        Proof { flag: "pay", variant: "on", rule: Some("everyone"), arm: Some(Arm::Treatment) }
    }

    fn key() -> ReceiptKey {
        ReceiptKey::new("a secret").expect("a key")
    }

    #[test]
    fn a_receipt_proves_what_was_decided_and_nothing_else() {
        let key = key();
        let receipt = key.sign(&claim(), NOW_MS);
        assert!(key.proves(&receipt, &claim(), NOW_MS) && receipt.len() == 28, "{receipt}");
        assert!(!ReceiptKey::new("another").expect("a key").proves(&receipt, &claim(), NOW_MS));
        for other in [
            Claim { environment: "staging", ..claim() },
            Claim { subject: "eve", ..claim() },
            Claim { proof: Proof { flag: "search", ..proof() }, ..claim() },
            Claim { proof: Proof { variant: "off", ..proof() }, ..claim() },
            Claim { proof: Proof { rule: Some("vips"), ..proof() }, ..claim() },
            Claim { proof: Proof { rule: None, ..proof() }, ..claim() },
            Claim { proof: Proof { rule: Some(""), ..proof() }, ..claim() },
            Claim { proof: Proof { arm: Some(Arm::Control), ..proof() }, ..claim() },
            Claim { proof: Proof { arm: None, ..proof() }, ..claim() },
            Claim { revision: 8, ..claim() },
            Claim { subject: "adap", proof: Proof { flag: "ay", ..proof() }, ..claim() },
            Claim { proof: Proof { flag: "payo", variant: "n", ..proof() }, ..claim() },
        ] {
            assert!(!key.proves(&receipt, &other, NOW_MS), "{other:?}");
        }
    }

    #[test]
    fn it_holds_for_a_day_at_least_and_two_at_most() {
        let key = key();
        let midnight_ms = NOW_MS.div_euclid(DAY_MS) * DAY_MS;
        for given_ms in [midnight_ms, midnight_ms + DAY_MS - 1] {
            let receipt = key.sign(&claim(), given_ms);
            assert_eq!(receipt, key.sign(&claim(), midnight_ms), "the same all day");
            assert!(key.proves(&receipt, &claim(), given_ms + DAY_MS));
            assert!(!key.proves(&receipt, &claim(), midnight_ms + 2 * DAY_MS));
        }
    }

    #[test]
    fn a_forged_receipt_proves_nothing() {
        let key = key();
        let receipt = key.sign(&claim(), NOW_MS);
        for at in 0..receipt.len() {
            let mut forged = receipt.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert!(!key.proves(&forged, &claim(), NOW_MS), "character {at}");
        }
        let (day, proof) = receipt.split_once('.').expect("two parts");
        let later = format!("{}.{proof}", ReceiptKey::until_day(NOW_MS) + 1);
        let long = "x".repeat(9000);
        for bad in ["", ".", day, proof, &later, &receipt[..receipt.len() - 2], &format!("{receipt}A"), &long]
        {
            assert!(!key.proves(bad, &claim(), NOW_MS), "{bad}");
        }
    }
}
