//! What people may do with a plan in each state, and what they are told when they may not.

use engine::Problem;
use engine::guardrail::{GuardAction, Health};
use engine::plan::{Gate, HoldReason, Percentages, Plan, PlanState, Refused, TEMPLATES, advance};

use crate::{
    HOUR_MS, NOW_MS, SAMPLE, ada, breach, held, judged, percentages, plan, rule, running, seen,
    step,
};

#[test]
fn a_start_sets_the_first_step_and_keeps_what_was_before() {
    let before = percentages(10, 5);
    let moved = PlanState::Draft.start(&plan(), &before, NOW_MS).expect("start");
    assert_eq!(moved.percentages, Some(percentages(100, 5)));
    assert!(moved.new_guard && moved.enabled.is_none());
    assert_eq!(moved.state.progress().expect("progress").before, before);
    assert_eq!(moved.state.start(&plan(), &before, NOW_MS), Err(Refused::AlreadyStarted));
}

#[test]
fn a_plan_cannot_start_without_steps_or_before_its_date() {
    let empty = Plan { name: "x".to_owned(), steps: Vec::new() };
    assert_eq!(PlanState::Draft.start(&empty, &Percentages::new(), NOW_MS), Err(Refused::NoSteps));
    let dated = Plan { steps: vec![step("vip", 100, &[Gate::NotBefore { at_ms: NOW_MS + 1 }])], ..plan() };
    assert_eq!(PlanState::Draft.start(&dated, &Percentages::new(), NOW_MS), Err(Refused::TooEarly));
    assert_eq!(PlanState::Draft.start_at(&plan(), NOW_MS, &ada(), NOW_MS), Err(Refused::DateInThePast));
    let scheduled = PlanState::Draft.start_at(&plan(), NOW_MS + 1, &ada(), NOW_MS).expect("schedule");
    assert_eq!(scheduled.percentages, None);
    assert_eq!(scheduled.state.pause(&ada(), NOW_MS).expect("unschedule").state, PlanState::Draft);
}

#[test]
fn pausing_and_resuming_keep_the_same_people() {
    let state = held(&running(1, NOW_MS), 600_000);
    let paused = state.pause(&ada(), NOW_MS + 600_000).expect("pause");
    assert_eq!((paused.percentages, paused.enabled), (None, None));
    assert_eq!(paused.state.pause(&ada(), NOW_MS), Err(Refused::NotRunning));
    let resumed = paused.state.resume(&plan(), NOW_MS + 10 * HOUR_MS).expect("resume");
    assert_eq!(resumed.percentages, Some(percentages(100, 20)), "what the step had all along");
    assert!(!resumed.new_guard);
    let progress = resumed.state.progress().expect("progress");
    assert_eq!(progress.held_ms(NOW_MS + 10 * HOUR_MS), 600_000, "the pause does not count as held");
    assert_eq!(resumed.state.resume(&plan(), NOW_MS), Err(Refused::NothingToResume));
}

#[test]
fn a_jump_skips_times_but_no_approval() {
    let state = running(0, NOW_MS);
    let jumped = state.jump(&plan(), 2, NOW_MS).expect("jump");
    assert_eq!(jumped.percentages, Some(percentages(100, 50)));
    assert_eq!(state.jump(&plan(), 3, NOW_MS), Err(Refused::NeedsApproval(3)));
    assert_eq!(state.jump(&plan(), 9, NOW_MS), Err(Refused::NoSuchStep(9)));
    assert_eq!(Refused::NoSuchStep(9).to_string(), "the plan has no step 10");
    let approved = state.approve(&plan(), 3, &ada(), NOW_MS).expect("approve").state;
    assert_eq!(approved.approve(&plan(), 3, &ada(), NOW_MS), Err(Refused::AlreadyApproved(3)));
    assert_eq!(approved.approve(&plan(), 2, &ada(), NOW_MS), Err(Refused::NoApprovalAsked(2)));
    assert_eq!(approved.jump(&plan(), 3, NOW_MS).expect("jump").percentages, Some(percentages(100, 100)));
}

#[test]
fn a_step_back_returns_to_the_last_good_step_and_waits_for_a_person() {
    let back = running(2, NOW_MS).step_back(&plan(), &ada(), NOW_MS).expect("back");
    assert_eq!(back.percentages, Some(percentages(100, 20)));
    assert!(matches!(back.state, PlanState::Paused { .. }));
    assert_eq!(running(0, NOW_MS).step_back(&plan(), &ada(), NOW_MS), Err(Refused::AtFirstStep));

    // Step 2 was only jumped over, so it is not a good one.
    let jumped = running(0, NOW_MS).jump(&plan(), 2, NOW_MS).expect("jump").state;
    let PlanState::Running { mut progress } = jumped else { panic!("not running") };
    progress.good = vec![0];
    let back = PlanState::Running { progress }.step_back(&plan(), &ada(), NOW_MS).expect("back");
    assert_eq!(back.percentages, Some(percentages(100, 0)));
}

#[test]
fn going_back_needs_a_new_approval() {
    let approved = running(2, NOW_MS).approve(&plan(), 3, &ada(), NOW_MS).expect("approve").state;
    let back = approved.step_back(&plan(), &ada(), NOW_MS).expect("back").state;
    assert!(!back.progress().expect("progress").is_approved(3));
}

#[test]
fn finishing_and_abandoning_end_a_plan_and_keep_the_percentages() {
    assert_eq!(running(1, NOW_MS).finish(&plan(), NOW_MS), Err(Refused::NotAtLastStep(1)));
    let finished = running(3, NOW_MS).finish(&plan(), NOW_MS).expect("finish");
    assert_eq!(finished.percentages, None);
    let abandoned = running(1, NOW_MS).abandon(&ada(), NOW_MS).expect("abandon");
    assert_eq!((abandoned.percentages, abandoned.enabled), (None, None));
    for ended in [finished.state, abandoned.state] {
        assert_eq!(ended.jump(&plan(), 0, NOW_MS), Err(Refused::Ended));
        assert_eq!(ended.resume(&plan(), NOW_MS), Err(Refused::Ended));
        assert_eq!(ended.abandon(&ada(), NOW_MS), Err(Refused::Ended));
        assert_eq!(ended.start(&plan(), &percentages(0, 0), NOW_MS), Err(Refused::Ended));
    }
    assert_eq!(PlanState::Draft.finish(&plan(), NOW_MS), Err(Refused::NotStarted));
    assert_eq!(PlanState::Draft.resume(&plan(), NOW_MS), Err(Refused::NotStarted));
}

#[test]
fn a_person_overrides_a_rollback_and_the_same_evidence_does_not_undo_it() {
    let broken = breach(GuardAction::StepBack, NOW_MS + 1_000);
    let current = percentages(100, 50);
    let state = running(2, NOW_MS);
    let decision = advance(&plan(), &state, &seen(&broken, &current), NOW_MS + 2_000);
    let rolled = state.follow(decision, &current, NOW_MS + 2_000).expect("roll back").state;
    let moved = rolled.jump(&plan(), 2, NOW_MS + 60_000).expect("override");
    assert!(moved.new_guard);
    let decision = advance(&plan(), &moved.state, &seen(&broken, &current), NOW_MS + 90_000);
    assert_eq!(decision, engine::plan::PlanDecision::Hold { reason: HoldReason::Broken });
    // What breaks afterwards is new evidence.
    let again = breach(GuardAction::StepBack, NOW_MS + 61_000);
    let decision = advance(&plan(), &moved.state, &seen(&again, &current), NOW_MS + 90_000);
    assert!(matches!(decision, engine::plan::PlanDecision::Breach(_)));
}

#[test]
fn percentages_set_by_hand_are_not_overrun() {
    let healthy = judged(Health::Healthy);
    let current = percentages(100, 35);
    let state = held(&running(1, NOW_MS), 2 * HOUR_MS);
    let at_ms = NOW_MS + 2 * HOUR_MS;
    let mut seen = seen(&healthy, &current);
    seen.changed_by_person_ms = Some(NOW_MS + HOUR_MS);
    let decision = advance(&plan(), &state, &seen, at_ms);
    assert_eq!(decision, engine::plan::PlanDecision::Hold { reason: HoldReason::PersonDecided });
    let holding = state.follow(decision, &current, at_ms).expect("hold").state;
    let resumed = holding.resume(&plan(), at_ms).expect("resume");
    assert_eq!(resumed.percentages, Some(percentages(100, 20)), "a person asked for it");
    let decision = advance(&plan(), &resumed.state, &seen, at_ms);
    assert!(matches!(decision, engine::plan::PlanDecision::Advance(_)), "{decision:?}");
}

#[test]
fn a_definition_that_cannot_be_is_refused() {
    let known = |id: &engine::RuleId| ["vip", "everyone"].contains(&id.as_str());
    assert_eq!(plan().problems(&known), []);
    let wrong = Plan {
        name: " ".to_owned(),
        steps: vec![
            step("vip", 100, &[Gate::Approval, SAMPLE, SAMPLE]),
            step("staff", 10, &[Gate::Hold { hold_ms: 1 }, Gate::Sample { subjects_min: 0 }]),
            engine::plan::Step { percentages: Percentages::new(), ..step("vip", 1, &[]) },
        ],
    };
    let problems = wrong.problems(&known);
    for expected in [
        Problem::FirstStepApproval,
        Problem::DuplicateGate { step: 1 },
        Problem::UnknownRule { step: 2, rule: rule("staff") },
        Problem::HoldTime { step: 2 },
        Problem::SampleSize { step: 2, max: 1_000_000_000 },
        Problem::EmptyStep { step: 3 },
    ] {
        assert!(problems.contains(&expected), "{expected:?} in {problems:?}");
    }
    assert_eq!(problems.len(), 7);
    assert_eq!(Plan { steps: Vec::new(), ..plan() }.problems(&known), [Problem::StepCount { max: 20 }]);
}

#[test]
fn a_template_becomes_a_plan_that_can_be_stored() {
    let template = TEMPLATES[0].plan(&[rule("vip")], &rule("everyone"));
    assert_eq!(template.steps.len(), 6);
    let json = serde_json::to_string(&template).expect("document");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("document"), template);
}
