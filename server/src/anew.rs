//! What the server remembers of its database besides what is in force, read again when the database is another one than
//! it was or has come back: a backup was put back, or the server had started without it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use store::{StoreError, Task};
use tokio::sync::watch;

use crate::Server;

const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Waits for such moments until the server stops; does not keep it alive.
pub fn start(server: &Arc<Server>) {
    let (weak, eras, stopping) = (Arc::downgrade(server), server.store.live().eras(), server.stopping());
    server.store.tasks().spawn("the reader of what a new database remembers", move |task| {
        watch(Weak::clone(&weak), eras.clone(), stopping.clone(), task)
    });
}

async fn watch(
    server: Weak<Server>,
    mut eras: watch::Receiver<u64>,
    mut stopping: watch::Receiver<bool>,
    task: Task,
) {
    loop {
        tokio::select! {
            changed = eras.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        task.turn();
        loop {
            let Some(server) = server.upgrade() else { return };
            match read(&server).await {
                Ok(()) => break,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what was remembered cannot be read again yet; trying again");
                }
            }
            drop(server);
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

async fn read(server: &Server) -> Result<(), StoreError> {
    server.ofrep.read_keys(&server.store).await?;
    server.intake.remember_anew(&server.store).await
}
