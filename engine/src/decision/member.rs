//! Groups compiled, and who is in them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    context::Context,
    trace::{Silent, Step, Tracer},
};
use crate::{
    AttributeSchema, Enrolment, Group, GroupKey, Problem, SubjectKey, condition::compiled::CompiledCondition,
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
        Ok(Self { number: usize::MAX, group, condition, enrolments, boundaries_ms })
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

    /// The next moment after `now_ms` at which somebody's enrolment begins or ends.
    pub fn next_change_ms(&self, now_ms: i64) -> Option<i64> {
        let next = self.boundaries_ms.partition_point(|at| *at <= now_ms);
        self.boundaries_ms.get(next).copied()
    }

    pub(crate) fn enrolment(&self, subject: &str) -> Option<&Enrolment> {
        self.enrolments.get(subject).map(|at| &self.group.enrolments[*at])
    }

    pub(crate) fn condition(&self) -> Option<&CompiledCondition> {
        self.condition.as_ref()
    }
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
        member |= condition.holds(context, tracer);
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
