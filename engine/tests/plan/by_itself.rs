//! What a plan does when nobody touches it: it waits, advances, holds, or reduces.

use engine::guardrail::{GuardAction, Health, Warning};
use engine::plan::{HoldReason, Moved, OpenGate, PauseReason, PlanDecision, PlanState, Refused, advance};

use crate::{HOUR_MS, NOW_MS, ada, breach, held, judged, percentages, plan, running, seen, warned};

/// Decides and follows.
fn go(state: &PlanState, judgement: &engine::guardrail::Judgement, now_ms: i64) -> (PlanDecision, Moved) {
    let step = state.progress().map_or(0, |progress| progress.step);
    let current = plan().percentages_at(Some(step), &percentages(0, 0));
    let decision = advance(&plan(), state, &seen(judgement, &current), now_ms);
    let moved = state.follow(decision.clone(), &current, now_ms).expect("the decision fits the state");
    (decision, moved)
}

#[test]
fn a_scheduled_plan_starts_at_its_date_however_late() {
    let scheduled = PlanState::Draft.start_at(&plan(), NOW_MS + HOUR_MS, &ada(), NOW_MS).expect("plan").state;
    let healthy = judged(Health::Healthy);
    let (decision, _) = go(&scheduled, &healthy, NOW_MS + HOUR_MS - 1);
    assert_eq!(decision, PlanDecision::Wait { open: vec![OpenGate::NotBefore { at_ms: NOW_MS + HOUR_MS }] });
    let late_ms = NOW_MS + 100 * HOUR_MS;
    let (_, moved) = go(&scheduled, &healthy, late_ms);
    assert!(moved.new_guard);
    let progress = moved.state.progress().expect("started");
    assert_eq!((progress.step, progress.since_ms, progress.held_ms(late_ms)), (0, late_ms, 0));
}

#[test]
fn every_open_gate_is_named() {
    let watching = judged(Health::Watching);
    let current = percentages(100, 50);
    let state = held(&running(2, NOW_MS), 600_000);
    let mut seen = seen(&watching, &current);
    seen.subjects = 800;
    let decision = advance(&plan(), &state, &seen, NOW_MS + 600_000);
    let open = vec![
        OpenGate::Hold { remaining_ms: HOUR_MS - 600_000 },
        OpenGate::Sample { have: 800, missing: 1_200 },
        OpenGate::Healthy { health: Health::Watching },
        OpenGate::Approval { step: 3 },
    ];
    assert_eq!(decision, PlanDecision::Wait { open });
}

#[test]
fn it_advances_when_every_gate_is_met_and_remembers_the_good_step() {
    let healthy = judged(Health::Healthy);
    let (decision, moved) = go(&held(&running(1, NOW_MS), HOUR_MS), &healthy, NOW_MS + HOUR_MS);
    assert!(matches!(&decision, PlanDecision::Advance(to) if to.to() == 2), "{decision:?}");
    assert_eq!(moved.percentages, Some(percentages(100, 50)));
    let progress = moved.state.progress().expect("progress");
    assert_eq!((progress.step, progress.held_ms, progress.good.clone()), (2, 0, vec![0, 1]));
    // The same decision does not advance twice.
    let current = percentages(100, 50);
    assert_eq!(moved.state.follow(decision, &current, NOW_MS), Err(Refused::Outdated));
}

#[test]
fn the_last_steps_gates_finish_the_plan() {
    let state = held(&running(3, NOW_MS), HOUR_MS);
    let (decision, moved) = go(&state, &judged(Health::Watching), NOW_MS + HOUR_MS);
    assert_eq!(decision, PlanDecision::Finish);
    assert_eq!((moved.percentages, moved.state.as_str()), (None, "finished"));
}

#[test]
fn after_days_of_being_down_one_step_at_a_time_and_no_time_that_nobody_watched() {
    let healthy = judged(Health::Healthy);
    let mut state = held(&running(0, NOW_MS), HOUR_MS - 60_000);
    let mut now_ms = NOW_MS + 5 * 24 * HOUR_MS;
    let (_, moved) = go(&state, &healthy, now_ms);
    assert_eq!(moved.state.progress().expect("progress").step, 1, "its hour was almost over");
    state = moved.state;
    let (decision, moved) = go(&state, &healthy, now_ms);
    let open = vec![OpenGate::Hold { remaining_ms: HOUR_MS }];
    assert_eq!(decision, PlanDecision::Wait { open });
    state = moved.state;
    now_ms += 30 * 24 * HOUR_MS;
    let (decision, _) = go(&state, &healthy, now_ms);
    let open = vec![OpenGate::Hold { remaining_ms: HOUR_MS - 5 * 60_000 }];
    assert_eq!(decision, PlanDecision::Wait { open }, "a gap counts for five minutes at most");
}

#[test]
fn a_clock_that_jumps_neither_skips_nor_stops_a_plan() {
    let healthy = judged(Health::Healthy);
    let mut state = held(&running(1, NOW_MS), 0);
    let mut now_ms = NOW_MS;
    let mut watched_ms = 0;
    for look in 0..1_000 {
        now_ms += match look {
            100 => 365 * 24 * HOUR_MS,
            200 => -400 * 24 * HOUR_MS,
            _ => 10_000,
        };
        watched_ms += 10_000;
        let (decision, moved) = go(&state, &healthy, now_ms);
        state = moved.state;
        if let PlanDecision::Advance(_) = decision {
            break;
        }
    }
    assert_eq!(state.progress().expect("progress").step, 2);
    assert!((HOUR_MS - 300_000..=HOUR_MS + 20_000).contains(&watched_ms), "{watched_ms}");
    let extremes = [i64::MIN, i64::MAX, 0, -1];
    for now_ms in extremes {
        let _ = go(&state, &healthy, now_ms);
    }
}

#[test]
fn missing_data_hold_the_plan_and_it_goes_on_when_they_come() {
    let state = held(&running(1, NOW_MS), HOUR_MS);
    let (decision, moved) = go(&state, &warned(Warning::MissingData), NOW_MS + HOUR_MS);
    assert_eq!(decision, PlanDecision::Hold { reason: HoldReason::MissingData });
    assert_eq!((moved.percentages, moved.state.as_str()), (None, "holding"));
    let (decision, _) = go(&moved.state, &warned(Warning::MissingData), NOW_MS + 2 * HOUR_MS);
    assert_eq!(decision, PlanDecision::Hold { reason: HoldReason::MissingData });
    let (decision, moved) = go(&moved.state, &judged(Health::Watching), NOW_MS + 2 * HOUR_MS);
    assert!(matches!(decision, PlanDecision::Wait { .. }));
    assert_eq!(moved.state.as_str(), "running");
}

#[test]
fn a_breach_steps_back_to_the_last_good_step_and_only_reduces() {
    let (_, moved) = go(&running(2, NOW_MS), &breach(GuardAction::StepBack, NOW_MS + 5), NOW_MS + 6);
    assert_eq!(moved.percentages, Some(percentages(100, 20)));
    let PlanState::RolledBack { from: 2, to: Some(1), .. } = moved.state else { panic!("{:?}", moved.state) };

    // A person had taken VIP agencies out by hand: going back does not put them in again.
    let current = percentages(0, 50);
    let judgement = breach(GuardAction::StepBack, NOW_MS + 5);
    let state = running(2, NOW_MS);
    let mut seen = seen(&judgement, &current);
    seen.changed_by_person_ms = Some(NOW_MS + 1);
    let decision = advance(&plan(), &state, &seen, NOW_MS + 6);
    let moved = state.follow(decision, &current, NOW_MS + 6).expect("roll back");
    assert_eq!(moved.percentages, Some(percentages(0, 20)));
}

#[test]
fn a_breach_at_the_first_step_goes_back_to_what_was_before() {
    let (_, moved) = go(&running(0, NOW_MS), &breach(GuardAction::StepBack, NOW_MS + 5), NOW_MS + 6);
    assert_eq!(moved.percentages, Some(percentages(0, 0)));
    assert!(matches!(moved.state, PlanState::RolledBack { from: 0, to: None, .. }));
}

#[test]
fn a_stop_keeps_the_percentages_and_resuming_starts_the_flag_at_the_first_step() {
    let (_, moved) = go(&running(2, NOW_MS), &breach(GuardAction::Stop, NOW_MS + 5), NOW_MS + 6);
    assert_eq!((moved.percentages.clone(), moved.enabled), (None, Some(false)));
    let resumed = moved.state.resume(&plan(), NOW_MS + 7).expect("resume");
    assert_eq!((resumed.enabled, resumed.new_guard), (Some(true), true));
    assert_eq!(resumed.percentages, Some(percentages(100, 0)));
    // By itself it never goes on.
    let (decision, _) = go(&moved.state, &judged(Health::Healthy), NOW_MS + 100 * HOUR_MS);
    assert_eq!(decision, PlanDecision::Wait { open: vec![] });
}

#[test]
fn a_breach_that_pauses_or_notifies_keeps_the_people() {
    let (_, moved) = go(&running(1, NOW_MS), &breach(GuardAction::PausePlan, NOW_MS + 5), NOW_MS + 6);
    assert_eq!(moved.percentages, None);
    assert!(matches!(&moved.state, PlanState::Paused { why: PauseReason::Guardrail(_), .. }));
    assert!(moved.state.resume(&plan(), NOW_MS + 7).expect("resume").new_guard);

    let notify = breach(GuardAction::Notify, NOW_MS + 5);
    let (decision, moved) = go(&running(1, NOW_MS), &notify, NOW_MS + 6);
    assert!(matches!(decision, PlanDecision::Breach(_)), "told once");
    let (decision, _) = go(&moved.state, &notify, NOW_MS + 16);
    assert_eq!(decision, PlanDecision::Hold { reason: HoldReason::Broken });
}

#[test]
fn a_paused_and_a_finished_plan_are_still_guarded() {
    let paused = running(2, NOW_MS).pause(&ada(), NOW_MS + 1).expect("pause").state;
    let finished = running(3, NOW_MS).finish(&plan(), NOW_MS + 1).expect("finish").state;
    for (state, back) in [(paused, percentages(100, 20)), (finished, percentages(100, 50))] {
        let (decision, _) = go(&state, &judged(Health::Healthy), NOW_MS + 9 * HOUR_MS);
        assert_eq!(decision, PlanDecision::Wait { open: vec![] });
        let (_, moved) = go(&state, &breach(GuardAction::StepBack, NOW_MS + 5), NOW_MS + 6);
        assert_eq!(moved.percentages, Some(back));
    }
}

#[test]
fn a_warning_does_not_hide_a_breach_from_the_plan() {
    let mut broken = breach(GuardAction::Stop, NOW_MS + 5);
    broken.warnings = vec![Warning::MissingData, Warning::Mismatch];
    let (decision, _) = go(&running(1, NOW_MS), &broken, NOW_MS + 6);
    assert!(matches!(decision, PlanDecision::Breach(_)));
}
