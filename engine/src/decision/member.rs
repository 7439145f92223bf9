//! Groups compiled, and who is in them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    context::Context,
    trace::{Silent, Step, Tracer},
};
use crate::{
    AttributeSchema, CLOCK_STEP_MS, Enrolment, Group, GroupKey, Problem, SubjectKey,
    condition::compiled::CompiledCondition,
};

pub(crate) type Groups = FxHashMap<GroupKey, Arc<CompiledGroup>>;

/// A group of one environment, ready to be asked for members.
#[derive(Debug)]
pub struct CompiledGroup {
    /// Among the groups of a snapshot; that of no group where it was compiled on its own.
    number: usize,
    group: Arc<Group>,
    condition: Option<CompiledCondition>,
    enrolments: FxHashMap<SubjectKey, usize>,
    /// When somebody's enrolment begins or ends, in order.
    boundaries_ms: Vec<i64>,
    follows_clock: bool,
}

impl CompiledGroup {
    /// Compiles a group on its own, for previews of one that is not saved.
    pub fn new(group: Arc<Group>, attributes: &AttributeSchema) -> Result<Self, Problem> {
        let condition =
            group.condition.as_ref().map(|c| CompiledCondition::new(c, attributes)).transpose()?;
        let enrolments = group.enrolments.iter().enumerate().map(|(at, e)| (e.subject.clone(), at)).collect();
        let mut boundaries_ms: Vec<_> =
            group.enrolments.iter().flat_map(|e| [e.from_ms, e.until_ms]).flatten().collect();
        boundaries_ms.sort_unstable();
        let follows_clock = condition.as_ref().is_some_and(CompiledCondition::follows_clock);
        Ok(Self { number: usize::MAX, group, condition, enrolments, boundaries_ms, follows_clock })
    }

    pub(super) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    pub fn key(&self) -> &GroupKey {
        &self.group.key
    }

    pub fn name(&self) -> &str {
        &self.group.name
    }

    /// Whether the subject is in the group at `now_ms`.
    pub fn contains(&self, context: &Context<'_>, now_ms: i64) -> bool {
        is_member(self, context, now_ms, &mut Silent)
    }

    /// The next moment after `now_ms` at which somebody's enrolment begins or ends, or its condition is looked at again.
    pub fn next_change_ms(&self, now_ms: i64) -> Option<i64> {
        let next = self.boundaries_ms.partition_point(|at| *at <= now_ms);
        let look = self.follows_clock.then(|| next_look_ms(now_ms));
        self.boundaries_ms.get(next).copied().into_iter().chain(look).min()
    }

    pub(super) fn follows_clock(&self) -> bool {
        self.follows_clock
    }

    pub(crate) fn enrolment(&self, subject: &str) -> Option<&Enrolment> {
        self.enrolments.get(subject).map(|at| &self.group.enrolments[*at])
    }

    pub(crate) fn condition(&self) -> Option<&CompiledCondition> {
        self.condition.as_ref()
    }
}

/// When what depends on the clock is looked at again.
pub(super) fn next_look_ms(now_ms: i64) -> i64 {
    (now_ms.div_euclid(CLOCK_STEP_MS) + 1).saturating_mul(CLOCK_STEP_MS)
}

/// Whether the subject is enrolled now or meets the group's condition.
pub(super) fn is_member<T: Tracer>(
    group: &CompiledGroup,
    context: &Context<'_>,
    now_ms: i64,
    tracer: &mut T,
) -> bool {
    if let Some(member) = tracer.known(group.number) {
        return member;
    }
    tracer.open();
    let enrolment = context.subject().and_then(|key| group.enrolment(key));
    let enrolled = enrolment.is_some_and(|e| e.is_active(now_ms));
    if let Some(enrolment) = enrolment {
        tracer.leaf(|| Step::enrolment(enrolment, now_ms));
    }
    let mut member = enrolled;
    if let Some(condition) = group.condition()
        && (!member || T::ON)
    {
        member |= condition.holds(context, now_ms, tracer);
    }
    tracer.learn(group.number, member);
    tracer.close(|steps| Step::Group {
        group: group.key().clone(),
        name: group.name().to_owned(),
        member,
        steps,
    });
    member
}
