//! Why a command failed.

use std::{io, path::PathBuf};

use store::{BackupError, BrokenChain, LiveRow, StoreError};

use super::demo::DemoError;
use crate::{
    StartError,
    anchor::{CheckpointError, KeyError},
};

/// `Display` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the database cannot be opened: {0}{hint}", hint = hint(.0))]
    Open(StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot listen on {address}: {error}; choose another with --addr or FADER_ADDR")]
    Listen { address: std::net::SocketAddr, error: io::Error },
    #[error(
        "no password came through standard input; for example: printf %s \"$PASSWORD\" | fader user add …"
    )]
    NoPassword,
    #[error("--role goes with --kind admin: a server or client token has no role")]
    TokenRole,
    #[error("the audit log is broken at entry {seq}: {why}")]
    Audit { seq: u64, why: BrokenChain },
    #[error("{row} in force is not what the audit log says it is")]
    Differs { row: LiveRow },
    #[error("{0}")]
    Backup(#[from] BackupError),
    #[error(transparent)]
    AuditKey(#[from] KeyError),
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    #[error("the secret of the audit log cannot be read from {}: {error}", .file.display())]
    AuditSecret { file: PathBuf, error: io::Error },
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the log filter cannot be read: {0}; try FADER_LOG=info")]
    LogFilter(String),
}

/// The causes that a person who runs the binary can do something about.
fn hint(error: &StoreError) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::new();
    while let Some(cause) = source {
        text = format!(" ({cause})");
        source = cause.source();
    }
    text
}
