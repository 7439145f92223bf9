//! Some flags, the groups they go to and one person, changed step by step: when a decision became another, and by what.

use std::{collections::BTreeMap, sync::Arc};

use engine::{
    AttributeSchema, Attributes, Context, Enrolment, EnrolmentState, EnvironmentConfig, EnvironmentKey, Flag,
    FlagKey, Group, GroupKey, Rollout, Snapshot, SubjectKey,
};

use super::{End, Given, differ, given};

/// So many changes are gone through until others have their turn.
const STEPS_AT_ONCE: usize = 8;

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    Flag(FlagKey),
    Rollout(FlagKey),
    Group(GroupKey),
    Enrolment(GroupKey),
    Traits,
}

/// One object as a change left it.
pub(super) enum Delta {
    Flag(Arc<Flag>),
    Rollout(FlagKey, Arc<Rollout>),
    Group(Box<Group>),
    NoGroup(GroupKey),
    Enrolment(GroupKey, Option<Enrolment>),
    Traits(Attributes),
}

impl Delta {
    pub(super) fn object(&self) -> Object {
        match self {
            Self::Flag(flag) => Object::Flag(flag.key.clone()),
            Self::Rollout(key, _) => Object::Rollout(key.clone()),
            Self::Group(group) => Object::Group(group.key.clone()),
            Self::NoGroup(key) => Object::Group(key.clone()),
            Self::Enrolment(key, _) => Object::Enrolment(key.clone()),
            Self::Traits(_) => Object::Traits,
        }
    }
}

/// One change.
pub(super) struct Step {
    pub(super) at_ms: i64,
    pub(super) deltas: Vec<Delta>,
}

/// What there is of a flag; one without the other decides nothing.
#[derive(Default)]
pub(super) struct Known {
    pub(super) flag: Option<Arc<Flag>>,
    pub(super) rollout: Option<Arc<Rollout>>,
}

/// What decides, at one moment.
pub(super) struct World {
    environment: EnvironmentKey,
    pub(super) flags: BTreeMap<FlagKey, Known>,
    /// Without who is in them.
    pub(super) groups: BTreeMap<GroupKey, Group>,
    /// Of the person.
    pub(super) enrolments: BTreeMap<GroupKey, Enrolment>,
    traits: Option<Attributes>,
}

/// A world, and what happened to it.
pub(super) struct Window {
    pub(super) world: World,
    pub(super) from_ms: i64,
    /// What happened before the first of the steps, taken as one.
    pub(super) before: Option<Step>,
    pub(super) steps: BTreeMap<u64, Step>,
}

/// A decision became another.
pub(super) struct Turned {
    pub(super) at_ms: i64,
    pub(super) before: Option<Given>,
    pub(super) after: Option<Given>,
    pub(super) cause: Cause,
}

#[derive(Clone)]
pub(super) enum Cause {
    /// The entry of this number.
    Entry(u64),
    Enrolment {
        group: String,
        state: EnrolmentState,
    },
    Time,
    Many,
    Unknown,
}

impl World {
    pub(super) fn new(environment: EnvironmentKey, traits: Option<Attributes>) -> Self {
        Self {
            environment,
            flags: BTreeMap::new(),
            groups: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            traits,
        }
    }

    fn apply(&mut self, delta: Delta) {
        match delta {
            Delta::Flag(flag) => {
                let key = flag.key.clone();
                self.flags.entry(key).or_default().flag = Some(flag);
            }
            Delta::Rollout(key, rollout) => self.flags.entry(key).or_default().rollout = Some(rollout),
            Delta::Group(group) => drop(self.groups.insert(group.key.clone(), *group)),
            Delta::NoGroup(key) => drop(self.groups.remove(&key)),
            Delta::Enrolment(key, Some(enrolment)) => drop(self.enrolments.insert(key, enrolment)),
            Delta::Enrolment(key, None) => drop(self.enrolments.remove(&key)),
            Delta::Traits(traits) => self.traits = Some(traits),
        }
    }

    /// As it is, while nothing is changed.
    fn still<'w>(&'w self, subject: &'w SubjectKey, flags: &'w [Arc<Flag>]) -> Still<'w> {
        Still { snapshot: self.snapshot(), world: self, subject, flags }
    }

    fn snapshot(&self) -> Snapshot {
        let flags = self.flags.values().filter_map(|it| it.flag.clone().zip(it.rollout.clone()));
        let group = |group: &Group| {
            let enrolments = self.enrolments.get(&group.key).cloned().into_iter().collect();
            Arc::new(Group { enrolments, ..group.clone() })
        };
        let config = EnvironmentConfig {
            environment: self.environment.clone(),
            revision: 0,
            flags: flags.collect(),
            groups: self.groups.values().map(group).collect(),
            // It says what browsers may send; what is stored counts whatever it says.
            attributes: Arc::new(AttributeSchema::default()),
        };
        // What does not work decides nothing, as it did then.
        Snapshot::compile(config, None).0
    }
}

/// What is decided while nothing but time passes.
struct Still<'w> {
    snapshot: Snapshot,
    world: &'w World,
    subject: &'w SubjectKey,
    flags: &'w [Arc<Flag>],
}

impl Still<'_> {
    fn given(&self, flag: &Flag, at_ms: i64) -> Option<Given> {
        let traits = self.world.traits.as_ref().unwrap_or(Attributes::EMPTY);
        let context = Context::from_traits(self.subject.as_str(), traits);
        given(&self.snapshot, flag.key.as_str(), &context, at_ms)
    }

    fn all(&self, at_ms: i64) -> Vec<Option<Given>> {
        self.flags.iter().map(|flag| self.given(flag, at_ms)).collect()
    }

    /// Notes what time alone made another after `from_ms`, up to `until_ms`, and returns what is decided then.
    fn pass(
        &self,
        mut given: Vec<Option<Given>>,
        (from_ms, until_ms): (i64, i64),
        turned: &mut [Vec<Turned>],
    ) -> Vec<Option<Given>> {
        let mut edges: Vec<_> =
            self.edges().filter(|(at_ms, _)| (from_ms + 1..=until_ms).contains(at_ms)).collect();
        edges.sort_by_key(|(at_ms, _)| *at_ms);
        for ((flag, before), turned) in self.flags.iter().zip(&mut given).zip(turned) {
            let mut since_ms = from_ms;
            for (at_ms, cause) in &edges {
                let just_before = self.given(flag, at_ms - 1);
                self.turn_of_clock(flag, before, just_before, (since_ms, at_ms - 1), turned);
                note(before, self.given(flag, *at_ms), *at_ms, cause, turned);
                since_ms = *at_ms;
            }
            self.turn_of_clock(flag, before, self.given(flag, until_ms), (since_ms, until_ms), turned);
        }
        given
    }

    /// When the person's own enrolments begin and end.
    fn edges(&self) -> impl Iterator<Item = (i64, Cause)> {
        self.world.enrolments.iter().flat_map(|(key, enrolment)| {
            let group =
                self.world.groups.get(key).map_or_else(|| key.to_string(), |group| group.name.clone());
            let cause = move |state| Cause::Enrolment { group: group.clone(), state };
            let began = enrolment.from_ms.map(|at_ms| (at_ms, cause(EnrolmentState::Active)));
            let ended = enrolment.until_ms.map(|at_ms| (at_ms, cause(EnrolmentState::Expired)));
            began.into_iter().chain(ended)
        })
    }

    /// Where a condition moves with the clock: the moment at which it made the difference.
    fn turn_of_clock(
        &self,
        flag: &Flag,
        before: &mut Option<Given>,
        after: Option<Given>,
        (mut from_ms, mut until_ms): (i64, i64),
        turned: &mut Vec<Turned>,
    ) {
        if !differ(before.as_ref(), after.as_ref()) {
            return;
        }
        while until_ms - from_ms > 1 {
            let middle_ms = from_ms + (until_ms - from_ms) / 2;
            if differ(before.as_ref(), self.given(flag, middle_ms).as_ref()) {
                until_ms = middle_ms;
            } else {
                from_ms = middle_ms;
            }
        }
        note(before, after, until_ms, &Cause::Time, turned);
    }
}

fn note(
    before: &mut Option<Given>,
    after: Option<Given>,
    at_ms: i64,
    cause: &Cause,
    turned: &mut Vec<Turned>,
) {
    if differ(before.as_ref(), after.as_ref()) {
        turned.push(Turned { at_ms, before: before.clone(), after: after.clone(), cause: cause.clone() });
    }
    *before = after;
}

impl Window {
    /// For each flag, every time its decision became another.
    pub(super) async fn replay(
        self,
        subject: &SubjectKey,
        flags: &[Arc<Flag>],
        until: &End,
    ) -> Vec<Vec<Turned>> {
        let Self { mut world, from_ms, before, steps } = self;
        let mut turned: Vec<Vec<Turned>> = flags.iter().map(|_| Vec::new()).collect();
        let mut still_ms = from_ms;
        let mut given = world.still(subject, flags).all(from_ms);
        let before = before.map(|step| (Cause::Many, step));
        let steps = steps.into_iter().map(|(seq, step)| (Cause::Entry(seq), step));
        for (at, (cause, step)) in before.into_iter().chain(steps).enumerate() {
            if at % STEPS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            // What time alone did among many nobody knows.
            if !matches!(cause, Cause::Many) {
                given = world.still(subject, flags).pass(given, (still_ms, step.at_ms), &mut turned);
            }
            step.deltas.into_iter().for_each(|delta| world.apply(delta));
            let after = world.still(subject, flags).all(step.at_ms);
            for ((before, after), turned) in given.iter_mut().zip(after).zip(&mut turned) {
                note(before, after, step.at_ms, &cause, turned);
            }
            still_ms = step.at_ms;
        }
        let given = world.still(subject, flags).pass(given, (still_ms, until.at_ms), &mut turned);
        // What was replayed has to end where it ended.
        for ((flag, mut given), turned) in flags.iter().zip(given).zip(&mut turned) {
            let context = until.context(subject);
            let ended = super::given(&until.snapshot, flag.key.as_str(), &context, until.at_ms);
            note(&mut given, ended, until.at_ms, &Cause::Unknown, turned);
        }
        turned
    }
}
