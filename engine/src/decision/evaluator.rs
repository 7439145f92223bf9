//! Many flags for one context: what one flag found out about a group holds for the next.

use super::{
    compiled::CompiledFlag,
    context::Context,
    decided::{Decision, EvaluationError},
    preview::Preview,
    snapshot::Snapshot,
    trace::{Step, Tracer},
};

/// Decides flags of one snapshot for one context at one moment. Whether the subject is in a group is asked once.
#[derive(Debug)]
pub struct Evaluator<'s, 'c> {
    snapshot: &'s Snapshot,
    context: &'c Context<'c>,
    now_ms: i64,
    members: Members,
}

/// Follows no step, and remembers memberships by the numbers of the groups.
#[derive(Debug)]
struct Members(Vec<Option<bool>>);

impl Tracer for Members {
    const ON: bool = false;
    fn open(&mut self) {}
    fn close(&mut self, _: impl FnOnce(Vec<Step>) -> Step) {}
    fn leaf(&mut self, _: impl FnOnce() -> Step) {}

    fn known(&self, group: usize) -> Option<bool> {
        self.0.get(group).copied().flatten()
    }

    fn learn(&mut self, group: usize, member: bool) {
        if let Some(known) = self.0.get_mut(group) {
            *known = Some(member);
        }
    }
}

impl Snapshot {
    /// For deciding many flags: each as [`Snapshot::evaluate_previewed`] does.
    pub fn evaluator<'s, 'c>(&'s self, context: &'c Context<'c>, now_ms: i64) -> Evaluator<'s, 'c> {
        Evaluator { snapshot: self, context, now_ms, members: Members(vec![None; self.group_numbers()]) }
    }
}

impl<'s> Evaluator<'s, '_> {
    /// Decides a flag of this snapshot.
    pub fn evaluate(
        &mut self,
        flag: &'s CompiledFlag,
        preview: Option<&Preview>,
    ) -> Result<Decision<'s>, EvaluationError> {
        self.snapshot.decide_flag(flag, self.context, preview, self.now_ms, &mut self.members)
    }
}
