//! What was heard of flags, on its way into the database: that they were asked for, served, followed by an outcome. Kept in
//! memory and written each second by one task; nobody who answers a request waits for it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{EnvironmentKey, FlagKey};
use store::{Heard, SignalKind, Store};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);
/// Whatever was heard a moment ago is heard anew only after this.
pub const EXACT_MS: i64 = 15_000;
/// What is written at once; the rest waits for the next turn.
const ROWS_MAX: usize = 500;

/// A flag of an environment, or all of them, and what was heard.
type Key = (EnvironmentKey, Option<FlagKey>, SignalKind);

/// A few entries for each flag that exists.
#[derive(Default)]
struct State {
    /// What is not written yet: the first and the last time.
    waiting: BTreeMap<Key, (i64, i64)>,
    /// Where the next turn begins, so that nobody's turn comes twice before everybody's came.
    next: Option<Key>,
    /// When each was passed on last.
    noted: HashMap<Key, i64>,
}

impl State {
    fn add(&mut self, key: Key, (first_ms, last_ms): (i64, i64)) {
        let span = self.waiting.entry(key).or_insert((first_ms, last_ms));
        *span = (span.0.min(first_ms), span.1.max(last_ms));
    }

    /// As much as is written at once, going round.
    fn take(&mut self) -> Vec<(Key, (i64, i64))> {
        let later = self.next.take().map(|next| self.waiting.split_off(&next)).unwrap_or_default();
        let earlier = std::mem::take(&mut self.waiting);
        let mut round = later.into_iter().chain(earlier);
        let taken = round.by_ref().take(ROWS_MAX).collect();
        let mut rest = round.peekable();
        self.next = rest.peek().map(|(key, _)| key.clone());
        self.waiting = rest.collect();
        taken
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Signals {
    state: Arc<Mutex<State>>,
    store: Store,
}

impl Signals {
    pub(super) fn new(store: &Store) -> Self {
        Self { state: Arc::default(), store: store.clone() }
    }

    /// Starts the task that writes. `collect` is called before each time, for what is noted elsewhere.
    pub(crate) fn start(
        &self,
        stopping: watch::Receiver<bool>,
        collect: impl Fn(&Self) + Clone + Send + 'static,
    ) {
        let signals = self.clone();
        self.store.tasks().spawn("the writer of signals", move |task| {
            let (signals, collect, mut stopping) = (signals.clone(), collect.clone(), stopping.clone());
            async move {
                while tokio::time::timeout(EVERY, stopping.wait_for(|it| *it)).await.is_err() {
                    task.turn();
                    collect(&signals);
                    signals.write().await;
                }
            }
        });
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something was heard at `at_ms`. Not on a thread that decides: it takes a lock.
    pub(crate) fn note(
        &self,
        environment: &EnvironmentKey,
        flag: Option<&FlagKey>,
        kind: SignalKind,
        at_ms: i64,
    ) {
        let key = (environment.clone(), flag.cloned(), kind);
        let mut state = self.state();
        if state.noted.get(&key).is_some_and(|noted| (0..EXACT_MS).contains(&(at_ms - noted))) {
            return;
        }
        state.noted.insert(key.clone(), at_ms);
        state.add(key, (at_ms, at_ms));
    }

    /// Writes down what waits, in one go a part of it. What cannot be written waits for the next time.
    pub(crate) async fn write(&self) {
        let taken = self.state().take();
        if taken.is_empty() {
            return;
        }
        let heard = taken.iter().map(|((environment, flag, kind), (first_ms, last_ms))| Heard {
            environment: environment.clone(),
            flag: flag.clone(),
            kind: *kind,
            first_ms: *first_ms,
            last_ms: *last_ms,
        });
        let heard: Vec<_> = heard.collect();
        if let Err(error) = self.store.note_signals(&heard).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "signals cannot be written at the moment; trying again");
            let mut state = self.state();
            for (key, span) in taken {
                state.add(key, span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_of_all_the_time_keeps_nobody_else_waiting() {
        let environment = EnvironmentKey::parse("production").expect("a key");
        let key = |n: usize| {
            let flag = FlagKey::parse(&format!("flag-{n:05}")).expect("a key");
            (environment.clone(), Some(flag), SignalKind::Evaluation)
        };
        let mut state = State::default();
        let mut written = std::collections::BTreeSet::new();
        for turn in 0..4 {
            for n in 0..=3 * ROWS_MAX {
                state.add(key(n), (turn, turn));
            }
            let taken = state.take();
            assert_eq!(taken.len(), ROWS_MAX);
            written.extend(taken.into_iter().map(|(key, _)| key));
        }
        assert_eq!(written.len(), 3 * ROWS_MAX + 1);
    }

    #[test]
    fn a_short_list_is_written_whole() {
        let mut state = State::default();
        let key = (EnvironmentKey::parse("staging").expect("a key"), None, SignalKind::Outcome);
        state.add(key.clone(), (2, 2));
        state.add(key.clone(), (1, 3));
        assert_eq!(state.take(), [(key, (1, 3))]);
        assert_eq!(state.take(), []);
    }
}
