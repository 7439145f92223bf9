//! What one cell holds. Two halves: everything that arrived, for charts; and the trials that arrived in time, for the
//! guard, which folds each of them once and never again. All of it adds up.

use std::{fmt, ops::AddAssign};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use engine::guardrail::{
    dispersion::Groups,
    latency::{self, LatencyHistogram},
    tally::Tally,
};
use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

use super::durations::GroupDurations;

const GROUPS: u8 = 64;

/// Trials and events by group of people: sorted group numbers, 0…63.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupTallies(Vec<(u8, u64, u64)>);

impl GroupTallies {
    pub fn add(&mut self, group: u8, trials: u64, events: u64) {
        match self.0.binary_search_by_key(&group, |(number, ..)| *number) {
            Ok(at) => {
                let (_, sum_trials, sum_events) = &mut self.0[at];
                *sum_trials = sum_trials.saturating_add(trials);
                *sum_events = sum_events.saturating_add(events);
            }
            Err(at) => self.0.insert(at, (group, trials, events)),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (group, trials, events) in &other.0 {
            self.add(*group, *trials, *events);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What adding keeps: in order, and groups that exist.
    fn is_sound(&self) -> bool {
        self.0.is_sorted_by(|(a, ..), (b, ..)| a < b) && self.0.iter().all(|(group, ..)| *group < GROUPS)
    }

    /// As the guard's arithmetic takes them.
    pub fn to_groups(&self) -> Groups {
        let mut groups = Groups::default();
        for (group, trials, events) in &self.0 {
            groups.record(u64::from(*group), Tally::new(*trials, *events));
        }
        groups
    }
}

/// Relative accuracy 1 %, whatever the durations are; boxed because most cells have none.
#[derive(Clone)]
struct Sketch(Box<DDSketch>);

impl Sketch {
    fn new() -> Self {
        Self(Box::new(DDSketch::new(Config::defaults())))
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sketch of {} durations", self.0.count())
    }
}

/// A sum of values. It stays finite whatever is added, because what is not cannot be written down and read back.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Total(f64);

impl Total {
    /// Beyond this a sum says nothing more.
    const MAX: f64 = 1e18;

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl AddAssign<f64> for Total {
    fn add_assign(&mut self, value: f64) {
        if !value.is_nan() {
            self.0 = (self.0 + value.clamp(-Self::MAX, Self::MAX)).clamp(-Self::MAX, Self::MAX);
        }
    }
}

/// One metric in one arm over a few seconds.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Everything that arrived: outcomes, how many were the event that is counted, and the sum of their values.
    pub outcomes: u64,
    pub events: u64,
    pub sum: Total,
    /// Those of `outcomes` that came after the guard had closed the cell.
    pub late: u64,
    /// Every duration; quantiles within 1 %.
    sketch: Option<Sketch>,
    /// Trials that arrived in time, and how many had the event.
    pub tally: Tally,
    /// The trials' durations, of requests that did not fail.
    pub latency: LatencyHistogram,
    /// `tally` by group of people.
    pub groups: GroupTallies,
    /// `latency` by group of people; only while the guard may fold the cell.
    pub durations: GroupDurations,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, skip_serializing_if = "is_zero")]
    outcomes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    events: u64,
    #[serde(default)]
    sum: Total,
    #[serde(default, skip_serializing_if = "is_zero")]
    late: u64,
    /// The sketch's own binary form in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sketch: Option<String>,
    tally: (u64, u64),
    #[serde(default, skip_serializing_if = "LatencyHistogram::is_empty")]
    latency: LatencyHistogram,
    #[serde(default, skip_serializing_if = "GroupTallies::is_empty")]
    groups: GroupTallies,
    /// [`GroupDurations`] in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    durations: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Cell {
    /// Adds a duration to the sketch that charts are drawn from; the caller counts the outcome.
    pub fn add_duration(&mut self, ms: f64) {
        if ms.is_finite() && ms >= 0.0 {
            self.sketch.get_or_insert_with(Sketch::new).0.add(ms);
        }
    }

    /// Adds the duration of a trial, and to its group of people where that is known; the caller counts the trial.
    pub fn add_trial_duration(&mut self, ms: f64, group: Option<u8>) {
        self.latency.record(ms);
        if let Some(group) = group.filter(|_| ms >= 0.0) {
            self.durations.add(group, latency::bucket(ms), 1);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.outcomes = self.outcomes.saturating_add(other.outcomes);
        self.events = self.events.saturating_add(other.events);
        self.sum += other.sum.get();
        self.late = self.late.saturating_add(other.late);
        match (&mut self.sketch, &other.sketch) {
            (Some(own), Some(other)) => {
                // All sketches here are made with the same accuracy, the only thing that could differ.
                if let Err(error) = own.0.merge(&other.0) {
                    tracing::error!(%error, "two sketches cannot be merged");
                }
            }
            (None, Some(other)) => self.sketch = Some(other.clone()),
            (_, None) => {}
        }
        self.tally = self.tally.plus(other.tally);
        self.latency.merge(&other.latency);
        self.groups.merge(&other.groups);
        self.durations.merge(&other.durations);
    }

    /// The share of outcomes that were the event; `None` without outcomes.
    pub fn rate(&self) -> Option<f64> {
        (self.outcomes > 0).then(|| float(self.events) / float(self.outcomes))
    }

    /// The quantile `q` (0 to 1) of all durations in milliseconds, within 1 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.sketch.as_ref()?.0.quantile(q).ok().flatten()
    }

    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Document {
            outcomes: self.outcomes,
            events: self.events,
            sum: self.sum,
            late: self.late,
            sketch: self.sketch.as_ref().map(|sketch| STANDARD_NO_PAD.encode(sketch.0.to_java_bytes())),
            tally: (self.tally.trials, self.tally.events),
            latency: self.latency.clone(),
            groups: self.groups.clone(),
            durations: (!self.durations.is_empty())
                .then(|| STANDARD_NO_PAD.encode(self.durations.to_bytes())),
        })
    }

    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let document: Document = serde_json::from_str(text).ok()?;
        if !document.groups.is_sound() {
            return None;
        }
        let sketch = match document.sketch {
            Some(text) => {
                let bytes = STANDARD_NO_PAD.decode(text).ok()?;
                Some(Sketch(Box::new(DDSketch::from_java_bytes(&bytes).ok()?)))
            }
            None => None,
        };
        let durations = match document.durations {
            Some(text) => GroupDurations::from_bytes(&STANDARD_NO_PAD.decode(text).ok()?)?,
            None => GroupDurations::default(),
        };
        Some(Self {
            outcomes: document.outcomes,
            events: document.events,
            sum: document.sum,
            late: document.late,
            sketch,
            tally: Tally::new(document.tally.0, document.tally.1),
            latency: document.latency,
            groups: document.groups,
            durations,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(durations: impl Iterator<Item = f64>) -> Cell {
        let mut cell = Cell::default();
        for ms in durations {
            cell.outcomes += 1;
            cell.sum += ms;
            cell.add_duration(ms);
            cell.add_trial_duration(ms, Some(7));
            cell.tally = cell.tally.plus(Tally::new(1, 0));
            cell.groups.add(7, 1, 0);
        }
        cell
    }

    #[test]
    fn a_cell_survives_storage_and_merges_with_what_was_stored() {
        let odd = cell((1..=999).step_by(2).map(f64::from));
        let mut read = Cell::from_json(&odd.to_json().expect("JSON")).expect("a cell");
        read.merge(&cell((2..=1000).step_by(2).map(f64::from)));
        read.merge(&Cell::default());
        let all = cell((1..=1000).map(f64::from));
        assert_eq!((read.outcomes, read.tally, &read.latency), (1000, all.tally, &all.latency));
        assert_eq!((&read.groups, &read.durations), (&all.groups, &all.durations));
        assert_eq!(read.durations.to_histograms()[&7], all.latency);
        assert!((read.sum.get() - 500_500.0).abs() < 1e-6);
        for (q, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = read.quantile(q).expect("a quantile");
            assert!((found / ms - 1.0).abs() < 0.011, "{q}: {found}");
            assert_eq!(Some(found), all.quantile(q));
        }
        let again = Cell::from_json(&read.to_json().expect("JSON")).expect("a cell");
        assert_eq!(again.quantile(0.95), read.quantile(0.95));
    }

    #[test]
    fn a_cell_reads_back_whatever_was_added() {
        let mut cell = Cell::default();
        for value in [1.7e308, 1.7e308, f64::INFINITY, f64::NAN, -3.0] {
            cell.sum += value;
        }
        let mut read = Cell::from_json(&cell.to_json().expect("JSON")).expect("a cell");
        read.merge(&cell);
        assert!(read.sum.get() > 0.0 && Cell::from_json(&read.to_json().expect("JSON")).is_some());
        cell.sum += f64::NEG_INFINITY;
        assert!(cell.sum.get().is_finite());
    }

    #[test]
    fn what_was_not_written_here_is_no_cell() {
        assert!(Cell::from_json(r#"{"tally":[1,0]}"#).is_some());
        for bad in [
            r#"{"tally":[1,0],"sum":null}"#,
            r#"{"tally":[-1,0]}"#,
            r#"{"tally":[1,99999999999999999999]}"#,
            r#"{"tally":[1,0],"groups":[[64,1,0]]}"#,
            r#"{"tally":[1,0],"groups":[[3,1,0],[2,1,0]]}"#,
            r#"{"tally":[1,0],"sketch":"AAAA"}"#,
            "nonsense",
        ] {
            assert!(Cell::from_json(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_not_drawn() {
        let mut cell = Cell::default();
        for ms in [f64::NAN, f64::INFINITY, -1.0] {
            cell.add_duration(ms);
        }
        assert_eq!(cell.quantile(0.5), None);
        assert_eq!(cell.rate(), None);
        assert!(Cell::from_json("{}").is_none());
    }
}
