//! What the server remembers of its database besides what is in force, read again when the database is another one than
//! it was or has come back: a backup was put back, or the server had started without it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use store::{Store, StoreError, Task};
use tokio::sync::watch;

use crate::{doors::ofrep::Ofrep, intake::Intake};

const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Waits for such moments until the server stops; keeps nothing of it alive.
pub fn start(store: &Store, ofrep: &Arc<Ofrep>, intake: &Arc<Intake>, stopping: watch::Receiver<bool>) {
    let remembering =
        Remembering { store: store.clone(), ofrep: Arc::downgrade(ofrep), intake: Arc::downgrade(intake) };
    let eras = store.live().eras();
    store.tasks().spawn("the reader of what a new database remembers", move |task| {
        watch(remembering.clone(), eras.clone(), stopping.clone(), task)
    });
}

#[derive(Clone)]
struct Remembering {
    store: Store,
    ofrep: Weak<Ofrep>,
    intake: Weak<Intake>,
}

async fn watch(
    remembering: Remembering,
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
            match remembering.read_anew().await {
                Some(Ok(())) => break,
                None => return,
                Some(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what was remembered cannot be read again yet; trying again");
                }
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

impl Remembering {
    /// `None` when there is no server any more.
    async fn read_anew(&self) -> Option<Result<(), StoreError>> {
        let (ofrep, intake) = (self.ofrep.upgrade()?, self.intake.upgrade()?);
        let read = async {
            ofrep.read_keys().await?;
            intake.remember_anew(&self.store).await
        };
        Some(read.await)
    }
}
