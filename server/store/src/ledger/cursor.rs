//! Where a page of the ledger ended, as a text that only this module reads.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::line::LedgerLine;
use crate::secret::{hex, unhex};

/// Longer texts are no cursors: a key has at most 256 bytes, each at most 6 characters of JSON.
const CURSOR_CHARS_MAX: usize = 8000;

/// The last line of a page. Opaque: it is written and read as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureCursor {
    pub(super) first_ms: i64,
    pub(super) subject: String,
    pub(super) variant: String,
    pub(super) revision: i64,
    pub(super) rule: String,
    pub(super) arm: String,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this cursor was not given out here; begin again without one")]
pub struct InvalidCursor;

impl From<&LedgerLine> for ExposureCursor {
    fn from(line: &LedgerLine) -> Self {
        Self {
            first_ms: line.first_ms,
            subject: line.subject.clone(),
            variant: line.variant.clone(),
            revision: line.revision,
            rule: line.rule.clone(),
            arm: line.arm.clone(),
        }
    }
}

impl fmt::Display for ExposureCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&hex(&json))
    }
}

impl FromStr for ExposureCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > CURSOR_CHARS_MAX {
            return Err(InvalidCursor);
        }
        let json = unhex(text).ok_or(InvalidCursor)?;
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| InvalidCursor)?;
        // PostgreSQL refuses NUL in texts.
        let texts = [&cursor.subject, &cursor.variant, &cursor.rule, &cursor.arm];
        if texts.iter().any(|text| text.contains('\0')) { Err(InvalidCursor) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = ExposureCursor {
            first_ms: 5,
            subject: "Zoë \"Z\"".into(),
            variant: "on".into(),
            revision: 7,
            rule: String::new(),
            arm: "control".into(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let nul = ExposureCursor { subject: "a\0".into(), ..cursor };
        for bad in ["", "0", "zz", "7b7d", "é", &"00".repeat(5000), &nul.to_string()] {
            assert_eq!(bad.parse::<ExposureCursor>(), Err(InvalidCursor), "{bad}");
        }
    }
}
