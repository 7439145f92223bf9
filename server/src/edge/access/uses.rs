//! Writes down now and then when tokens were last used, so that no request has to.

use std::time::Duration;

use store::{Store, Task};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

const EVERY: Duration = Duration::from_mins(1);

/// Until the server stops; what came after the last time is written by `Server::finish`.
pub fn start(store: &Store, stopping: watch::Receiver<bool>) {
    let used = store.clone();
    store.tasks().spawn("the writer of tokens' last uses", move |task| {
        write_now_and_then(used.clone(), stopping.clone(), task)
    });
}

async fn write_now_and_then(store: Store, mut stopping: watch::Receiver<bool>, task: Task) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        task.turn();
        write(&store).await;
    }
}

/// A failure loses nothing: the next time writes the same.
pub async fn write(store: &Store) {
    if let Err(error) = store.write_token_uses().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the last uses of tokens are not written");
    }
}
