//! Whatever happens to a plan, the guard never raises exposure except by one step whose gates are met.

use engine::Percentage;
use engine::guardrail::{GuardAction, Health, Warning};
use engine::plan::{Percentages, PlanDecision, PlanState, advance};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{ada, breach, judged, percentages, plan, rule, seen, warned};

#[derive(Debug, Clone)]
enum Event {
    Look { health: usize, ahead_ms: i64, subjects: u64, by_hand: bool },
    Pause,
    Resume,
    Jump(usize),
    StepBack,
    Approve(usize),
    Abandon,
    Finish,
}

fn event() -> impl Strategy<Value = Event> {
    let ahead = prop_oneof![6 => 0i64..600_000, 1 => -10_000_000i64..10_000_000_000, 1 => any::<i64>()];
    let look = (0usize..8, ahead, select(vec![0, 1_999, 2_000, 9_999]), any::<bool>());
    prop_oneof![
        12 => look.prop_map(|(health, ahead_ms, subjects, by_hand)| Event::Look { health, ahead_ms, subjects, by_hand }),
        1 => Just(Event::Pause),
        2 => Just(Event::Resume),
        1 => (0usize..5).prop_map(Event::Jump),
        1 => Just(Event::StepBack),
        1 => (0usize..5).prop_map(Event::Approve),
        1 => Just(Event::Finish),
        1 => select(vec![Event::Abandon, Event::Pause, Event::Resume, Event::Resume]),
    ]
}

fn exposure(percentages: &Percentages) -> u32 {
    percentages.values().map(|percentage| percentage.thousandths()).sum()
}

proptest! {
    #[test]
    fn by_itself_exposure_only_falls_or_rises_by_a_step(events in vec(event(), 0..80)) {
        let plan = plan();
        let mut now_ms = 0i64;
        let moved = PlanState::Draft.start(&plan, &percentages(0, 0), now_ms).expect("start");
        let (mut state, mut current) = (moved.state, moved.percentages.expect("percentages"));
        for event in events {
            let before = (state.clone(), current.clone());
            let moved = match event {
                Event::Look { health, ahead_ms, subjects, by_hand } => {
                    let since_ms = now_ms.saturating_add(1);
                    now_ms = now_ms.saturating_add(ahead_ms);
                    let judgement = match health {
                        0 => breach(GuardAction::Stop, since_ms),
                        1 => breach(GuardAction::StepBack, since_ms),
                        2 => breach(GuardAction::PausePlan, since_ms),
                        3 => breach(GuardAction::Notify, since_ms),
                        4 => warned(Warning::MissingData),
                        5 => judged(Health::Watching),
                        _ => judged(Health::Healthy),
                    };
                    if by_hand && subjects == 0 {
                        current.insert(rule("everyone"), Percentage::whole(3).expect("percentage"));
                    }
                    let before_look = current.clone();
                    let mut seen = seen(&judgement, &current);
                    seen.subjects = subjects;
                    seen.changed_by_person_ms = (by_hand && subjects == 0).then_some(now_ms);
                    let decision = advance(&plan, &state, &seen, now_ms);
                    let raises = matches!(decision, PlanDecision::Advance(_));
                    let moved = state.follow(decision, &current, now_ms).expect("fits");
                    let mut after = current.clone();
                    after.extend(moved.percentages.clone().into_iter().flatten());
                    let (was, is) = (before.0.progress().expect("started"), moved.state.progress());
                    if raises {
                        let is = is.expect("running");
                        prop_assert_eq!(is.step, was.step + 1);
                        prop_assert!(was.held_ms(now_ms) >= plan.steps[was.step].hold_ms());
                        prop_assert!(!plan.steps[is.step].needs_approval() || is.is_approved(is.step));
                        prop_assert!(seen.changed_by_person_ms.is_none());
                    } else {
                        prop_assert!(exposure(&after) <= exposure(&before_look));
                        prop_assert!(moved.enabled != Some(true));
                    }
                    Ok(moved)
                }
                Event::Pause => state.pause(&ada(), now_ms),
                Event::Resume => state.resume(&plan, now_ms),
                Event::Jump(to) => state.jump(&plan, to, now_ms),
                Event::StepBack => state.step_back(&plan, &ada(), now_ms),
                Event::Approve(step) => state.approve(&plan, step, &ada(), now_ms),
                Event::Abandon => state.abandon(&ada(), now_ms),
                Event::Finish => state.finish(&plan, now_ms),
            };
            if let Ok(moved) = moved {
                state = moved.state;
                current.extend(moved.percentages.into_iter().flatten());
            }
            if state.progress().is_none() {
                break;
            }
            let json = serde_json::to_string(&state).expect("state");
            prop_assert_eq!(&serde_json::from_str::<PlanState>(&json).expect("state"), &state);
        }
    }
}
