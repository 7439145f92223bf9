//! Attribution and counting. First exposure decides the arm as long as the percentages stay; after a step the next
//! exposure may cross the subject over, and outcomes of before still count for the arm of before.

use std::collections::HashMap;

use engine::{
    Arm, Attributes, Context, Counts, EnvironmentKey, FlagKey, MetricDefinition, RuleId, Sender, Snapshot,
    SubjectKey, guardrail::tally::Tally,
};
use store::{ArmCount, CELL_MS, Cell, Exposure, Seen};

use super::{
    cells::{CellId, EXPOSED_WINDOW_MS, OpenCells},
    item::{Feature, Outcome, find},
    places::{MetricId, PlaceId, Places},
    subjects::{Stand, Subject, Subjects, Trial},
};
use crate::limits::{
    OUTCOME_IDS_WAITING_MAX, OUTCOME_ON_TIME_MS, OUTCOMES_RECALLED_MAX, SUBJECT_FEATURES_MAX,
    SUBJECTS_WINDOW_MS,
};

const MINUTE_MS: i64 = 60_000;
/// How long somebody with a bad trial is out of the risk set: one failing user is not many failures.
const REST_MS: i64 = 10 * MINUTE_MS;
/// An exposure's cell is complete shortly before the guard closes it.
const EXPOSED_ON_TIME_MS: i64 = EXPOSED_WINDOW_MS - 2000;

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
    subjects: Subjects,
    /// Subjects at their first exposure, by rule and division; those that changed.
    counts: HashMap<(PlaceId, i64), (ArmCount, bool)>,
    pub(super) seen: Tallied,
    /// Hashes of event ids that are not written yet.
    ids: Vec<u64>,
    /// Until the ledger was asked, a second at most.
    waiting: Vec<(EnvironmentKey, Outcome, i64)>,
}

/// When an exposure happened, under which revision, and whether nobody counted it yet.
struct Noted {
    revision: u64,
    at_ms: i64,
    is_new: bool,
}

/// An outcome of one metric on its way into one arm.
struct Counted<'a> {
    metric: MetricId,
    definition: &'a MetricDefinition,
    outcome: &'a Outcome,
    place: PlaceId,
    arm: Arm,
    allocation: i64,
    now_ms: i64,
}

impl Counted<'_> {
    fn cell(&self) -> CellId {
        CellId::new(self.place, self.metric, self.arm, self.allocation, self.outcome.at_ms)
    }

    fn trial(&self, event: bool) -> Trial {
        let at_ms = self.outcome.at_ms;
        let resting_until_ms =
            if event && self.definition.lower_is_better { at_ms + REST_MS } else { i64::MIN };
        let Self { place, metric, arm, allocation, .. } = *self;
        Trial { place, metric, arm, allocation, at_ms, event, resting_until_ms }
    }

    fn is_event(&self) -> bool {
        self.outcome.ok.is_some_and(|ok| self.definition.is_event(ok))
    }
}

impl Trial {
    fn cell(&self) -> CellId {
        CellId::new(self.place, self.metric, self.arm, self.allocation, self.at_ms)
    }
}

const fn minute(at_ms: i64) -> i64 {
    at_ms.div_euclid(MINUTE_MS)
}

fn is_on_time(cell: &CellId, now_ms: i64) -> bool {
    now_ms <= cell.end_ms() + OUTCOME_ON_TIME_MS
}

fn add_trial(cell: &mut Cell, group: Option<u8>, trials: u64, events: u64) {
    cell.tally = cell.tally.plus(Tally::new(trials, events));
    if let Some(group) = group {
        cell.groups.add(group, trials, events);
    }
}

impl State {
    /// Whether a batch of outcomes fits: each opens two cells at most in each arm, and most open none.
    pub(super) fn has_room(&mut self, outcomes: usize) -> bool {
        self.cells.has_room(outcomes.min(1000))
    }

    /// Notes what a subject was served.
    pub(super) fn expose(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        exposure: &Exposure,
        now_ms: i64,
    ) {
        let served = exposure.rule.as_ref().zip(exposure.arm);
        let at_ms = exposure.at_ms.min(now_ms);
        if at_ms < now_ms - SUBJECTS_WINDOW_MS {
            return;
        }
        let Exposure { subject, flag, revision, .. } = exposure;
        let noted = Noted { revision: *revision, at_ms, is_new: true };
        self.note(snapshot, metrics, (subject, flag, served), noted, now_ms);
    }

    fn note(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (subject, flag, served): (&SubjectKey, &FlagKey, Option<(&RuleId, Arm)>),
        Noted { revision, at_ms, is_new }: Noted,
        now_ms: i64,
    ) {
        let environment = snapshot.environment();
        let flag_hash = self.subjects.hash((environment, flag.as_str()));
        let served =
            served.and_then(|(rule, arm)| Some((self.places.place(snapshot, flag, rule, now_ms)?, arm)));
        let Some((place, arm)) = served else {
            // Served outside of any comparison: what it does from here on belongs to no arm.
            if let Some(known) = self.subjects.find(environment, subject, now_ms)
                && known.stand(flag_hash).is_some_and(|stand| stand.since_ms <= at_ms)
            {
                known.stands.retain(|stand| stand.flag != flag_hash);
            }
            return;
        };
        let division = self.places.get(place).division(at_ms);
        let allocation = division.allocation.id;
        let known = self.subjects.get(environment, subject, now_ms);
        let mut first = false;
        match known.stand(flag_hash) {
            None => {
                first = true;
                let (since_ms, last_ms) = (at_ms, at_ms);
                let stand =
                    Stand { flag: flag_hash, place, arm, allocation, since_ms, last_ms, before: None };
                known.add_stand(stand);
            }
            Some(stand) => {
                let crosses = stand.place != place || (stand.arm != arm && stand.allocation != allocation);
                if crosses && at_ms >= stand.last_ms {
                    stand.before = Some((stand.place, stand.arm));
                    (stand.place, stand.arm, stand.since_ms) = (place, arm, at_ms);
                }
                if at_ms >= stand.last_ms {
                    (stand.allocation, stand.last_ms) = (allocation, at_ms);
                }
            }
        }
        // An answer from before the step says nothing about how people are divided after it.
        first &= is_new && revision >= division.revision;
        self.count_exposure(place, at_ms, arm, first);
        self.begin_trials(metrics, (environment, subject, flag_hash), at_ms, now_ms);
    }

    fn count_exposure(&mut self, id: PlaceId, at_ms: i64, arm: Arm, first: bool) {
        let place = self.places.get(id);
        let allocation = place.division(at_ms).allocation;
        let fresh = || {
            let count = ArmCount {
                environment: place.environment.clone(),
                flag: place.flag.clone(),
                rule: place.rule.clone(),
                allocation: allocation.id,
                treatment: 0,
                control: 0,
                shares: allocation.shares,
                first_ms: at_ms,
                treatment_last_ms: 0,
                control_last_ms: 0,
            };
            (count, true)
        };
        let (count, changed) = self.counts.entry((id, allocation.id)).or_insert_with(fresh);
        let (total, last_ms) = match arm {
            Arm::Treatment => (&mut count.treatment, &mut count.treatment_last_ms),
            Arm::Control => (&mut count.control, &mut count.control_last_ms),
        };
        *total += u64::from(first);
        // Whether an arm is exposed at all is asked by the minute.
        let news = first || at_ms >= *last_ms + CELL_MS;
        if news {
            *last_ms = (*last_ms).max(at_ms);
            *changed = true;
        }
    }

    /// Where the trial is an exposed subject: it begins here, at most every half hour.
    fn begin_trials(
        &mut self,
        metrics: &[MetricDefinition],
        (environment, subject, flag): (&EnvironmentKey, &SubjectKey, u64),
        at_ms: i64,
        now_ms: i64,
    ) {
        let Some(known) = self.subjects.find(environment, subject, now_ms) else { return };
        let Some(Stand { place, arm, .. }) = known.stand(flag).copied() else { return };
        let allocation = self.places.get(place).division(at_ms).allocation.id;
        let exposed = |metric: &&MetricDefinition| match metric.kind.counts() {
            Counts::Exposed | Counts::ExposedMany => true,
            Counts::Requests | Counts::Durations => false,
        };
        for definition in metrics.iter().filter(exposed) {
            let Some(metric) = self.places.metric(definition) else { continue };
            let runs = |trial: &mut Trial| at_ms < trial.at_ms + EXPOSED_WINDOW_MS && trial.arm == arm;
            if known.trial(place, metric).is_some_and(runs) {
                continue;
            }
            let trial =
                Trial { place, metric, arm, allocation, at_ms, event: false, resting_until_ms: i64::MIN };
            let id = trial.cell();
            if !is_on_time(&id, now_ms) {
                continue;
            }
            let cell = self.cells.get(id);
            cell.outcomes += 1;
            add_trial(cell, Some(known.group), 1, 0);
            known.set_trial(trial);
        }
    }

    /// Counts an outcome in every arm that it belongs to. It was checked.
    pub(super) fn record(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        outcome: &Outcome,
        now_ms: i64,
    ) {
        let Some(definition) = find(metrics, outcome.metric.as_str()) else { return };
        if let Some(subject) = &outcome.subject {
            for feature in &outcome.features {
                self.note_feature(snapshot, metrics, (subject, feature), outcome.at_ms, now_ms);
            }
        }
        let arms = self.arms(snapshot, outcome, now_ms);
        if arms.is_empty() && self.waits(snapshot, outcome, now_ms) {
            return;
        }
        self.seen.unattributed += u64::from(arms.is_empty());
        // What a request took belongs to the latency as well, whatever it was sent as.
        let latency = match definition.kind.counts() {
            Counts::Requests if outcome.latency_ms.is_some() => find(metrics, "latency"),
            Counts::Requests | Counts::Durations | Counts::Exposed | Counts::ExposedMany => None,
        };
        for definition in [Some(definition), latency].into_iter().flatten() {
            let Some(metric) = self.places.metric(definition) else { continue };
            for (place, arm) in &arms {
                let allocation = self.places.get(*place).division(outcome.at_ms).allocation.id;
                let (place, arm) = (*place, *arm);
                self.count(
                    snapshot,
                    &Counted { metric, definition, outcome, place, arm, allocation, now_ms },
                );
            }
        }
    }

    /// Somebody not seen here lately may have been exposed before a restart, or by another server: the ledger knows.
    fn waits(&mut self, snapshot: &Snapshot, outcome: &Outcome, now_ms: i64) -> bool {
        let Some(subject) = &outcome.subject else { return false };
        let environment = snapshot.environment();
        let unknown = self.subjects.find(environment, subject, now_ms).is_none();
        let waits = unknown && outcome.features.is_empty() && self.waiting.len() < OUTCOMES_RECALLED_MAX;
        if waits {
            self.waiting.push((environment.clone(), outcome.clone(), now_ms));
        }
        waits
    }

    /// Outcomes of subjects that are not known here, and when they arrived.
    pub(super) fn take_waiting(&mut self) -> Vec<(EnvironmentKey, Outcome, i64)> {
        std::mem::take(&mut self.waiting)
    }

    /// Puts back what the ledger knows of a subject, so that it is known from here on, perhaps to have seen nothing.
    pub(super) fn remember(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (subject, seen): (&SubjectKey, &[Seen]),
        now_ms: i64,
    ) {
        self.subjects.get(snapshot.environment(), subject, now_ms);
        for line in seen.iter().filter(|line| line.last_ms > now_ms - SUBJECTS_WINDOW_MS) {
            let served = (subject, &line.flag, line.rule.as_ref().zip(line.arm));
            for at_ms in [line.first_ms, line.last_ms] {
                self.note(
                    snapshot,
                    metrics,
                    served,
                    Noted { revision: line.revision, at_ms, is_new: false },
                    now_ms,
                );
            }
        }
    }

    /// A feature that the sender says was in force is an exposure.
    fn note_feature(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (subject, feature): (&SubjectKey, &Feature),
        at_ms: i64,
        now_ms: i64,
    ) {
        let flag_hash = self.subjects.hash((snapshot.environment(), feature.flag.as_str()));
        let served = feature.rule.clone().zip(feature.arm).or_else(|| {
            let known = self.subjects.find(snapshot.environment(), subject, now_ms);
            let is_known = known.is_some_and(|known| known.stand(flag_hash).is_some());
            if is_known { None } else { decided(snapshot, subject, feature, now_ms) }
        });
        if let Some((rule, arm)) = &served {
            let served = Some((rule, *arm));
            let noted = Noted { revision: snapshot.revision(), at_ms, is_new: true };
            self.note(snapshot, metrics, (subject, &feature.flag, served), noted, now_ms);
        }
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
        let counts = |stand: &&Stand| {
            (named.is_empty() || named.contains(&stand.flag))
                && at_ms - stand.last_ms < SUBJECTS_WINDOW_MS
                // Before its first exposure nothing was served to it.
                && (at_ms >= stand.since_ms || stand.before.is_some())
        };
        let stands: Vec<_> = known.stands.iter().filter(counts).filter_map(|stand| stand.at(at_ms)).collect();
        stands.into_iter().filter(|(place, _)| self.places.refresh(*place, snapshot, now_ms)).collect()
    }

    fn count(&mut self, snapshot: &Snapshot, counted: &Counted<'_>) {
        let id = counted.cell();
        let Self { cells, subjects, seen, .. } = self;
        let subject = counted.outcome.subject.as_ref();
        let known = subject.and_then(|it| subjects.find(snapshot.environment(), it, counted.now_ms));
        let late = u64::from(!is_on_time(&id, counted.now_ms));
        match counted.definition.kind.counts() {
            Counts::Requests => {
                let cell = cells.get(id);
                cell.outcomes += 1;
                cell.events += u64::from(counted.is_event());
                cell.sum += counted.outcome.value.unwrap_or(0.0);
                cell.late += late;
                count_request(cells, known, counted, id);
            }
            Counts::Durations => {
                // A fast error must not look like a fast success.
                let Some(ms) = counted.outcome.duration().filter(|_| counted.outcome.ok != Some(false))
                else {
                    return;
                };
                let cell = cells.get(id);
                cell.outcomes += 1;
                cell.sum += ms;
                cell.late += late;
                cell.add_duration(ms);
                count_duration(cells, known, counted, (id, ms));
            }
            Counts::Exposed => count_conversion(cells, known, counted),
            Counts::ExposedMany => count_several(cells, known, counted, id),
        }
        seen.late += late;
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

/// What the flag decides for the subject now, when that is what it was served.
fn decided(
    snapshot: &Snapshot,
    subject: &SubjectKey,
    feature: &Feature,
    now_ms: i64,
) -> Option<(RuleId, Arm)> {
    let context = Context {
        targeting_key: Some(subject.as_str()),
        sender: Sender::Server,
        sent: Attributes::EMPTY,
        signed: Attributes::EMPTY,
        traits: Attributes::EMPTY,
    };
    let decision = snapshot.evaluate(feature.flag.as_str(), &context, now_ms).ok()?;
    let same = feature.variant.as_ref().is_some_and(|variant| *variant == decision.variant.key);
    if same { decision.rule.cloned().zip(decision.arm) } else { None }
}

/// One trial for a subject and minute; a failure later in that minute makes it a bad one while its cell is open.
fn count_request(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>, id: CellId) {
    let (event, at_ms, now_ms) = (counted.is_event(), counted.outcome.at_ms, counted.now_ms);
    let Some(known) = known else {
        if is_on_time(&id, now_ms) {
            add_trial(cells.get(id), None, 1, u64::from(event));
        }
        return;
    };
    let group = Some(known.group);
    if let Some(trial) = known.trial(counted.place, counted.metric) {
        if at_ms < trial.resting_until_ms || minute(at_ms) < minute(trial.at_ms) {
            return;
        }
        if minute(at_ms) == minute(trial.at_ms) && trial.arm == counted.arm {
            let cell = trial.cell();
            if event && !trial.event && is_on_time(&cell, now_ms) {
                let begun = trial.at_ms;
                *trial = Trial { at_ms: begun, ..counted.trial(true) };
                add_trial(cells.get(cell), group, 0, 1);
            }
            return;
        }
    }
    if is_on_time(&id, now_ms) {
        add_trial(cells.get(id), group, 1, u64::from(event));
        known.set_trial(counted.trial(event));
    }
}

/// The first duration of a subject in a minute.
fn count_duration(
    cells: &mut OpenCells,
    known: Option<&mut Subject>,
    counted: &Counted<'_>,
    (id, ms): (CellId, f64),
) {
    if !is_on_time(&id, counted.now_ms) {
        return;
    }
    let group = known.as_ref().map(|known| known.group);
    if let Some(known) = known {
        let at = minute(counted.outcome.at_ms);
        if known.trial(counted.place, counted.metric).is_some_and(|trial| at <= minute(trial.at_ms)) {
            return;
        }
        known.set_trial(counted.trial(false));
    }
    let cell = cells.get(id);
    cell.latency.record(ms);
    add_trial(cell, group, 1, 0);
}

/// Once for an exposure, in its cell.
fn count_conversion(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>) {
    // Sending a conversion says that it happened, unless it says otherwise.
    if counted.outcome.ok == Some(false) {
        return;
    }
    let Some(known) = known else { return };
    let (group, at_ms) = (known.group, counted.outcome.at_ms);
    let Some(trial) = known.trial(counted.place, counted.metric) else { return };
    if trial.event || at_ms < trial.at_ms || at_ms >= trial.at_ms + EXPOSED_WINDOW_MS {
        return;
    }
    trial.event = true;
    let id = trial.cell();
    let cell = cells.get(id);
    cell.events += 1;
    cell.sum += counted.outcome.value.unwrap_or(0.0);
    if counted.now_ms <= id.end_ms() + EXPOSED_ON_TIME_MS {
        add_trial(cell, Some(group), 0, 1);
    } else {
        cell.late += 1;
    }
}

/// Complaints and the like: where it happened. There it is a trial as well, unless its exposure's cell is the same, so
/// that somebody is there whenever somebody complains.
fn count_several(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>, id: CellId) {
    let Some(known) = known else { return };
    let count = whole(counted.outcome.value.unwrap_or(1.0));
    let begun = known.trial(counted.place, counted.metric).is_some_and(|trial| trial.cell() == id);
    let group = known.group;
    let cell = cells.get(id);
    cell.events = cell.events.saturating_add(count);
    cell.sum += counted.outcome.value.unwrap_or(1.0);
    if is_on_time(&id, counted.now_ms) {
        add_trial(cell, Some(group), u64::from(!begun), count);
    } else {
        cell.late += 1;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: 0 to a million")]
fn whole(value: f64) -> u64 {
    value.clamp(0.0, 1e6).round() as u64
}
