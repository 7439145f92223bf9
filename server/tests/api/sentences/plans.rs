//! Release plans: their steps, gates and states, and why a move is refused.

use engine::{
    RuleId,
    guardrail::Health,
    plan::{Gate, HoldReason, OpenGate, Pace, Plan, PlanState, Refused, TEMPLATES, open_gates_sentence},
};
use serde_json::{Value as Json, json};

use super::Listed;
use crate::app::NOW_MS;

const MINUTE_MS: i64 = 60_000;

fn rule(id: &str) -> RuleId {
    id.parse().expect("an id")
}

fn name(id: &RuleId) -> String {
    if id.as_str() == "vip" { "VIP agencies".to_owned() } else { "everyone".to_owned() }
}

pub(super) fn list(listed: &mut Listed) {
    listed.section("Release plans");
    for template in TEMPLATES {
        let plan = template.plan(&[rule("vip")], &rule("everyone"));
        listed.sentence(plan.sentence(&name));
        for step in &plan.steps {
            listed.phrase(step.phrase(&name));
        }
    }
    listed.sentence(Plan { name: String::new(), steps: Vec::new() }.sentence(&name));
    for gate in [
        Gate::Hold { hold_ms: 1_000 },
        Gate::Hold { hold_ms: 90 * MINUTE_MS },
        Gate::Hold { hold_ms: 48 * 60 * MINUTE_MS },
        Gate::Sample { subjects_min: 1 },
        Gate::Sample { subjects_min: 2_000 },
        Gate::Healthy,
        Gate::Approval,
        Gate::NotBefore { at_ms: NOW_MS },
    ] {
        listed.phrase(gate.phrase());
    }
    waiting(listed);
    states(listed);
    refusals(listed);
}

fn waiting(listed: &mut Listed) {
    let gates = [
        OpenGate::Hold { remaining_ms: MINUTE_MS },
        OpenGate::Hold { remaining_ms: 72 * 60 * MINUTE_MS },
        OpenGate::Sample { have: 0, missing: 1 },
        OpenGate::Sample { have: 4, missing: 1 },
        OpenGate::Sample { have: 800, missing: 1_200 },
        OpenGate::Healthy { health: Health::Watching },
        OpenGate::Healthy { health: Health::Inconclusive },
        OpenGate::Healthy { health: Health::Healthy },
        OpenGate::Approval { step: 0 },
        OpenGate::NotBefore { at_ms: NOW_MS + 30 * 24 * 60 * MINUTE_MS },
    ];
    listed.sentence(open_gates_sentence(&[], None, NOW_MS));
    listed.sentence(open_gates_sentence(&gates, None, NOW_MS));
    let ago = |minutes: i64| NOW_MS - minutes * MINUTE_MS;
    for pace in [
        None,
        Some(Pace { since_ms: ago(30), last_ms: Some(NOW_MS) }),
        Some(Pace { since_ms: ago(300), last_ms: Some(ago(200)) }),
        Some(Pace { since_ms: ago(1), last_ms: None }),
    ] {
        for gate in &gates {
            listed.sentence(open_gates_sentence(std::slice::from_ref(gate), pace, NOW_MS));
        }
    }
    for reason in [
        HoldReason::Mismatch,
        HoldReason::Unasked,
        HoldReason::MissingData,
        HoldReason::LateData,
        HoldReason::Suspicion,
        HoldReason::NotShownSafe,
        HoldReason::Broken,
        HoldReason::PersonDecided,
    ] {
        listed.sentence(reason.sentence());
    }
}

/// The states as they are stored.
fn states(listed: &mut Listed) {
    let progress = |step: usize| json!({"step": step, "since_ms": NOW_MS, "held_ms": 0, "seen_ms": NOW_MS, "before": {}, "decided_ms": NOW_MS});
    let breach = |action: &str| {
        json!({"action": action, "since_ms": NOW_MS, "back_to": null, "reduction": null,
               "sentence": "Errors 15 % (30 of 200) within 60 s, above the limit of 5 %, certain enough to act."})
    };
    let state = |json: &Json| -> PlanState {
        serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"))
    };
    let back = |action: &str, to: Option<usize>| json!({"state": "rolled_back", "progress": progress(0), "from": 1, "to": to, "at_ms": NOW_MS, "why": breach(action)});
    let stored = [
        json!({"state": "draft"}),
        json!({"state": "scheduled", "at_ms": NOW_MS, "by": "Ada"}),
        json!({"state": "running", "progress": progress(0)}),
        json!({"state": "paused", "progress": progress(0), "at_ms": NOW_MS, "why": {"person": "Ada"}}),
        json!({"state": "paused", "progress": progress(0), "at_ms": NOW_MS, "why": {"guardrail": breach("pause_plan")}}),
        json!({"state": "holding", "progress": progress(1), "since_ms": NOW_MS, "reason": "missing_data"}),
        json!({"state": "finished", "progress": progress(2), "at_ms": NOW_MS}),
        json!({"state": "abandoned", "step": null, "at_ms": NOW_MS, "by": "Ada"}),
        json!({"state": "abandoned", "step": 1, "at_ms": NOW_MS, "by": "Ada"}),
        back("stop", None),
        back("step_back", Some(0)),
        back("step_back", None),
    ];
    for json in &stored {
        let state = state(json);
        listed.sentence(state.sentence(3));
        let (_, word) = app::flag::plan::state::state_badge(&state);
        let beside = app::flag::plan::state::beside_badge(word, &state.sentence(3));
        listed.sentence(if beside.is_empty() { format!("{word}.") } else { format!("{word}: {beside}") });
    }
}

fn refusals(listed: &mut Listed) {
    for refused in [
        Refused::NoSteps,
        Refused::AlreadyStarted,
        Refused::NotStarted,
        Refused::Ended,
        Refused::NotRunning,
        Refused::NothingToResume,
        Refused::RolledBack,
        Refused::NoSuchStep(8),
        Refused::AtFirstStep,
        Refused::NeedsApproval(1),
        Refused::NoApprovalAsked(1),
        Refused::AlreadyApproved(1),
        Refused::TooEarly,
        Refused::DateInThePast,
        Refused::NotAtLastStep(0),
        Refused::Outdated,
    ] {
        listed.phrase(refused.to_string());
    }
}
