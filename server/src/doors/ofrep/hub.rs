//! Announces changes to event streams: one task listens to the store, encodes each event once, and wakes them all.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use engine::EnvironmentKey;
use store::{ObjectKind, Store, Task};
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{answer::refetch_event, prepared::PreparedCache, revision::ConfigRevision};
use crate::{edge::access::allowance::Allowances, figures::Figures};

/// How often it looks whether an enrolment began or ended by itself, or a change was missed.
const LOOK: Duration = Duration::from_secs(1);
const TIDY: Duration = Duration::from_mins(1);

/// The newest event of every environment.
#[derive(Default)]
pub struct Published(Vec<Event>);

/// That an environment is in a state, in the bytes that are sent.
#[derive(Clone)]
pub struct Event {
    environment: EnvironmentKey,
    pub revision: ConfigRevision,
    pub bytes: Bytes,
    /// When the state began.
    changed_ms: i64,
}

impl Published {
    pub fn event(&self, environment: &str) -> Option<&Event> {
        self.0.iter().find(|event| event.environment.as_str() == environment)
    }
}

/// Where streams wait for the next event.
pub struct Hub(watch::Receiver<Arc<Published>>);

impl Hub {
    pub fn start(
        (store, figures): (Store, Arc<Figures>),
        prepared: Arc<PreparedCache>,
        allowances: Arc<Allowances>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let tasks = store.tasks().clone();
        let announcer = Arc::new(Announcer { store, prepared, figures });
        let (sender, receiver) = watch::channel(Arc::new(announcer.look(&Published::default())));
        // Streams end when it is gone: it outlives a run that fails.
        let sender = Arc::new(sender);
        tasks.spawn("the announcer of changes", move |task| {
            let (sender, allowances) = (Arc::clone(&sender), Arc::clone(&allowances));
            Arc::clone(&announcer).run(sender, allowances, stopping.clone(), task)
        });
        Self(receiver)
    }

    /// The present state counts as seen.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Published>> {
        let mut receiver = self.0.clone();
        receiver.mark_unchanged();
        receiver
    }
}

struct Announcer {
    store: Store,
    prepared: Arc<PreparedCache>,
    figures: Arc<Figures>,
}

impl Announcer {
    async fn run(
        self: Arc<Self>,
        sender: Arc<watch::Sender<Arc<Published>>>,
        allowances: Arc<Allowances>,
        mut stopping: watch::Receiver<bool>,
        task: Task,
    ) {
        let mut changes = self.store.live().subscribe();
        // What happened before is looked at once.
        let mut missed = true;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidied = Instant::now();
        loop {
            // Tokens are revoked and rotated without a new revision; streams look at theirs whenever they are woken.
            let wake = tokio::select! {
                change = changes.recv() => match change {
                    Ok(change) => {
                        let ends = |kind| matches!(kind, ObjectKind::Token | ObjectKind::Workspace);
                        change.objects.iter().any(|it| ends(it.kind))
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => true,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = look.tick() => false,
                // On the second: an enrolment does not outlive its end until the next look.
                () = tokio::time::sleep(self.until_next_change()) => false,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            task.turn();
            let wake = std::mem::take(&mut missed) || wake;
            let published = self.look(&sender.borrow());
            let same = |(a, b): (&Event, &Event)| a.revision == b.revision;
            let before = Arc::clone(&sender.borrow());
            if wake || published.0.len() != before.0.len() || !published.0.iter().zip(&before.0).all(same) {
                let published = Arc::new(published);
                sender.send_replace(Arc::clone(&published));
                self.count(&before, &published);
            }
            if tidied.elapsed() > TIDY {
                allowances.tidy();
                tidied = Instant::now();
            }
        }
    }

    /// Notes how long changes took to here; what begins by the clock is none.
    fn count(&self, before: &Published, now: &Published) {
        let now_ms = self.store.clock().now_ms();
        let is_changed = |event: &&Event| {
            let known = before.event(event.environment.as_str());
            known.is_some_and(|known| known.revision.revision != event.revision.revision)
        };
        for event in now.0.iter().filter(is_changed) {
            let took_ms = u64::try_from(now_ms.saturating_sub(event.changed_ms)).unwrap_or(0);
            self.figures.reached_streams(Duration::from_millis(took_ms));
        }
    }

    /// How long until an enrolment begins or ends by itself; at most until the next look.
    fn until_next_change(&self) -> Duration {
        let live = self.store.live();
        let now_ms = self.store.clock().now_ms();
        let environments = live.environments();
        let snapshots = environments.iter().filter_map(|it| live.snapshot(it.key.as_str()));
        let next = snapshots.filter_map(|snapshot| snapshot.next_change_ms(now_ms)).min();
        let wait = next.and_then(|at| u64::try_from(at - now_ms).ok()).map(Duration::from_millis);
        wait.map_or(LOOK, |wait| wait.min(LOOK))
    }

    /// The events of the present state; those that say nothing new are kept as they are.
    fn look(&self, before: &Published) -> Published {
        let live = self.store.live();
        let now_ms = self.store.clock().now_ms();
        let environments = live.environments();
        let events = environments.iter().filter_map(|environment| {
            let key = environment.key.as_str();
            let prepared = self.prepared.get(&live.snapshot(key)?);
            let revision = prepared.revision(now_ms);
            if let Some(known) = before.event(key).filter(|known| known.revision == revision) {
                return Some(known.clone());
            }
            let changed_ms = prepared.changed_ms(environment.changed_ms, now_ms);
            let bytes = Bytes::from(refetch_event(key, revision, changed_ms));
            Some(Event { environment: environment.key.clone(), revision, bytes, changed_ms })
        });
        Published(events.collect())
    }
}
