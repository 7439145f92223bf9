//! Exposures that no outcome follows: a crash may silence its own report. A trial is a subject and minute, and decided
//! once, when the time to wait is over; whoever was silent then rests, like after any bad trial.

use std::collections::{HashMap, VecDeque};

use engine::{
    Arm, EnvironmentKey, MetricDefinition, MetricKind, Sender, SubjectKey,
    guardrail::{block::OUTCOME_WINDOW_MS, trial::Trial},
};
use store::Entry;

use super::{
    cells::CellId,
    count::{add_trial, entries, in_books},
    places::{Part, PlaceId},
    state::State,
    subjects::{Stand, Wait},
};
use crate::limits::{OUTCOMES_AWAITED_MAX, OUTCOMES_ELSEWHERE_MS};

/// An exposure that is told later than this is no trial: its cell would be closed before it is decided.
const TOLD_LATE_MS_MAX: i64 = 10_000;
/// A page and a server seldom have the same clock: so much earlier an outcome may seem to be.
const SKEW_MS: i64 = 2_000;

struct Due {
    until_ms: i64,
    /// In which books.
    entry: Entry,
    sender: Sender,
    subject: u64,
    flag: u64,
    place: PlaceId,
    arm: Arm,
    part: Part,
    at_ms: i64,
}

impl Due {
    /// Whether no outcome came; `None` for somebody who is left out after a bad trial.
    fn is_missing(&self, wait: Wait) -> Option<bool> {
        let rests = |last: Trial| last.event && last.at_ms < self.at_ms && last.covers(self.at_ms);
        let missing = wait.answered_ms.saturating_add(SKEW_MS) < self.at_ms;
        (!wait.awaited.is_some_and(rests)).then_some(missing)
    }
}

/// What is waited for, in the order in which the waiting ends.
#[derive(Default)]
pub(super) struct Awaited {
    due: VecDeque<Due>,
    /// Those that no server told: at most half of what there may be.
    of_browsers: usize,
    /// Until when an environment's outcomes may arrive at another server.
    elsewhere_until_ms: HashMap<EnvironmentKey, i64>,
}

impl Awaited {
    fn is_full(&self, sender: Sender) -> bool {
        let browsers = sender == Sender::Client && self.of_browsers >= OUTCOMES_AWAITED_MAX / 2;
        browsers || self.due.len() >= OUTCOMES_AWAITED_MAX
    }

    fn is_knowable(&self, environment: &EnvironmentKey, now_ms: i64) -> bool {
        self.elsewhere_until_ms.get(environment).is_none_or(|until_ms| now_ms >= *until_ms)
    }
}

impl State {
    /// Begins to wait for whatever the subject will have an outcome of, once a minute.
    pub(super) fn await_outcome(
        &mut self,
        ((environment, subject, flag), sender): ((&EnvironmentKey, &SubjectKey, u64), Sender),
        at_ms: i64,
        now_ms: i64,
    ) {
        if self.awaited.is_full(sender)
            || !self.awaited.is_knowable(environment, now_ms)
            || at_ms < now_ms - TOLD_LATE_MS_MAX
        {
            return;
        }
        let hash = self.subjects.hash((environment, subject.as_str()));
        let Some(known) = self.subjects.find_hashed(hash, now_ms) else { return };
        let Some(stand) = known.stand(flag) else { return };
        let Stand { place, arm, .. } = *stand;
        let part = self.places.get(place).division(at_ms).part();
        let until_ms = now_ms + OUTCOME_WINDOW_MS;
        let waits = *stand;
        let begins = |book| {
            let before = waits.wait(book).awaited;
            (!before.is_some_and(|before| before.covers(at_ms))).then_some(())
        };
        for (entry, ()) in entries(sender, begins) {
            stand.set_awaited(entry, Trial::new(at_ms, false, true));
            let due = Due { until_ms, entry, sender, subject: hash, flag, place, arm, part, at_ms };
            self.awaited.of_browsers += usize::from(sender == Sender::Client);
            self.awaited.due.push_back(due);
        }
    }

    /// Counts the exposures whose time is over. A subject that was forgotten meanwhile counts nowhere.
    pub(super) fn settle_awaited(&mut self, metrics: &[MetricDefinition], now_ms: i64) {
        let definition = metrics.iter().find(|metric| metric.kind == MetricKind::MissingOutcome);
        let metric = definition.and_then(|definition| self.places.metric(definition));
        let Self { awaited, subjects, cells, places, .. } = self;
        while let Some(due) = awaited.due.pop_front_if(|due| due.until_ms <= now_ms) {
            awaited.of_browsers -= usize::from(due.sender == Sender::Client);
            let is_knowable = awaited.is_knowable(&places.get(due.place).environment, now_ms);
            let Some(metric) = metric.filter(|_| is_knowable) else { continue };
            let Some(known) = subjects.find_hashed(due.subject, now_ms) else { continue };
            let group = known.group;
            let Some(stand) = known.stand(due.flag) else { continue };
            let waits = *stand;
            let is_missing = |book| due.is_missing(waits.wait(book));
            let id = CellId::new(due.place, metric, due.arm, due.part, due.at_ms);
            for (entry, missing) in in_books(due.entry, is_missing) {
                if missing {
                    stand.set_awaited(entry, Trial::new(due.at_ms, true, true));
                }
                cells.enter(id, entry, |cell| {
                    cell.outcomes += 1;
                    cell.events += u64::from(missing);
                    add_trial(cell, Some(group), 1, u64::from(missing));
                });
            }
        }
    }

    /// Another server served a subject a moment ago whose outcome came here. What this one waits for may arrive there, so
    /// for a while it cannot tell what is missing, and counts none of it.
    pub(super) fn served_elsewhere(&mut self, environment: &EnvironmentKey, now_ms: i64) {
        let until_ms = now_ms + OUTCOMES_ELSEWHERE_MS;
        self.awaited.elsewhere_until_ms.insert(environment.clone(), until_ms);
    }
}
