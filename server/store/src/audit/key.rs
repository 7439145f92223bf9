//! What entries are hashed with. Whoever can write rows but has not the secret cannot make an entry that verifies.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{
    Invalid,
    limits::AUDIT_SECRET_CHARS_MIN,
    secret::{hex, sha256_hex},
};

/// Keeps this use of a secret apart from any other.
const PURPOSE: &[u8] = b"fader audit log";

/// With what an entry is hashed. The order is the order of trust: within a chain it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    /// SHA-256 of the line: everybody can compute it.
    Plain,
    /// HMAC-SHA256 of the line under a key that is made from the workspace's secret, which is in the database.
    Workspace,
    /// The same from a secret outside the database.
    Outside,
}

impl Format {
    pub(crate) fn of(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Plain),
            2 => Some(Self::Workspace),
            3 => Some(Self::Outside),
            _ => None,
        }
    }

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Plain => 1,
            Self::Workspace => 2,
            Self::Outside => 3,
        }
    }
}

/// The secret of the audit log that lives outside the database.
#[derive(Clone)]
pub struct AuditSecret(String);

impl fmt::Debug for AuditSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSecret(…)")
    }
}

impl AuditSecret {
    /// The text of a file; blanks and line ends around it belong to the editor.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.chars().count() < AUDIT_SECRET_CHARS_MIN {
            return Err(Invalid::AuditSecretTooShort);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What this process can hash with.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    workspace: Option<Hmac<Sha256>>,
    outside: Option<Hmac<Sha256>>,
}

impl Keys {
    pub(crate) fn new(workspace_secret: Option<String>, outside: Option<&AuditSecret>) -> Self {
        Self {
            workspace: workspace_secret.and_then(|secret| derived(&secret)),
            outside: outside.and_then(|secret| derived(&secret.0)),
        }
    }

    /// What new entries are hashed with.
    pub(crate) fn best(&self) -> Format {
        match (&self.outside, &self.workspace) {
            (Some(_), _) => Format::Outside,
            (None, Some(_)) => Format::Workspace,
            (None, None) => Format::Plain,
        }
    }

    /// `None` without the key.
    pub(crate) fn hash(&self, format: Format, line: &str) -> Option<String> {
        let key = match format {
            Format::Plain => return Some(sha256_hex(line)),
            Format::Workspace => self.workspace.as_ref()?,
            Format::Outside => self.outside.as_ref()?,
        };
        Some(hex(&key.clone().chain_update(line).finalize().into_bytes()))
    }
}

/// The key is the HMAC-SHA256 of the purpose under the secret.
fn derived(secret: &str) -> Option<Hmac<Sha256>> {
    // A key of any length makes an HMAC.
    let key = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?.chain_update(PURPOSE).finalize();
    Hmac::new_from_slice(&key.into_bytes()).ok()
}
