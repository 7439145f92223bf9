//! Writing a plan down. While it runs, what was reached stays as it was; what comes can still be changed.

use engine::{
    Change, EnvironmentKey, FlagKey, Lifecycle,
    plan::{Plan, PlanState},
};

use super::{ReleasePlan, rule_names};
use crate::{
    Action, Conflict, FlagEditor, Invalid, ObjectKind, ObjectRef, Store, StoreError, UserId, change::Entry,
    flags::refuse, text::reason, to_json,
};

impl Store {
    /// Saves the plan of a rollout; `expected` is 0 for the first. An ended plan is replaced by a new draft. While one
    /// runs, its steps up to the present one stay; approvals of steps that change are asked for again.
    pub async fn save_plan(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        plan: Plan,
        comment: &str,
    ) -> Result<ReleasePlan, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let target = work.rollout_target(environment, flag).await?;
        if target.flag.value.lifecycle == Lifecycle::Archived {
            return Err(Invalid::Archived.into());
        }
        let current = work.plan(environment, flag).await?;
        match &current {
            Some(release) => release.require_version(expected)?,
            None if expected == 0 => {}
            None => {
                let gone =
                    Conflict { expected, current: 0, by: String::new(), at_ms: 0, changes: Vec::new() };
                return Err(gone.into());
            }
        }
        if let Some(current) =
            current.as_ref().filter(|current| current.plan == plan && !ended(&current.state))
        {
            work.cancel().await?;
            return Ok(current.clone());
        }
        let rollout = &target.rollout.value;
        refuse(plan.problems(&|rule| rollout.rule(rule.as_str()).is_some()))?;
        let state = match &current {
            Some(current) => next_state(current, &plan)?,
            None => PlanState::Draft,
        };
        let names = rule_names(&*work.state().await?, environment, rollout);
        let moved_by = current.as_ref().map_or_else(Vec::new, |it| hands_before(it, by.author()));
        let before = current.as_ref().map(|current| to_json("plans", &current.plan)).transpose()?;
        let changes = changes(current.as_ref().map(|current| &current.plan), &plan, &names);
        let after = to_json("plans", &plan)?;
        let release = ReleasePlan {
            plan,
            state,
            version: expected,
            changed_ms: 0,
            changed_by: String::new(),
            proposed_by: by.author(),
            proposed_by_name: by.name().to_owned(),
            moved_by,
        };
        let release = work.put_plan(environment, flag.as_str(), release).await?;
        let name = &target.flag.value.name;
        let verb = if before.is_some() { "changed" } else { "made" };
        let sentence = format!("{verb} the release plan of {name} in {environment}");
        let object = ObjectRef::new(ObjectKind::Flag, flag.as_str());
        let entry = Entry {
            changes,
            reason,
            environment: Some(environment.clone()),
            before,
            after: Some(after),
            ..Entry::new(Action::PlanSaved, object, name, sentence)
        };
        work.finish(entry).await?;
        Ok(release)
    }
}

fn ended(state: &PlanState) -> bool {
    match state {
        PlanState::Finished { .. } | PlanState::Abandoned { .. } => true,
        PlanState::Draft
        | PlanState::Scheduled { .. }
        | PlanState::Running { .. }
        | PlanState::Paused { .. }
        | PlanState::Holding { .. }
        | PlanState::RolledBack { .. } => false,
    }
}

/// Who had a hand in the plan that is being written over, besides who writes it now: changing its name makes nobody's steps
/// one's own. An ended plan has ended for all of them.
fn hands_before(current: &ReleasePlan, author: UserId) -> Vec<UserId> {
    if ended(&current.state) {
        return Vec::new();
    }
    let mut hands = current.moved_by.clone();
    if current.proposed_by != author && !hands.contains(&current.proposed_by) {
        hands.push(current.proposed_by);
    }
    hands
}

/// Where the plan is once it is another.
fn next_state(current: &ReleasePlan, plan: &Plan) -> Result<PlanState, StoreError> {
    if ended(&current.state) {
        return Ok(PlanState::Draft);
    }
    let Some(reached) = current.state.progress().map(|progress| progress.step) else {
        return Ok(current.state.clone());
    };
    let kept = current.plan.steps.get(..=reached);
    if plan.steps.get(..=reached).is_none() || plan.steps.get(..=reached) != kept {
        return Err(Invalid::PlanReached.into());
    }
    let mut state = current.state.clone();
    let same = |step: usize| plan.steps.get(step) == current.plan.steps.get(step);
    state.keep_approvals(&same);
    Ok(state)
}

fn changes(before: Option<&Plan>, after: &Plan, names: &dyn Fn(&engine::RuleId) -> String) -> Vec<Change> {
    let (was, now) = (before.map(|plan| plan.sentence(names)), after.sentence(names));
    if was.as_deref() == Some(&now) {
        return Vec::new();
    }
    vec![Change { phrase: "set the steps".to_owned(), before: was, after: Some(now) }]
}
