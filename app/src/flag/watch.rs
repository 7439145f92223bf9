//! What the header of a flag says beside its state: how its health is, and where its plan stands. Both lead to their tab.

use engine::{FlagKey, guardrail::together, plan::PlanState};
use leptos::prelude::*;
use store::{ReleasePlan, RuleHealth, StoreError};

use super::{health, plan, tab::Tab};
use crate::{
    page::{Page, here::here},
    ui::badge::Tone,
};

/// What is known; what cannot be read is logged and left out, so that the flag can still be stopped.
#[derive(Debug, Default)]
pub struct Watch {
    health: Vec<RuleHealth>,
    plan: Option<ReleasePlan>,
    unreadable_plan: bool,
    now_ms: i64,
}

impl Watch {
    pub async fn load(page: &Page, flag: &FlagKey) -> Self {
        let (store, viewer, environment) = (page.store(), page.viewer(), &page.environment.key);
        let left_out = |error: &StoreError| tracing::error!(%error, %flag, "the header leaves it out");
        let health = store.list_rule_health(&viewer, environment, flag).await;
        let health = health.inspect_err(left_out).unwrap_or_default();
        let plan = store.find_plan(&viewer, environment, flag).await.inspect_err(left_out);
        let unreadable_plan = matches!(plan, Err(StoreError::CorruptRow { .. }));
        Self { health, plan: plan.ok().flatten(), unreadable_plan, now_ms: page.now_ms() }
    }

    pub fn health(&self) -> &[RuleHealth] {
        &self.health
    }

    pub fn plan(&self) -> Option<&ReleasePlan> {
        self.plan.as_ref()
    }

    pub fn has_unreadable_plan(&self) -> bool {
        self.unreadable_plan
    }

    pub fn view(&self, flag: &FlagKey) -> impl IntoView + use<> {
        let here = here();
        let all = together(self.health.iter().map(|rule| &rule.judgement), self.now_ms);
        let health = (!self.health.is_empty()).then(|| {
            let judged = &all;
            let (tone, word) = health::tone::of(judged);
            let href = here.href(&Tab::Health.path(flag));
            view! { <a class="badge" data-tone=tone.as_str() href=href title=judged.sentence()>{word}</a> }
        });
        let plan = self.plan.as_ref().and_then(|it| plan_words(&it.state, it.plan.steps.len()));
        let plan = plan.map(|(tone, words)| {
            let href = here.href(&Tab::Plan.path(flag));
            view! { <a class="badge" data-tone=tone.as_str() href=href>{words}</a> }
        });
        view! { {health}{plan} }
    }
}

/// `Plan: running, step 2 of 4`; nothing of a plan that moves nobody.
fn plan_words(state: &PlanState, steps: usize) -> Option<(Tone, String)> {
    match state {
        PlanState::Draft | PlanState::Finished { .. } | PlanState::Abandoned { .. } => return None,
        PlanState::Scheduled { .. }
        | PlanState::Running { .. }
        | PlanState::Holding { .. }
        | PlanState::Paused { .. }
        | PlanState::RolledBack { .. } => {}
    }
    let (tone, word) = plan::state::state_badge(state);
    let word = word.to_lowercase();
    let words = match (state, state.progress()) {
        (PlanState::RolledBack { from, .. }, _) => format!("Plan: {word} from step {}", from + 1),
        (_, Some(progress)) => format!("Plan: {word}, step {} of {steps}", progress.step + 1),
        (_, None) => format!("Plan: {word}"),
    };
    Some((tone, words))
}

#[cfg(test)]
mod tests {
    use engine::plan::{Percentages, Template};

    use super::*;

    #[test]
    fn a_plan_that_moves_says_where_it_is() {
        let everyone = engine::RuleId::parse("everyone").expect("an id");
        let plan = Template::find("standard").expect("a template").plan(&[], &everyone);
        let running = PlanState::Draft.start(&plan, &Percentages::new(), 1).expect("starts").state;
        assert_eq!(plan_words(&running, 3).expect("words").1, "Plan: running, step 1 of 3");
        assert!(plan_words(&PlanState::Draft, 3).is_none());
    }
}
