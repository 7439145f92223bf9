//! What the header of a flag says beside its state: how its health is, and where its plan stands. Both lead to their tab.

use engine::{
    FlagKey,
    guardrail::{Judgement, together},
    plan::PlanState,
};
use leptos::prelude::*;

use super::{health, plan, tab::Tab};
use crate::{
    page::{Page, here::here},
    ui::badge::Tone,
};

/// What is known; what cannot be read is logged and left out, so that the flag can still be stopped.
#[derive(Debug, Default)]
pub struct Watch {
    health: Option<Judgement>,
    plan: Option<(Tone, String)>,
}

impl Watch {
    pub async fn load(page: &Page, flag: &FlagKey) -> Self {
        let (store, viewer, environment) = (page.store(), page.viewer(), &page.environment.key);
        let left_out = |error: &store::StoreError| tracing::error!(%error, %flag, "the header leaves it out");
        let health = store.list_rule_health(&viewer, environment, flag).await;
        let health = health.inspect_err(left_out).unwrap_or_default();
        let plan = store.find_plan(&viewer, environment, flag).await.inspect_err(left_out).ok().flatten();
        let all = together(health.iter().map(|rule| &rule.judgement), page.now_ms());
        Self {
            health: (!health.is_empty()).then_some(all),
            plan: plan.and_then(|release| plan_words(&release.state, release.plan.steps.len())),
        }
    }

    pub fn view(&self, flag: &FlagKey) -> impl IntoView + use<> {
        let here = here();
        let health = self.health.as_ref().map(|judged| {
            let (tone, word) = (health::tone::tone(judged.health), health::tone::word(judged.health));
            let href = here.href(&Tab::Health.path(flag));
            view! { <a class="badge" data-tone=tone.as_str() href=href title=judged.sentence()>{word}</a> }
        });
        let plan = self.plan.as_ref().map(|(tone, words)| {
            let href = here.href(&Tab::Plan.path(flag));
            view! { <a class="badge" data-tone=tone.as_str() href=href>{words.clone()}</a> }
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
