//! What this server does not know of subjects, looked up in the ledger once a second: what they were exposed to before a
//! restart, or by another copy of the server.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, SubjectKey};
use store::StoreError;
use tokio::time::Instant;

use super::{Shared, waiting::Arrived};
use crate::limits::{RECALL_MAX, SUBJECTS_RECALLED_AT_ONCE, SUBJECTS_WINDOW_MS};

/// Those that were not looked up yet wait on, whatever becomes of whoever looks.
struct Held<'s> {
    shared: &'s Shared,
    waiting: BTreeMap<(EnvironmentKey, SubjectKey), Vec<Arrived>>,
}

impl Held<'_> {
    /// Some subjects of one environment.
    fn next(&self) -> Option<(EnvironmentKey, Vec<SubjectKey>)> {
        let (environment, _) = self.waiting.keys().next()?;
        let own = self.waiting.keys().take_while(|(each, _)| each == environment);
        let subjects = own.take(SUBJECTS_RECALLED_AT_ONCE).map(|(_, subject)| subject.clone());
        Some((environment.clone(), subjects.collect()))
    }

    async fn ask(
        &mut self,
        environment: &EnvironmentKey,
        subjects: Vec<SubjectKey>,
    ) -> Result<(), StoreError> {
        let Shared { store, counters, .. } = self.shared;
        let now_ms = store.clock().now_ms();
        let found = store.exposures_since(environment, &subjects, now_ms - SUBJECTS_WINDOW_MS).await;
        let stood = match found {
            Ok(stood) => Some(stood),
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the ledger could not be asked for subjects");
                None
            }
        };
        let snapshot = store.live().snapshot(environment.as_str());
        let (people, metrics) = (store.live().people(), store.live().metrics());
        let mut state = self.shared.state();
        let before = state.seen;
        for subject in subjects {
            let key = (environment.clone(), subject);
            let outcomes = self.waiting.remove(&key).unwrap_or_default();
            let Some(snapshot) = &snapshot else { continue };
            let subject = key.1;
            if let Some(stood) = &stood {
                let from = stood.partition_point(|line| line.subject < subject);
                let own = stood[from..].iter().take_while(|line| line.subject == subject);
                state.remember(snapshot, &metrics, (&subject, own), now_ms);
            }
            for arrived in outcomes {
                state.attribute(snapshot, (&people, &metrics), &arrived.outcome, arrived.counted_ms(now_ms));
            }
        }
        counters.count(before, state.seen);
        Ok(())
    }

    /// Whoever waited too long counts for what is known here: the ledger answers too slowly.
    fn give_up(&mut self) {
        let Shared { store, counters, .. } = self.shared;
        let now_ms = store.clock().now_ms();
        let (people, metrics) = (store.live().people(), store.live().metrics());
        let mut state = self.shared.state();
        let (before, overdue) = (state.seen, state.waiting.overdue());
        for ((environment, _), outcomes) in &mut self.waiting {
            let Some(snapshot) = store.live().snapshot(environment.as_str()) else { continue };
            for arrived in outcomes.extract_if(.., |arrived| arrived.turn < overdue) {
                state.attribute(&snapshot, (&people, &metrics), &arrived.outcome, arrived.counted_ms(now_ms));
            }
        }
        counters.count(before, state.seen);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.waiting).into_values().flatten();
        self.shared.state().waiting.hold(rest);
    }
}

/// Fails only when the ledger cannot be asked at the moment; what waits then is asked for again.
pub(super) async fn recall(shared: &Shared, everything: bool) -> Result<(), StoreError> {
    if !shared.state().waiting.begin_turn() {
        return Ok(());
    }
    let elsewhere = match shared.store.exposures_elsewhere(shared.mark).await {
        Ok(elsewhere) => elsewhere,
        Err(error) => {
            shared.state().waiting.hold_all();
            return Err(error);
        }
    };
    let taken = {
        let mut state = shared.state();
        state.waiting.know(elsewhere);
        state.waiting.take(everything)
    };
    let mut held = Held { shared, waiting: BTreeMap::new() };
    for arrived in taken {
        let Some(subject) = arrived.outcome.subject.clone() else { continue };
        held.waiting.entry((arrived.environment.clone(), subject)).or_default().push(arrived);
    }
    let began = Instant::now();
    while let Some((environment, subjects)) = held.next() {
        held.ask(&environment, subjects).await?;
        if !everything && began.elapsed() > RECALL_MAX {
            held.give_up();
            break;
        }
    }
    Ok(())
}
