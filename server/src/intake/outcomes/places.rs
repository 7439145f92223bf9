//! Names as small numbers: the rules that outcomes count for, and what is measured. Bounded by what exists: unknown flags,
//! rules and metrics get no number.

use std::collections::{BTreeMap, HashMap};

use engine::{
    Allocation, EnvironmentKey, FlagKey, MetricDefinition, MetricKey, RuleId, Snapshot, allocation,
};
use store::RolloutTimes;

/// Changes of a rollout that are remembered for a rule; an outcome is at most ten minutes late.
const ALLOCATIONS_MAX: usize = 32;

/// A rule of a flag in an environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PlaceId(u32);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MetricId(u16);

/// How a rule's audience was divided from some moment on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    since_ms: i64,
    /// When the rollout became what it is: no cell holds what was before as well.
    began_ms: i64,
    /// The revision that brought it, as far as this server knows.
    pub(super) revision: u64,
    pub(super) allocation: Allocation,
}

impl Division {
    pub(super) fn part(&self) -> Part {
        Part { allocation: self.allocation.id, began_ms: self.began_ms }
    }
}

/// Which part of its ten seconds something belongs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) allocation: i64,
    pub(super) began_ms: i64,
}

pub(super) struct Place {
    pub(super) environment: EnvironmentKey,
    pub(super) flag: FlagKey,
    pub(super) rule: RuleId,
    /// The revision that `divisions` is up to date with.
    revision: u64,
    /// Oldest first, never empty.
    divisions: Vec<Division>,
}

impl Place {
    /// The division in force at a time; the oldest known for anything before.
    pub(super) fn division(&self, at_ms: i64) -> Division {
        let at = self.divisions.partition_point(|division| division.since_ms <= at_ms);
        self.divisions[at.saturating_sub(1)]
    }
}

#[derive(Default)]
pub(super) struct Places {
    times: RolloutTimes,
    /// Environment → flag → rule.
    ids: HashMap<EnvironmentKey, HashMap<FlagKey, HashMap<RuleId, PlaceId>>>,
    known: Vec<Place>,
    metric_ids: HashMap<MetricKey, MetricId>,
    metrics: Vec<MetricKey>,
    /// Where an outcome came in since [`Self::take_heard`], and the last time.
    heard: BTreeMap<PlaceId, i64>,
}

impl Places {
    pub(super) fn new(times: RolloutTimes) -> Self {
        Self { times, ..Self::default() }
    }

    /// The number of a rule that exists, its division up to date.
    pub(super) fn place(
        &mut self,
        snapshot: &Snapshot,
        flag: &FlagKey,
        rule: &RuleId,
        now_ms: i64,
    ) -> Option<PlaceId> {
        let environment = snapshot.environment();
        let known = self.ids.get(environment).and_then(|flags| flags.get(flag)?.get(rule)).copied();
        let Some(id) = known else { return self.add(snapshot, flag, rule) };
        self.refresh(id, snapshot, now_ms).then_some(id)
    }

    /// Whether the rule still exists; notices changed percentages.
    pub(super) fn refresh(&mut self, id: PlaceId, snapshot: &Snapshot, now_ms: i64) -> bool {
        let Some(place) = self.known.get_mut(id.0 as usize) else { return false };
        let revision = snapshot.revision();
        // Two requests may hold different snapshots for a moment.
        if place.revision >= revision {
            return true;
        }
        let Some(compiled) = snapshot.flag(place.flag.as_str()) else { return false };
        let Some(allocation) = allocation(compiled.rollout(), &place.rule) else { return false };
        place.revision = revision;
        let changed_ms = self.times.changed_ms(&place.environment, &place.flag).unwrap_or(now_ms);
        let last = place.divisions.last().copied();
        let same = last.filter(|last| last.allocation == allocation);
        if same.is_none_or(|last| last.began_ms != changed_ms) {
            // A clock that went back opens nothing that is closed.
            let since_ms = changed_ms.min(now_ms).max(last.map_or(i64::MIN, |last| last.since_ms));
            let revision = same.map_or(revision, |same| same.revision);
            place.divisions.push(Division { since_ms, began_ms: since_ms, revision, allocation });
            if place.divisions.len() > ALLOCATIONS_MAX {
                place.divisions.remove(0);
            }
        }
        true
    }

    fn add(&mut self, snapshot: &Snapshot, flag: &FlagKey, rule: &RuleId) -> Option<PlaceId> {
        let compiled = snapshot.flag(flag.as_str())?;
        let allocation = allocation(compiled.rollout(), rule)?;
        let (environment, revision) = (snapshot.environment().clone(), snapshot.revision());
        let id = PlaceId(u32::try_from(self.known.len()).ok()?);
        // It may have been so for long: exposures of older answers fit as well.
        let began_ms = self.times.changed_ms(&environment, flag).unwrap_or(i64::MIN);
        let division = Division { since_ms: i64::MIN, began_ms, revision: 0, allocation };
        let (flag, rule) = (flag.clone(), rule.clone());
        let rules = self.ids.entry(environment.clone()).or_default().entry(flag.clone()).or_default();
        rules.insert(rule.clone(), id);
        self.known.push(Place { environment, flag, rule, revision, divisions: vec![division] });
        Some(id)
    }

    pub(super) fn get(&self, id: PlaceId) -> &Place {
        &self.known[id.0 as usize]
    }

    pub(super) fn hear(&mut self, id: PlaceId, now_ms: i64) {
        self.heard.insert(id, now_ms);
    }

    /// Where an outcome came in since the last time, and when.
    pub(super) fn take_heard(&mut self) -> Vec<(EnvironmentKey, FlagKey, i64)> {
        let heard = std::mem::take(&mut self.heard);
        let of = |(id, at_ms)| {
            let place = self.get(id);
            (place.environment.clone(), place.flag.clone(), at_ms)
        };
        heard.into_iter().map(of).collect()
    }

    pub(super) fn metric(&mut self, definition: &MetricDefinition) -> Option<MetricId> {
        if let Some(id) = self.metric_ids.get(&definition.key) {
            return Some(*id);
        }
        let id = MetricId(u16::try_from(self.metrics.len()).ok()?);
        self.metric_ids.insert(definition.key.clone(), id);
        self.metrics.push(definition.key.clone());
        Some(id)
    }

    pub(super) fn metric_key(&self, id: MetricId) -> &MetricKey {
        &self.metrics[usize::from(id.0)]
    }
}
