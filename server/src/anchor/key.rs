//! The key that signs checkpoints: a file with 64 hexadecimal digits, for its owner's eyes only.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use store::{TokenHash, hex};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the audit key cannot be read from {}: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("{} holds no audit key: it is one line of 64 hexadecimal digits, as `fader audit keygen` writes it", .0.display())]
    NotAKey(PathBuf),
    #[error("{} cannot be written: {error}; a key that is there already is never replaced", .file.display())]
    Write { file: PathBuf, error: io::Error },
    #[error("the operating system gives no random numbers")]
    NoEntropy,
}

/// Signs checkpoints.
pub struct AuditKey(pub(super) SigningKey);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl AuditKey {
    pub fn read(file: &Path) -> Result<Self, KeyError> {
        let text =
            fs::read_to_string(file).map_err(|error| KeyError::Read { file: file.to_owned(), error })?;
        warn_when_open(file);
        let bytes = bytes(text.trim()).ok_or_else(|| KeyError::NotAKey(file.to_owned()))?;
        Ok(Self(SigningKey::from_bytes(&bytes)))
    }

    /// Makes a new key in a new file that only its owner can read.
    pub fn generate(file: &Path) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| KeyError::NoEntropy)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || -> io::Result<()> {
            let mut opened = options.open(file)?;
            writeln!(opened, "{}", hex(&seed))?;
            opened.sync_all()
        };
        write().map_err(|error| KeyError::Write { file: file.to_owned(), error })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

/// A key in everybody's hands signs for everybody. Some ways to hand files to containers know no owner, so it is no error.
fn warn_when_open(file: &Path) {
    #[cfg(unix)]
    if let Ok(found) = fs::metadata(file)
        && std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0
    {
        tracing::warn!(file = %file.display(), "others than its owner can read the audit key; chmod 600 it");
    }
}

/// What checkpoints are checked with. Shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// The text is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key has 64 hexadecimal digits, as `fader audit keygen` prints them")]
pub struct InvalidPublicKey;

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let bytes = bytes(text.trim()).ok_or(InvalidPublicKey)?;
        // A key of small order would accept signatures that nobody made.
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(|key| Self(key.to_bytes())).ok_or(InvalidPublicKey)
    }
}

impl PublicKey {
    pub(super) fn has_signed(&self, text: &str, signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(text.as_bytes(), signature).is_ok())
    }
}

/// 32 bytes, written as a hash is.
fn bytes(text: &str) -> Option<[u8; 32]> {
    text.parse::<TokenHash>().ok().map(TokenHash::into_bytes)
}
