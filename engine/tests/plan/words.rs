//! Plans in the words that people read.

use engine::guardrail::Health;
use engine::plan::{Gate, OpenGate, PlanState, open_gates_sentence};
use engine::{RuleId, plan::Plan};

use crate::{HOUR_MS, NOW_MS, SAMPLE, ada, percentages, plan, running, step};

fn names(rule: &RuleId) -> String {
    if rule.as_str() == "vip" { "VIP agencies".to_owned() } else { "everyone".to_owned() }
}

#[test]
fn a_plan_reads_as_one_sentence() {
    let two_days = Gate::Hold { hold_ms: 48 * HOUR_MS };
    let day = Gate::Hold { hold_ms: 24 * HOUR_MS };
    let plan = Plan {
        name: "Fast payment".to_owned(),
        steps: vec![
            step("vip", 100, &[two_days]),
            step("everyone", 20, &[day, SAMPLE]),
            step("everyone", 100, &[Gate::Approval, Gate::NotBefore { at_ms: NOW_MS }]),
        ],
    };
    assert_eq!(
        plan.sentence(&names),
        "VIP agencies 100 % for 2 days; then everyone 20 % for 1 day, at least 2,000 subjects; \
         then everyone 100 % after an approval, not before 2026-02-25 06:13 UTC."
    );
    let empty = Plan { steps: Vec::new(), ..plan };
    assert_eq!(empty.sentence(&names), "No steps yet.");
}

#[test]
fn what_a_plan_waits_for_reads_as_one_sentence() {
    let open = [
        OpenGate::Hold { remaining_ms: 48 * HOUR_MS },
        OpenGate::Sample { have: 0, missing: 2_000 },
        OpenGate::Healthy { health: Health::Watching },
        OpenGate::Approval { step: 3 },
    ];
    assert_eq!(
        open_gates_sentence(&open, None, NOW_MS),
        "Waits until 2026-02-27 06:13 UTC and for 2,000 subjects and for enough evidence that it is healthy \
         and for an approval of step 4."
    );
    assert_eq!(open_gates_sentence(&[], None, NOW_MS), "Every gate is met.");
    let some = [OpenGate::Sample { have: 800, missing: 1_200 }];
    assert_eq!(open_gates_sentence(&some, None, NOW_MS), "Waits for 1,200 more subjects.");
}

#[test]
fn every_state_reads_as_one_sentence() {
    let start = PlanState::Draft.start(&plan(), &percentages(0, 0), NOW_MS).expect("start").state;
    for (state, sentence) in [
        (PlanState::Draft, "Not started."),
        (start.clone(), "At step 1 of 4."),
        (
            PlanState::Draft.start_at(&plan(), NOW_MS + 1, &ada(), NOW_MS).expect("schedule").state,
            "Starts 2026-02-25 06:13 UTC, scheduled by Ada.",
        ),
        (
            start.pause(&ada(), NOW_MS).expect("pause").state,
            "Paused at step 1 of 4 by Ada; the same people keep the feature.",
        ),
        (
            start.abandon(&ada(), NOW_MS).expect("abandon").state,
            "Abandoned at step 1 of 4 by Ada; the percentages stayed.",
        ),
        (running(3, NOW_MS).finish(&plan(), NOW_MS).expect("finish").state, "Finished 2026-02-25 06:13 UTC."),
    ] {
        assert_eq!(state.sentence(4), sentence);
        let json = serde_json::to_string(&state).expect("document");
        assert_eq!(serde_json::from_str::<PlanState>(&json).expect("document"), state);
    }
}
