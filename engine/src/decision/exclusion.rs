//! Who is kept from a flag, whatever its rules say.

use super::{
    compiled::CompiledFlag,
    context::Context,
    member::{CompiledGroup, is_member},
    trace::{Silent, Step, Tracer},
};

/// How a subject is kept from a flag.
#[derive(Debug, Clone, Copy)]
pub enum Exclusion<'f> {
    /// By name.
    Subject,
    /// As a member of this group.
    Group(&'f CompiledGroup),
}

/// What keeps the subject from the flag, whatever its rules say.
pub(super) fn exclusion<'f, T: Tracer>(
    flag: &'f CompiledFlag,
    context: &Context<'_>,
    now_ms: i64,
    tracer: &mut T,
) -> Option<Exclusion<'f>> {
    if let Some(key) = context.subject()
        && flag.excludes(key)
    {
        tracer.leaf(|| Step::ExcludedSubject);
        return Some(Exclusion::Subject);
    }
    for group in flag.excluded_groups() {
        tracer.open();
        let excluded = is_member(group, context, now_ms, tracer);
        tracer.close(|steps| Step::ExcludedGroup { group: group.key().clone(), excluded, steps });
        if excluded {
            return Some(Exclusion::Group(group));
        }
    }
    None
}

impl CompiledFlag {
    /// What keeps the subject from this flag, enrolled or not: the same look that a decision takes.
    pub fn exclusion(&self, context: &Context<'_>, now_ms: i64) -> Option<Exclusion<'_>> {
        exclusion(self, context, now_ms, &mut Silent)
    }
}
