//! Counting: from outcomes to trials and events in the cells of an arm.

use engine::{
    Arm, Counts, MetricDefinition, Sender, Snapshot,
    guardrail::{
        Accepts,
        tally::Tally,
        trial::{self, Added},
    },
};
use store::{Cell, Entry};

use super::{
    cells::{CellId, EXPOSED_WINDOW_MS, OpenCells},
    item::Outcome,
    places::{MetricId, PlaceId},
    state::State,
    subjects::{CountedTrial, Subject},
};
use crate::limits::{OUTCOME_ON_TIME_MS, OUTCOME_VALUE_MAX};

/// An exposure's cell is complete shortly before the guard closes it.
const EXPOSED_ON_TIME_MS: i64 = EXPOSED_WINDOW_MS - 2000;

/// An outcome of one metric on its way into one arm.
pub(super) struct Counted<'a> {
    pub(super) metric: MetricId,
    pub(super) definition: &'a MetricDefinition,
    pub(super) outcome: &'a Outcome,
    pub(super) place: PlaceId,
    pub(super) arm: Arm,
    pub(super) allocation: i64,
    pub(super) now_ms: i64,
}

impl Counted<'_> {
    fn cell(&self) -> CellId {
        CellId::new(self.place, self.metric, self.arm, self.allocation, self.outcome.at_ms)
    }

    /// Which books it belongs in is decided later.
    fn trial(&self, own: trial::Trial) -> CountedTrial {
        let Self { place, metric, arm, allocation, .. } = *self;
        CountedTrial { entry: Entry::Both, place, metric, arm, allocation, own }
    }

    fn is_event(&self) -> bool {
        self.outcome.ok.is_some_and(|ok| self.definition.is_event(ok))
    }
}

impl CountedTrial {
    pub(super) fn cell(&self) -> CellId {
        CellId::new(self.place, self.metric, self.arm, self.allocation, self.own.at_ms)
    }
}

/// Where everything that arrives is entered.
pub(super) const fn everything(sender: Sender) -> Entry {
    match sender {
        Sender::Server => Entry::Both,
        Sender::Client => Entry::Only(Accepts::ServersAndBrowsers),
    }
}

/// One entry for both books, or one for each.
pub(super) type Entries<T> = std::iter::Flatten<std::array::IntoIter<Option<(Entry, T)>, 2>>;

/// What is to be entered, once where both books decide alike. Each decides by what it knows itself, so that nothing a
/// browser tells ever makes a difference to the book of servers.
pub(super) fn entries<T: PartialEq>(sender: Sender, decide: impl Fn(Accepts) -> Option<T>) -> Entries<T> {
    in_books(everything(sender), decide)
}

/// The same in the books of an entry.
pub(super) fn in_books<T: PartialEq>(entry: Entry, decide: impl Fn(Accepts) -> Option<T>) -> Entries<T> {
    let only = |book| decide(book).map(|it| (Entry::Only(book), it));
    let entries = match entry {
        Entry::Only(book) => [only(book), None],
        Entry::Both => match [Accepts::Servers, Accepts::ServersAndBrowsers].map(only) {
            [Some((_, servers)), Some((_, all))] if servers == all => [Some((Entry::Both, all)), None],
            apart => apart,
        },
    };
    entries.into_iter().flatten()
}

pub(super) fn is_on_time(cell: &CellId, now_ms: i64) -> bool {
    now_ms <= cell.end_ms() + OUTCOME_ON_TIME_MS
}

pub(super) fn add_trial(cell: &mut Cell, group: Option<u8>, trials: u64, events: u64) {
    cell.tally = cell.tally.plus(Tally::new(trials, events));
    if let Some(group) = group {
        cell.groups.add(group, trials, events);
    }
}

impl State {
    pub(super) fn count(&mut self, snapshot: &Snapshot, counted: &Counted<'_>) {
        let id = counted.cell();
        let Self { cells, subjects, seen, .. } = self;
        let subject = counted.outcome.subject.as_ref();
        let known = subject.and_then(|it| subjects.find(snapshot.environment(), it, counted.now_ms));
        let late = u64::from(!is_on_time(&id, counted.now_ms));
        match counted.definition.kind.counts() {
            Counts::Requests => {
                cells.enter(id, everything(counted.outcome.sender), |cell| {
                    cell.outcomes += 1;
                    cell.events += u64::from(counted.is_event());
                    cell.late += late;
                });
                count_request(cells, known, counted, id);
            }
            Counts::Durations => {
                // A fast error must not look like a fast success.
                let Some(ms) = counted.outcome.duration().filter(|_| counted.outcome.ok != Some(false))
                else {
                    return;
                };
                cells.enter(id, everything(counted.outcome.sender), |cell| {
                    cell.outcomes += 1;
                    cell.sum += ms;
                    cell.late += late;
                    cell.add_duration(ms);
                });
                count_duration(cells, known, counted, (id, ms));
            }
            Counts::Exposed => count_conversion(cells, known, counted),
            Counts::ExposedMany => count_several(cells, known, counted, id),
            // Nobody sends what did not happen.
            Counts::Unanswered => {}
        }
        seen.late += late;
    }
}

/// What a request adds in one book, and the trial that it leaves there.
#[derive(PartialEq)]
struct Request {
    cell: CellId,
    trials: u64,
    events: u64,
    trial: CountedTrial,
}

/// One trial for a subject and minute; a failure later in that minute makes it a bad one while its cell is open.
fn count_request(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>, id: CellId) {
    let (event, at_ms, now_ms) = (counted.is_event(), counted.outcome.at_ms, counted.now_ms);
    let sender = counted.outcome.sender;
    let Some(known) = known else {
        if is_on_time(&id, now_ms) {
            cells.enter(id, everything(sender), |cell| add_trial(cell, None, 1, u64::from(event)));
        }
        return;
    };
    let rests = counted.definition.lower_is_better;
    let decide = |book| {
        let before = known.trial(counted.place, counted.metric, book);
        let added = before.map_or(Added::Trial(trial::Trial::new(at_ms, event, rests)), |before| {
            before.own.add(at_ms, event, rests, before.arm == counted.arm)
        });
        let (cell, trials, events, trial) = match added {
            Added::Trial(own) => (id, 1, u64::from(event), counted.trial(own)),
            Added::Event(own) => {
                let turned = counted.trial(own);
                // It counts where the trial did, also when the percentages have changed since.
                (before.map_or(turned.cell(), |before| before.cell()), 0, 1, turned)
            }
            Added::Nothing => return None,
        };
        is_on_time(&cell, now_ms).then_some(Request { cell, trials, events, trial })
    };
    let group = Some(known.group);
    for (entry, Request { cell, trials, events, trial }) in entries(sender, decide) {
        cells.enter(cell, entry, |cell| add_trial(cell, group, trials, events));
        known.set_trial(CountedTrial { entry, ..trial });
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
    let sender = counted.outcome.sender;
    let mut count = |entry: Entry, group: Option<u8>| {
        cells.enter(id, entry, |cell| {
            cell.add_trial_duration(ms, group);
            add_trial(cell, group, 1, 0);
        });
    };
    let Some(known) = known else { return count(everything(sender), None) };
    let at_ms = counted.outcome.at_ms;
    let decide = |book| {
        let before = known.trial(counted.place, counted.metric, book);
        (!before.is_some_and(|trial| trial.own.covers(at_ms))).then_some(())
    };
    for (entry, ()) in entries(sender, decide) {
        count(entry, Some(known.group));
        known.set_trial(CountedTrial { entry, ..counted.trial(trial::Trial::new(at_ms, false, false)) });
    }
}

/// Once for an exposure, in its cell.
fn count_conversion(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>) {
    // Sending a conversion says that it happened, unless it says otherwise.
    if counted.outcome.ok == Some(false) {
        return;
    }
    let Some(known) = known else { return };
    let (group, at_ms) = (known.group, counted.outcome.at_ms);
    let decide = |book| {
        let mut trial = known.trial(counted.place, counted.metric, book)?;
        let began_ms = trial.own.at_ms;
        if trial.own.event || at_ms < began_ms || at_ms >= began_ms + EXPOSED_WINDOW_MS {
            return None;
        }
        (trial.own.event, trial.entry) = (true, Entry::Both);
        Some(trial)
    };
    for (entry, trial) in entries(counted.outcome.sender, decide) {
        let id = trial.cell();
        cells.enter(id, entry, |cell| {
            cell.events += 1;
            if counted.now_ms <= id.end_ms() + EXPOSED_ON_TIME_MS {
                add_trial(cell, Some(group), 0, 1);
            } else {
                cell.late += 1;
            }
        });
        known.set_trial(CountedTrial { entry, ..trial });
    }
}

/// Complaints and the like: where it happened. There it is a trial as well, unless its exposure's cell is the same, so
/// that somebody is there whenever somebody complains.
fn count_several(cells: &mut OpenCells, known: Option<&mut Subject>, counted: &Counted<'_>, id: CellId) {
    let Some(known) = known else { return };
    let value = counted.outcome.value.unwrap_or(1.0);
    let count = whole(value);
    let begun = |book| {
        let trial = known.trial(counted.place, counted.metric, book);
        Some(trial.is_some_and(|trial| trial.cell() == id))
    };
    for (entry, begun) in entries(counted.outcome.sender, begun) {
        cells.enter(id, entry, |cell| {
            cell.events = cell.events.saturating_add(count);
            cell.sum += value;
            if is_on_time(&id, counted.now_ms) {
                add_trial(cell, Some(known.group), u64::from(!begun), count);
            } else {
                cell.late += 1;
            }
        });
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: 0 to a million")]
fn whole(value: f64) -> u64 {
    value.clamp(0.0, OUTCOME_VALUE_MAX).round() as u64
}
