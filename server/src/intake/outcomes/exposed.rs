//! Exposures: which arm a subject stands in. First exposure decides the arm as long as the percentages stay; after a step
//! the next exposure may cross the subject over, and outcomes of before still count for the arm of before.

use engine::{
    Arm, Attributes, Context, Counts, EnvironmentKey, FlagKey, MetricDefinition, RuleId, Sender, Snapshot,
    SubjectKey,
    guardrail::{block::OUTCOME_WINDOW_MS, trial},
};
use store::{ArmCount, CELL_MS, Entry, Exposure, People, Stood};

use super::{
    cells::EXPOSED_WINDOW_MS,
    count::{add_trial, entries, is_on_time},
    item::Feature,
    places::PlaceId,
    state::State,
    subjects::{CountedTrial, Stand},
};
use crate::limits::SUBJECTS_WINDOW_MS;

/// Whose word it is that an exposure happened, when, under which revision, and what of it was counted elsewhere.
#[derive(Clone, Copy)]
struct Noted {
    sender: Sender,
    revision: u64,
    at_ms: i64,
    news: News,
}

#[derive(Clone, Copy, PartialEq)]
enum News {
    /// Nobody counted it yet.
    All,
    /// The ledger has it: whoever wrote it has counted what began there.
    Begun,
    /// The same, and nothing began there.
    None,
}

/// Whether it is a subject's first exposure: of all, of those that servers told, and at these percentages.
#[derive(Clone, Copy, Default)]
struct Firsts {
    all: bool,
    servers: bool,
    /// At these percentages.
    entered: bool,
}

impl State {
    /// Notes what a subject was served.
    pub(super) fn expose(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (sender, exposure): (Sender, &Exposure),
        now_ms: i64,
    ) {
        let served = exposure.rule.as_ref().zip(exposure.arm);
        let at_ms = exposure.at_ms.min(now_ms);
        if at_ms < now_ms - SUBJECTS_WINDOW_MS {
            return;
        }
        let Exposure { subject, flag, revision, .. } = exposure;
        let noted = Noted { sender, revision: *revision, at_ms, news: News::All };
        self.note(snapshot, metrics, (subject, flag, served), noted, now_ms);
    }

    fn note(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (subject, flag, served): (&SubjectKey, &FlagKey, Option<(&RuleId, Arm)>),
        noted: Noted,
        now_ms: i64,
    ) {
        let Noted { sender, revision, at_ms, news } = noted;
        let environment = snapshot.environment();
        let flag_hash = self.subjects.hash((environment, flag.as_str()));
        let served =
            served.and_then(|(rule, arm)| Some((self.places.place(snapshot, flag, rule, now_ms)?, arm)));
        let by_server = sender == Sender::Server;
        let Some((place, arm)) = served else {
            // Served outside of any comparison: what it does from here on belongs to no arm. Where a server placed the
            // subject, only a server takes it away: otherwise a browser could hide what servers tell of it.
            if let Some(known) = self.subjects.find(environment, subject, now_ms)
                && known
                    .stand(flag_hash)
                    .is_some_and(|stand| stand.since_ms <= at_ms && (by_server || !stand.told_by_servers))
            {
                known.stands.retain(|stand| stand.flag != flag_hash);
            }
            return;
        };
        let division = self.places.get(place).division(at_ms);
        let allocation = division.allocation.id;
        let known = self.subjects.get(environment, subject, now_ms);
        let mut firsts = Firsts { all: false, servers: by_server, entered: false };
        match known.stand(flag_hash) {
            Some(stand) if by_server && !stand.told_by_servers => {
                // A browser's word gives way to a server's, also where it says that it came later.
                let mut told = *stand;
                told.told_by_servers = true;
                firsts.entered = told.allocation != allocation;
                told.move_to((place, arm, allocation), at_ms);
                known.add_stand(told);
            }
            None => {
                (firsts.all, firsts.entered) = (true, true);
                let mut stand = Stand::new(flag_hash, (place, arm, allocation), at_ms);
                stand.told_by_servers = by_server;
                known.add_stand(stand);
            }
            Some(stand) => {
                firsts.servers &= !stand.told_by_servers;
                // Whom a server placed, no browser moves.
                let may_move = (by_server || !stand.told_by_servers) && at_ms >= stand.last_ms;
                let crosses = stand.place != place || (stand.arm != arm && stand.allocation != allocation);
                if crosses && may_move {
                    stand.before = Some((stand.place, stand.arm));
                    (stand.place, stand.arm, stand.since_ms) = (place, arm, at_ms);
                }
                if may_move {
                    firsts.entered = stand.allocation != allocation;
                    (stand.allocation, stand.last_ms) = (allocation, at_ms);
                }
            }
        }
        // An answer from before the step says nothing about how people are divided after it.
        if news != News::All || revision < division.revision {
            firsts = Firsts::default();
        }
        self.count_exposure(place, at_ms, arm, firsts);
        let of = (environment, subject, flag_hash);
        match news {
            News::All => {
                self.begin_trials(metrics, (of, sender), (at_ms, true), now_ms);
                self.await_outcome((of, sender), at_ms, now_ms);
            }
            News::Begun => self.begin_trials(metrics, (of, sender), (at_ms, false), now_ms),
            News::None => {}
        }
    }

    fn count_exposure(&mut self, id: PlaceId, at_ms: i64, arm: Arm, firsts: Firsts) {
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
                servers_treatment: 0,
                servers_control: 0,
                shares: allocation.shares,
                first_ms: at_ms,
                treatment_last_ms: 0,
                control_last_ms: 0,
                entered: 0,
                entered_last_ms: 0,
            };
            (count, true)
        };
        let (count, changed) = self.counts.entry((id, allocation.id)).or_insert_with(fresh);
        let (total, of_servers, last_ms) = match arm {
            Arm::Treatment => {
                (&mut count.treatment, &mut count.servers_treatment, &mut count.treatment_last_ms)
            }
            Arm::Control => (&mut count.control, &mut count.servers_control, &mut count.control_last_ms),
        };
        *total += u64::from(firsts.all);
        *of_servers += u64::from(firsts.servers);
        let entered = firsts.entered && arm == Arm::Treatment;
        if entered {
            (count.entered, count.entered_last_ms) = (count.entered + 1, count.entered_last_ms.max(at_ms));
        }
        // Whether an arm is exposed at all is asked by the minute.
        let news = firsts.all || firsts.servers || entered || at_ms >= *last_ms + CELL_MS;
        if news {
            *last_ms = (*last_ms).max(at_ms);
            *changed = true;
        }
    }

    /// Where the trial is an exposed subject: it begins here, at most every half hour. Whatever is not `new` was counted by
    /// whoever was told first.
    fn begin_trials(
        &mut self,
        metrics: &[MetricDefinition],
        ((environment, subject, flag), sender): ((&EnvironmentKey, &SubjectKey, u64), Sender),
        (at_ms, new): (i64, bool),
        now_ms: i64,
    ) {
        let Some(known) = self.subjects.find(environment, subject, now_ms) else { return };
        let Some(Stand { place, arm, .. }) = known.stand(flag).copied() else { return };
        let part = self.places.get(place).division(at_ms).part();
        let exposed = |metric: &&MetricDefinition| match metric.kind.counts() {
            Counts::Exposed | Counts::ExposedMany => true,
            Counts::Requests | Counts::Durations | Counts::Unanswered => false,
        };
        for definition in metrics.iter().filter(exposed) {
            let Some(metric) = self.places.metric(definition) else { continue };
            let own = trial::Trial::new(at_ms, false, false);
            let trial = CountedTrial { entry: Entry::Both, place, metric, arm, part, own };
            let id = trial.cell();
            if !is_on_time(&id, now_ms) {
                continue;
            }
            let runs = |trial: CountedTrial| at_ms < trial.own.at_ms + EXPOSED_WINDOW_MS && trial.arm == arm;
            let begins = |book| (!known.trial(place, metric, book).is_some_and(runs)).then_some(());
            for (entry, ()) in entries(sender, begins) {
                if new {
                    self.cells.enter(id, entry, |cell| {
                        cell.outcomes += 1;
                        add_trial(cell, Some(known.group), 1, 0);
                    });
                }
                known.set_trial(CountedTrial { entry, ..trial });
            }
        }
    }

    /// Puts back what the ledger knows of a subject: from here on everything is known, perhaps that it has seen nothing.
    pub(super) fn remember<'l>(
        &mut self,
        snapshot: &Snapshot,
        metrics: &[MetricDefinition],
        (subject, stood): (&SubjectKey, impl Iterator<Item = &'l Stood>),
        now_ms: i64,
    ) {
        let environment = snapshot.environment();
        let epoch = self.waiting.epoch();
        self.subjects.get(environment, subject, now_ms).recalled = Some(epoch);
        for line in stood {
            if self.is_from_elsewhere(snapshot, line, now_ms) {
                self.served_elsewhere(environment, now_ms);
            }
            let served = (subject, &line.flag, line.rule.as_ref().zip(line.arm));
            // What servers told of the line lies within it.
            let (first_ms, last_ms) = line.by_servers.unwrap_or((i64::MAX, i64::MIN));
            let told = [
                (line.first_ms < first_ms).then_some((line.first_ms, Sender::Client, News::Begun)),
                line.by_servers.map(|_| (first_ms, Sender::Server, News::Begun)),
                line.by_servers.map(|_| (last_ms, Sender::Server, News::None)),
                (line.last_ms > last_ms).then_some((line.last_ms, Sender::Client, News::None)),
            ];
            for (at_ms, sender, news) in told.into_iter().flatten() {
                let noted = Noted { sender, revision: line.revision, at_ms: at_ms.min(now_ms), news };
                self.note(snapshot, metrics, served, noted, now_ms);
            }
        }
    }

    /// Whether the line tells of something that another server served a moment ago.
    fn is_from_elsewhere(&mut self, snapshot: &Snapshot, line: &Stood, now_ms: i64) -> bool {
        let Some((rule, _)) = line.rule.as_ref().zip(line.arm) else { return false };
        let last_ms = line.by_servers.map_or(line.last_ms, |(_, last_ms)| last_ms);
        if last_ms <= now_ms - OUTCOME_WINDOW_MS
            || self.places.place(snapshot, &line.flag, rule, now_ms).is_none()
        {
            return false;
        }
        let environment = snapshot.environment();
        let flag = self.subjects.hash((environment, line.flag.as_str()));
        let Some(known) = self.subjects.find(environment, &line.subject, now_ms) else { return true };
        let by_servers = line.by_servers.is_some();
        match known.stand(flag) {
            Some(stand) => stand.last_ms < last_ms && (by_servers || !stand.told_by_servers),
            // What browsers told may have made room.
            None => by_servers || !known.is_full(false),
        }
    }

    /// A feature that the sender says was in force is an exposure.
    pub(super) fn note_feature(
        &mut self,
        snapshot: &Snapshot,
        (people, metrics): (&People, &[MetricDefinition]),
        (subject, feature, sender): (&SubjectKey, &Feature, Sender),
        at_ms: i64,
        now_ms: i64,
    ) {
        let flag_hash = self.subjects.hash((snapshot.environment(), feature.flag.as_str()));
        let served = feature.rule.clone().zip(feature.arm).or_else(|| {
            let known = self.subjects.find(snapshot.environment(), subject, now_ms);
            let is_known = known.is_some_and(|known| known.stand(flag_hash).is_some());
            if is_known { None } else { decided(snapshot, people, (subject, feature), now_ms) }
        });
        if let Some((rule, arm)) = &served {
            let served = Some((rule, *arm));
            let noted = Noted { sender, revision: snapshot.revision(), at_ms, news: News::All };
            self.note(snapshot, metrics, (subject, &feature.flag, served), noted, now_ms);
        }
    }
}

/// What the flag decides for the subject now, with what is stored of it, when that is what it was served.
fn decided(
    snapshot: &Snapshot,
    people: &People,
    (subject, feature): (&SubjectKey, &Feature),
    now_ms: i64,
) -> Option<(RuleId, Arm)> {
    let context = Context {
        targeting_key: Some(subject.as_str()),
        sender: Sender::Server,
        sent: Attributes::EMPTY,
        signed: Attributes::EMPTY,
        traits: people.traits(subject.as_str()).unwrap_or_default(),
    };
    let decision = snapshot.evaluate(feature.flag.as_str(), &context, now_ms).ok()?;
    let same = feature.variant.as_ref().is_some_and(|variant| *variant == decision.variant.key);
    if same { decision.rule.cloned().zip(decision.arm) } else { None }
}
