//! What holds the audit log against being rewritten: it is verified beside the requests, and its head is signed with a
//! key that is in no database and noted where the database's owner does not write.

mod checkpoint;
mod key;

use std::{path::PathBuf, sync::Arc, time::Duration};

use store::{AuditStanding, AuditVerdict, Store, StoreError, Task};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

pub use checkpoint::{Checkpoint, CheckpointError, read_checkpoints};
pub use key::{AuditKey, KeyError, PublicKey};

use crate::{StartError, lanes::Lanes};

/// Between two pieces of the chain, so that walking it never fills a core.
const PIECE_PAUSE: Duration = Duration::from_millis(20);
/// How often the whole chain is walked.
const WHOLE_EVERY_MS: i64 = 24 * 3_600_000;

/// Who signs checkpoints, and where they are noted.
#[derive(Debug, Clone)]
pub struct Signing {
    pub key: Arc<AuditKey>,
    /// Lines are appended to it; without one, only webhooks are told.
    pub file: Option<PathBuf>,
}

/// The loop, while the server runs.
#[derive(Debug)]
pub(crate) struct Anchor {
    running: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Anchor {
    /// Walks the whole chain now and each day, and looks at new entries every `every`, until `stopping` turns true.
    pub(crate) fn start(
        (store, lanes): (&Store, &Lanes),
        signing: Option<Signing>,
        every: Duration,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        if let Some(file) = signing.as_ref().and_then(|signing| signing.file.as_ref()) {
            checkpoint::open(file).map_err(|error| StartError::Checkpoints { file: file.clone(), error })?;
        }
        let watched = store.clone();
        let name = "the watch over the audit log";
        let running = store.tasks().spawn_on(lanes.background(), name, move |task| {
            let watching = Watching {
                store: watched.clone(),
                signing: signing.clone(),
                whole_ms: None,
                signed_seq: 0,
                failing: false,
                bad: None,
                task,
            };
            watching.run(every, stopping.clone())
        });
        Ok(Self { running: tokio::sync::Mutex::new(Some(running)) })
    }

    /// Waits until the last checkpoint is written; the server has been told to stop before.
    pub(crate) async fn finished(&self) {
        if let Some(running) = self.running.lock().await.take()
            && let Err(error) = running.await
        {
            tracing::error!(%error, "the watch over the audit log ended badly");
        }
    }
}

struct Watching {
    store: Store,
    signing: Option<Signing>,
    /// When the whole chain was walked last.
    whole_ms: Option<i64>,
    /// The entry of the last checkpoint.
    signed_seq: u64,
    failing: bool,
    /// What was wrong with the log when it was looked at last.
    bad: Option<AuditVerdict>,
    task: Task,
}

impl Watching {
    async fn run(mut self, every: Duration, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = stopping.clone();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            tokio::select! {
                () = self.turn() => {}
                _ = stopped.wait_for(|stopping| *stopping) => break,
            }
        }
        // What happened since the last checkpoint; a chain that was never walked is not signed.
        if self.whole_ms.is_some() {
            let looked = self.look().await;
            self.report(looked.err().as_ref());
        }
    }

    async fn turn(&mut self) {
        self.task.turn();
        let looked = self.whole_when_due().await;
        let looked = match looked {
            Ok(()) => self.look().await,
            Err(error) => Err(error),
        };
        self.report(looked.err().as_ref());
    }

    async fn whole_when_due(&mut self) -> Result<(), StoreError> {
        let now_ms = self.store.clock().now_ms();
        if self.whole_ms.is_some_and(|at| now_ms.saturating_sub(at) < WHOLE_EVERY_MS) {
            return Ok(());
        }
        self.store.walk_whole_audit(|| tokio::time::sleep(PIECE_PAUSE)).await?;
        self.whole_ms = Some(now_ms);
        Ok(())
    }

    /// Verifies what is new, and signs it: never what does not verify.
    async fn look(&mut self) -> Result<(), StoreError> {
        let standing = self.store.audit_standing_now().await?;
        self.tell(&standing);
        if standing.whole_ms.is_none() {
            // A backup was put back: nothing of this database has been walked yet.
            (self.whole_ms, self.signed_seq) = (None, 0);
        }
        let whole = matches!(standing.verdict, AuditVerdict::Intact { .. });
        if !whole || standing.whole_ms.is_none() || standing.head.seq <= self.signed_seq {
            return Ok(());
        }
        let Some(signing) = self.signing.clone() else { return Ok(()) };
        let head = standing.head;
        let checkpoint = signing.key.sign(&head, self.store.clock().now_ms());
        if let Some(file) = signing.file {
            let line = checkpoint.clone();
            let written = tokio::task::spawn_blocking(move || checkpoint::append(&file, &line)).await;
            if let Err(error) = written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                tracing::error!(%error, "a checkpoint of the audit log could not be written; trying again");
                return Ok(());
            }
        }
        self.store.announce_checkpoint(&head, checkpoint.to_json()).await?;
        self.signed_seq = head.seq;
        Ok(())
    }

    /// Logs what is wrong with the log, once for each thing.
    fn tell(&mut self, standing: &AuditStanding) {
        let bad = match &standing.verdict {
            AuditVerdict::Intact { .. } => None,
            AuditVerdict::Broken { seq, why } => {
                if self.bad.as_ref() != Some(&standing.verdict) {
                    tracing::error!(seq, %why, "the audit log is broken; no checkpoint is signed");
                }
                Some(standing.verdict.clone())
            }
            AuditVerdict::Differs { row } => {
                if self.bad.as_ref() != Some(&standing.verdict) {
                    tracing::error!(%row, "what is in force is not what the audit log says; no checkpoint is signed");
                }
                Some(standing.verdict.clone())
            }
        };
        self.bad = bad;
    }

    /// Logs the first of a row of failures.
    fn report(&mut self, error: Option<&StoreError>) {
        match error {
            None => self.failing = false,
            Some(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the audit log cannot be verified at the moment; trying again"
                );
            }
            Some(_) => {}
        }
    }
}
