//! Subjects that this server has not seen lately, looked up in the ledger once a second: exposed before a restart, or by
//! another copy of the server.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, SubjectKey};
use store::StoreError;

use super::{Outcome, Shared};

/// Outcomes of one subject, each with the time at which it arrived.
type Waiting = BTreeMap<(EnvironmentKey, SubjectKey), Vec<(Outcome, i64)>>;

/// Those that were not looked up yet wait on, whatever becomes of whoever looks.
struct Held<'s> {
    shared: &'s Shared,
    waiting: Waiting,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.waiting).into_iter();
        let rest = rest.flat_map(|((environment, _), outcomes)| {
            outcomes.into_iter().map(move |(outcome, at_ms)| (environment.clone(), outcome, at_ms))
        });
        self.shared.state().hold(rest);
    }
}

/// Fails only when the ledger cannot be asked at the moment; what waits then is asked for again.
pub(super) async fn recall(shared: &Shared) -> Result<(), StoreError> {
    let waiting = shared.state().take_waiting();
    if waiting.is_empty() {
        return Ok(());
    }
    let mut held = Held { shared, waiting: Waiting::new() };
    for (environment, outcome, received_ms) in waiting {
        let Some(subject) = outcome.subject.clone() else { continue };
        held.waiting.entry((environment, subject)).or_default().push((outcome, received_ms));
    }
    let (people, metrics) = (shared.store.live().people(), shared.store.live().metrics());
    while let Some((environment, subject)) = held.waiting.keys().next().cloned() {
        let now_ms = shared.store.clock().now_ms();
        let seen = match shared.store.recalled_exposures(&environment, &subject).await {
            Ok(seen) => seen,
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the ledger could not be asked for a subject"
                );
                Vec::new()
            }
        };
        let outcomes = held.waiting.remove(&(environment.clone(), subject.clone())).unwrap_or_default();
        let Some(snapshot) = shared.store.live().snapshot(environment.as_str()) else { continue };
        let mut state = shared.state();
        let before = state.seen;
        state.remember(&snapshot, &metrics, (&subject, &seen), now_ms);
        for (outcome, received_ms) in outcomes {
            state.record(&snapshot, (&people, &metrics), &outcome, received_ms);
        }
        shared.counters.count(before, state.seen);
    }
    Ok(())
}
