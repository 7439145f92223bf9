//! One environment at one revision, compiled: everything a decision needs, immutable and shared.

use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::{
    compiled::CompiledFlag,
    index::Flags,
    member::{CompiledGroup, Groups, next_look_ms},
};
use crate::{AttributeSchema, EnvironmentKey, Flag, FlagKey, Group, GroupKey, Problem, Rollout};

/// What a snapshot is compiled from. Definitions are shared, so that the next revision reuses what did not change.
#[derive(Debug, Clone)]
pub struct EnvironmentConfig {
    pub environment: EnvironmentKey,
    pub revision: u64,
    pub flags: Vec<(Arc<Flag>, Arc<Rollout>)>,
    pub groups: Vec<Arc<Group>>,
    pub attributes: Arc<AttributeSchema>,
}

/// A definition that could not be compiled; the others still are.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompileError {
    #[error("flag \"{flag}\": {problem}")]
    Flag { flag: FlagKey, problem: Problem },
    #[error("group \"{group}\": {problem}")]
    Group { group: GroupKey, problem: Problem },
}

/// All flags and groups of one environment at one revision.
#[derive(Debug)]
pub struct Snapshot {
    environment: EnvironmentKey,
    revision: u64,
    flags: Flags,
    groups: Groups,
    group_numbers: usize,
    /// A condition compares with a moment that moves.
    follows_clock: bool,
    attributes: Arc<AttributeSchema>,
}

impl Snapshot {
    /// Compiles `config`, reusing what `previous` compiled from the same definitions.
    /// A broken definition is left out and reported: its flag is then not found, the others work.
    pub fn compile(mut config: EnvironmentConfig, previous: Option<&Self>) -> (Self, Vec<CompileError>) {
        let mut errors = Vec::new();
        let previous = previous.filter(|p| p.attributes == config.attributes);
        let mut groups = Groups::with_capacity_and_hasher(config.groups.len(), FxBuildHasher);
        let reused = |group: &Arc<Group>| {
            let old = previous.and_then(|p| p.groups.get(&group.key));
            old.filter(|old| Arc::ptr_eq(old.group(), group))
        };
        let taken: FxHashSet<usize> =
            config.groups.iter().filter_map(reused).map(|old| old.number()).collect();
        // What is new gets a number that nobody has.
        let mut free = (0..).filter(|number| !taken.contains(number));
        for group in std::mem::take(&mut config.groups) {
            let key = group.key.clone();
            let compiled = match reused(&group) {
                Some(old) => Ok(Arc::clone(old)),
                None => CompiledGroup::new(group, &config.attributes)
                    .map(|new| Arc::new(new.numbered(free.next().unwrap_or(usize::MAX)))),
            };
            match compiled {
                Ok(compiled) => drop(groups.insert(key, compiled)),
                Err(problem) => errors.push(CompileError::Group { group: key, problem }),
            }
        }
        let mut flags = Vec::with_capacity(config.flags.len());
        for (flag, rollout) in std::mem::take(&mut config.flags) {
            let key = flag.key.clone();
            let old = previous
                .and_then(|p| p.flags.get(key.as_str()))
                .filter(|old| old.is_built_from(&flag, &rollout, &groups));
            let compiled = match old {
                Some(old) => Ok(Arc::clone(old)),
                None => CompiledFlag::new(flag, rollout, &groups, &config.attributes).map(Arc::new),
            };
            match compiled {
                Ok(compiled) => flags.push(compiled),
                Err(problem) => errors.push(CompileError::Flag { flag: key, problem }),
            }
        }
        let EnvironmentConfig { environment, revision, attributes, .. } = config;
        let group_numbers = groups.values().map(|group| group.number() + 1).max().unwrap_or(0);
        let follows_clock = flags.iter().any(|flag| flag.follows_clock())
            || groups.values().any(|group| group.follows_clock());
        let flags = Flags::new(flags);
        (Self { environment, revision, flags, groups, group_numbers, follows_clock, attributes }, errors)
    }

    pub fn environment(&self) -> &EnvironmentKey {
        &self.environment
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn attributes(&self) -> &AttributeSchema {
        &self.attributes
    }

    /// The flag, archived or not.
    pub fn flag(&self, key: &str) -> Option<&CompiledFlag> {
        self.flags.get(key).map(|flag| &**flag)
    }

    /// The flag, archived or not, and its place among [`Snapshot::flags`].
    pub fn find_flag(&self, key: &str) -> Option<(usize, &CompiledFlag)> {
        self.flags.find(key).map(|(place, flag)| (place, &**flag))
    }

    pub fn group(&self, key: &str) -> Option<&CompiledGroup> {
        self.groups.get(key).map(|group| &**group)
    }

    /// All flags, sorted by key, archived ones included.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = &CompiledFlag> {
        self.flags.iter().map(|flag| &**flag)
    }

    pub fn groups(&self) -> impl ExactSizeIterator<Item = &CompiledGroup> {
        self.groups.values().map(|group| &**group)
    }

    /// More than the highest number of a group.
    pub(super) fn group_numbers(&self) -> usize {
        self.group_numbers
    }

    /// The next moment after `now_ms` at which a decision can change by itself: an enrolment begins or ends, or what
    /// follows the clock is looked at again.
    pub fn next_change_ms(&self, now_ms: i64) -> Option<i64> {
        let look = self.follows_clock.then(|| next_look_ms(now_ms));
        self.groups.values().filter_map(|group| group.next_change_ms(now_ms)).chain(look).min()
    }

    /// Whether a decision can change with the time alone, beside enrolments that begin and end.
    pub fn follows_clock(&self) -> bool {
        self.follows_clock
    }

    /// A snapshot like this one in which `flag` has another definition or rollout: for previews and trials.
    pub fn with_flag(&self, flag: Arc<Flag>, rollout: Arc<Rollout>) -> Result<Self, Problem> {
        let compiled = CompiledFlag::new(flag, rollout, &self.groups, &self.attributes)?;
        let follows_clock = self.follows_clock || compiled.follows_clock();
        let flags = self.flags.iter().cloned().chain([Arc::new(compiled)]).collect();
        Ok(Self {
            environment: self.environment.clone(),
            revision: self.revision,
            flags: Flags::new(flags),
            groups: self.groups.clone(),
            group_numbers: self.group_numbers,
            follows_clock,
            attributes: Arc::clone(&self.attributes),
        })
    }

    /// A snapshot like this one in which `group` is defined otherwise, with every flag that uses it.
    pub fn with_group(&self, group: Arc<Group>) -> (Self, Vec<CompileError>) {
        let flags = self.flags.iter().map(|f| (Arc::clone(f.flag()), Arc::clone(f.rollout()))).collect();
        let mut groups: Vec<_> = self.groups.values().map(|g| Arc::clone(g.group())).collect();
        groups.retain(|other| other.key != group.key);
        groups.push(group);
        let config = EnvironmentConfig {
            environment: self.environment.clone(),
            revision: self.revision,
            flags,
            groups,
            attributes: Arc::clone(&self.attributes),
        };
        Self::compile(config, Some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_change_is_when_an_enrolment_begins_or_ends() {
        let group: Group = serde_json::from_value(serde_json::json!({ "key": "g", "name": "g", "enrolments": [
            { "subject": "ada", "from_ms": 10, "until_ms": 30 }, { "subject": "eva", "until_ms": 20 }, { "subject": "mia" },
        ] })).expect("group");
        let config = EnvironmentConfig {
            environment: "production".parse().expect("key"),
            revision: 1,
            flags: Vec::new(),
            groups: vec![Arc::new(group)],
            attributes: Arc::default(),
        };
        let (snapshot, _) = Snapshot::compile(config, None);
        let changes = [9, 10, 19, 20, 29, 30].map(|now_ms| snapshot.next_change_ms(now_ms));
        assert_eq!(changes, [Some(10), Some(20), Some(20), Some(30), Some(30), None]);
    }
}
