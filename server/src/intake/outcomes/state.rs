//! What is known of subjects, and the cells that grow: everything behind the one lock. Attributes outcomes to arms.

use std::collections::HashMap;

use engine::{Arm, Counts, MetricDefinition, Snapshot};
use store::{ArmCount, People, RolloutTimes};

use super::{
    awaited::Awaited,
    cells::OpenCells,
    count::{Counted, everything},
    item::{Feature, Outcome, find},
    places::{PlaceId, Places},
    subjects::{Stand, Subjects},
    waiting::Waiting,
};
use crate::limits::{OUTCOME_IDS_WAITING_MAX, SUBJECT_FEATURES_MAX, SUBJECTS_WINDOW_MS};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tallied {
    pub(super) unattributed: u64,
    pub(super) late: u64,
}

/// Everything behind the one lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) places: Places,
    pub(super) cells: OpenCells,
    pub(super) subjects: Subjects,
    pub(super) awaited: Awaited,
    /// Subjects at their first exposure, by rule and division; those that changed.
    pub(super) counts: HashMap<(PlaceId, i64), (ArmCount, bool)>,
    pub(super) seen: Tallied,
    /// Hashes of event ids that are not written yet.
    ids: Vec<u64>,
    pub(super) waiting: Waiting,
}

impl State {
    pub(super) fn new(times: RolloutTimes) -> Self {
        Self { places: Places::new(times), ..Self::default() }
    }

    /// Whether a batch of outcomes fits: each opens two cells at most in each arm, and most open none.
    pub(super) fn has_room(&mut self, outcomes: usize) -> bool {
        self.cells.has_room(outcomes.min(1000))
    }

    /// Counts an outcome in every arm that it belongs to, perhaps once the ledger was asked. It was checked.
    pub(super) fn record(
        &mut self,
        snapshot: &Snapshot,
        (people, metrics): (&People, &[MetricDefinition]),
        outcome: &Outcome,
        now_ms: i64,
    ) {
        if !self.waits(snapshot, outcome, now_ms) {
            self.attribute(snapshot, (people, metrics), outcome, now_ms);
        }
    }

    /// The same with what is known of its subject by now.
    pub(super) fn attribute(
        &mut self,
        snapshot: &Snapshot,
        (people, metrics): (&People, &[MetricDefinition]),
        outcome: &Outcome,
        now_ms: i64,
    ) {
        let Some(definition) = find(metrics, outcome.metric.as_str()) else { return };
        if let Some(subject) = &outcome.subject {
            for feature in &outcome.features {
                self.note_feature(
                    snapshot,
                    (people, metrics),
                    (subject, feature, outcome.sender),
                    outcome.at_ms,
                    now_ms,
                );
            }
        }
        let arms = self.arms(snapshot, outcome, now_ms);
        self.seen.unattributed += u64::from(arms.is_empty());
        for (place, _) in &arms {
            self.places.hear(*place, now_ms);
        }
        // What a request took belongs to the latency as well, whatever it was sent as.
        let latency = match definition.kind.counts() {
            Counts::Requests if outcome.latency_ms.is_some() => find(metrics, "latency"),
            Counts::Requests
            | Counts::Durations
            | Counts::Exposed
            | Counts::ExposedMany
            | Counts::Unanswered => None,
        };
        for definition in [Some(definition), latency].into_iter().flatten() {
            let Some(metric) = self.places.metric(definition) else { continue };
            for (place, arm) in &arms {
                let part = self.places.get(*place).division(outcome.at_ms).part();
                let (place, arm) = (*place, *arm);
                self.count(snapshot, &Counted { metric, definition, outcome, place, arm, part, now_ms });
            }
        }
    }

    /// Its subject may have been exposed to more than is known here, before a restart or by another server: the ledger
    /// knows. An exposure that came here is no sign that no other did.
    fn waits(&mut self, snapshot: &Snapshot, outcome: &Outcome, now_ms: i64) -> bool {
        let Some(subject) = &outcome.subject else { return false };
        let says_where = |feature: &Feature| feature.rule.is_some() && feature.arm.is_some();
        if !outcome.features.is_empty() && outcome.features.iter().all(says_where) {
            return false;
        }
        let environment = snapshot.environment();
        let recalled = self.subjects.find(environment, subject, now_ms).and_then(|known| known.recalled);
        !self.waiting.is_complete(recalled) && self.waiting.add(environment, outcome, now_ms)
    }

    /// Where an outcome counts.
    fn arms(&mut self, snapshot: &Snapshot, outcome: &Outcome, now_ms: i64) -> Vec<(PlaceId, Arm)> {
        let environment = snapshot.environment();
        let at_ms = outcome.at_ms;
        let Some(subject) = &outcome.subject else {
            let place = |feature: &Feature| {
                let (rule, arm) = feature.rule.as_ref().zip(feature.arm)?;
                Some((self.places.place(snapshot, &feature.flag, rule, now_ms)?, arm))
            };
            return outcome.features.iter().take(SUBJECT_FEATURES_MAX).filter_map(place).collect();
        };
        let named: Vec<_> = outcome
            .features
            .iter()
            .map(|feature| self.subjects.hash((environment, feature.flag.as_str())))
            .collect();
        let Some(known) = self.subjects.find(environment, subject, now_ms) else { return Vec::new() };
        let entry = everything(outcome.sender);
        let is_named = |flag: u64| named.is_empty() || named.contains(&flag);
        for stand in known.stands.iter_mut().filter(|stand| is_named(stand.flag)) {
            stand.answered(entry, at_ms);
        }
        let counts = |stand: &&Stand| {
            is_named(stand.flag)
                && at_ms - stand.last_ms < SUBJECTS_WINDOW_MS
                // Before its first exposure nothing was served to it.
                && (at_ms >= stand.since_ms || stand.before.is_some())
        };
        let stands: Vec<_> = known.stands.iter().filter(counts).filter_map(|stand| stand.at(at_ms)).collect();
        stands.into_iter().filter(|(place, _)| self.places.refresh(*place, snapshot, now_ms)).collect()
    }
    /// Copies of the counts that changed since they were last written.
    pub(super) fn take_counts(&mut self) -> Vec<ArmCount> {
        let changed = self.counts.values_mut().filter(|(_, changed)| *changed);
        changed
            .map(|(count, changed)| {
                *changed = false;
                count.clone()
            })
            .collect()
    }

    pub(super) fn put_counts_back(&mut self) {
        for (_, changed) in self.counts.values_mut() {
            *changed = true;
        }
    }

    /// While the database is away only the latest are kept: they are a help after a crash, not the first defence.
    pub(super) fn add_ids(&mut self, ids: Vec<u64>) {
        self.ids.extend(ids);
        let surplus = self.ids.len().saturating_sub(OUTCOME_IDS_WAITING_MAX);
        self.ids.drain(..surplus);
    }

    pub(super) fn take_ids(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.ids)
    }
}
