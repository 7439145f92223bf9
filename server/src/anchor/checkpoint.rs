//! Signed heads of the audit log, one a line of JSON. Signed is the text `fader-checkpoint-1`, sequence, hash, count and
//! time in epoch milliseconds, each on a line of its own, without one at the end.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
};

use ed25519_dalek::{Signature, Signer as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{AuditHead, hex};

use super::key::{AuditKey, PublicKey};

/// A line longer than this is none of ours.
const LINE_BYTES_MAX: u64 = 4096;

/// The head of an audit log at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub seq: u64,
    pub hash: String,
    /// Entries up to this one.
    pub count: u64,
    pub at_ms: i64,
    pub public_key: String,
    pub signature: String,
}

/// What is wrong with a file of checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("the checkpoints cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("line {0} is no checkpoint")]
    Unreadable(usize),
    #[error(
        "the checkpoint in line {0} is not signed with this key: it was changed, or signed by somebody else"
    )]
    Signature(usize),
    #[error("the file holds no checkpoint")]
    Empty,
}

impl AuditKey {
    /// Notes a head.
    pub fn sign(&self, head: &AuditHead, at_ms: i64) -> Checkpoint {
        let mut checkpoint = Checkpoint {
            seq: head.seq,
            hash: head.hash.clone(),
            count: head.seq,
            at_ms,
            public_key: self.public().to_string(),
            signature: String::new(),
        };
        checkpoint.signature = hex(&self.0.sign(checkpoint.text().as_bytes()).to_bytes());
        checkpoint
    }
}

impl Checkpoint {
    fn text(&self) -> String {
        let Self { seq, hash, count, at_ms, .. } = self;
        format!("fader-checkpoint-1\n{seq}\n{hash}\n{count}\n{at_ms}")
    }

    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = self.signature.parse::<Signature>();
        self.public_key.eq_ignore_ascii_case(&key.to_string())
            && signature.is_ok_and(|signature| key.has_signed(&self.text(), &signature))
    }

    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "seq": self.seq,
            "hash": self.hash,
            "count": self.count,
            "at_ms": self.at_ms,
            "public_key": self.public_key,
            "signature": self.signature,
        })
    }

    fn head(&self) -> Option<AuditHead> {
        let head: AuditHead = format!("{}:{}", self.seq, self.hash).parse().ok()?;
        Some(head).filter(|_| self.count == self.seq)
    }
}

/// Every head in the file, each with a signature that was checked.
pub fn read_checkpoints(file: &Path, key: &PublicKey) -> Result<Vec<AuditHead>, CheckpointError> {
    let mut lines = BufReader::new(File::open(file)?);
    let (mut heads, mut number) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        let read = io::Read::take(&mut lines, LINE_BYTES_MAX).read_line(&mut line)?;
        if read == 0 {
            break;
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let checkpoint: Checkpoint =
            serde_json::from_str(&line).map_err(|_| CheckpointError::Unreadable(number))?;
        if !checkpoint.is_signed_by(key) {
            return Err(CheckpointError::Signature(number));
        }
        heads.push(checkpoint.head().ok_or(CheckpointError::Unreadable(number))?);
    }
    if heads.is_empty() { Err(CheckpointError::Empty) } else { Ok(heads) }
}

/// For appending only; made when missing.
pub(super) fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(file)
}

/// One write, so that copies of the server that share a file do not mix their lines; on the disk when it returns.
pub(super) fn append(file: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut line = serde_json::to_vec(checkpoint)?;
    line.push(b'\n');
    let mut opened = open(file)?;
    opened.write_all(&line)?;
    opened.sync_all()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn key(seed: u8) -> AuditKey {
        AuditKey(SigningKey::from_bytes(&[seed; 32]))
    }

    fn head() -> AuditHead {
        AuditHead { seq: 7, hash: "9f".repeat(32) }
    }

    #[test]
    fn the_signature_covers_everything_that_is_noted() {
        let signed = key(7).sign(&head(), 1_700_000_000_000);
        assert!(signed.is_signed_by(&key(7).public()));
        assert!(!signed.is_signed_by(&key(8).public()));
        let changes: [fn(&mut Checkpoint); 5] = [
            |it| it.seq += 1,
            |it| it.count += 1,
            |it| it.at_ms += 1,
            |it| it.hash = "00".repeat(32),
            |it| it.signature = "00".repeat(64),
        ];
        for change in changes {
            let mut other = signed.clone();
            change(&mut other);
            assert!(!other.is_signed_by(&key(7).public()), "{other:?}");
        }
    }

    #[test]
    fn a_file_is_read_only_when_every_line_is_signed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("checkpoints");
        let public = key(7).public();
        assert!(matches!(read_checkpoints(&file, &public), Err(CheckpointError::Read(_))));
        append(&file, &key(7).sign(&head(), 1)).expect("written");
        append(&file, &key(7).sign(&head(), 2)).expect("written");
        assert_eq!(read_checkpoints(&file, &public).expect("reads"), [head(), head()]);
        append(&file, &key(8).sign(&head(), 3)).expect("written");
        assert!(matches!(read_checkpoints(&file, &public), Err(CheckpointError::Signature(3))));
        std::fs::write(&file, "nonsense\n").expect("written");
        assert!(matches!(read_checkpoints(&file, &public), Err(CheckpointError::Unreadable(1))));
        std::fs::write(&file, "").expect("written");
        assert!(matches!(read_checkpoints(&file, &public), Err(CheckpointError::Empty)));
    }
}
