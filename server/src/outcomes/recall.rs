//! Subjects that this server has not seen lately, looked up in the ledger once a second: exposed before a restart, or by
//! another copy of the server.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, SubjectKey};
use store::Principal;

use super::{Outcome, Shared};

pub(super) async fn recall(shared: &Shared) {
    let waiting = shared.state().take_waiting();
    if waiting.is_empty() {
        return;
    }
    let mut by_subject: BTreeMap<(EnvironmentKey, SubjectKey), Vec<(Outcome, i64)>> = BTreeMap::new();
    for (environment, outcome, received_ms) in waiting {
        let Some(subject) = outcome.subject.clone() else { continue };
        by_subject.entry((environment, subject)).or_default().push((outcome, received_ms));
    }
    // Nobody is shown what is read here: it only says which arm outcomes belong to.
    let Ok(by) = Principal::command_line().people_reader() else { return };
    let metrics = shared.store.live().metrics();
    for ((environment, subject), outcomes) in by_subject {
        let now_ms = shared.store.clock().now_ms();
        let seen = shared.store.exposures_around(&by, &environment, &subject, now_ms).await;
        let seen = seen.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the ledger could not be asked for a subject"
            );
            Vec::new()
        });
        let Some(snapshot) = shared.store.live().snapshot(environment.as_str()) else { continue };
        let mut state = shared.state();
        let before = state.seen;
        state.remember(&snapshot, &metrics, (&subject, &seen), now_ms);
        for (outcome, received_ms) in outcomes {
            state.record(&snapshot, &metrics, &outcome, received_ms);
        }
        shared.counters.count(before, state.seen);
    }
}
