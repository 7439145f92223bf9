//! Where a chain ends: what is noted elsewhere, so that the log can be held against it later.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::TokenHash;

/// One entry of the chain: its last, when nothing else is said. Without gaps, `seq` is also how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditHead {
    /// 0 before the first entry.
    pub seq: u64,
    /// 64 hexadecimal digits; empty before the first entry.
    pub hash: String,
}

/// The text is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head is written SEQ:HASH, as `fader audit verify` prints it")]
pub struct InvalidAuditHead;

/// `17614:9f86d0…`
impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = InvalidAuditHead;

    fn from_str(text: &str) -> Result<Self, InvalidAuditHead> {
        let (seq, hash) = text.trim().split_once(':').ok_or(InvalidAuditHead)?;
        let seq = seq.parse().map_err(|_| InvalidAuditHead)?;
        let fits = if seq == 0 { hash.is_empty() } else { TokenHash::parse(hash).is_some() };
        if fits { Ok(Self { seq, hash: hash.to_ascii_lowercase() }) } else { Err(InvalidAuditHead) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_from_its_text() {
        for text in [format!("17614:{}", "9f".repeat(32)), "0:".to_owned()] {
            assert_eq!(text.parse::<AuditHead>().expect("a head").to_string(), text);
        }
        for bad in ["", "7", "7:", "7:9f", "0:9f", "-1:", &format!("x:{}", "9f".repeat(32))] {
            assert_eq!(bad.parse::<AuditHead>(), Err(InvalidAuditHead), "{bad}");
        }
    }
}
