//! Why a server could not start.

use std::{io, path::PathBuf};

use store::StoreError;

use crate::{anchor::KeyError, doors::metrics::MetricsTokenError};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the operating system gives no random numbers")]
    NoEntropy,
    #[error("the threads for pages do not start: {0}; the operating system may limit how many a user has")]
    Threads(io::Error),
    #[error("webhooks cannot be sent: the HTTP client does not start")]
    HttpClient,
    #[error(transparent)]
    AuditKey(#[from] KeyError),
    #[error(transparent)]
    MetricsToken(#[from] MetricsTokenError),
    #[error("the checkpoints of the audit log cannot be written to {}: {error}", .file.display())]
    Checkpoints { file: PathBuf, error: io::Error },
}
