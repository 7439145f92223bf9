//! Whole rollouts: what is said about them, and what it takes to say it.

use engine::guardrail::{
    Cell, Cells, Exposed, GuardAction, Health, Limit, Metric, Missing, Proof, Sample, Surroundings, Verdict,
    Warning, difference_over, srm::Segment, would_have_fired,
};

use crate::{
    BOTH, CELL_MS, COMPARED, END_MS, around, cell, errors, everyone, exposed, guard, guardrail, judge,
    of_errors, told,
};

/// An hour and a half with 20 + 80 trials every 10 s and few errors; from `broken` on many in the treatment.
fn cells(broken: Option<i64>) -> Vec<Cell> {
    (0..540)
        .map(|at| {
            let bad = broken.is_some_and(|from| at >= from);
            cell(at, (20, if bad { 8 } else { u64::from(at % 25 == 0) }), (80, u64::from(at % 6 == 0)))
        })
        .collect()
}

#[test]
fn a_rollout_like_its_control_becomes_healthy() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let judged = judge(&guardrails, &of_errors(cells(None)), &around(), END_MS);
    assert_eq!(judged.health, Health::Healthy, "{judged:#?}");
    assert_eq!(judged.action, None);
    assert_eq!(judged.sentence(), "Every guardrail holds.");
    assert_eq!(judged.evidence[0].treatment.trials, 20 * 540);
    assert!(judged.evidence[0].independence_assumed);
}

#[test]
fn a_broken_treatment_is_a_breach_within_half_a_minute_of_its_evidence() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let all = cells(Some(500));
    let mut guard = guard(&guardrails);
    let mut found = None;
    for now_ms in (0..END_MS).step_by(2_000) {
        let arrived: Vec<Cell> = all.iter().filter(|cell| cell.until_ms <= now_ms).cloned().collect();
        guard.observe(&of_errors(arrived), &[0], now_ms);
        let judged = guard.judge(&around(), now_ms);
        if judged.health == Health::Breach {
            found = Some((now_ms, judged));
            break;
        }
    }
    let (now_ms, judged) = found.expect("a breach");
    assert!(now_ms <= 500 * CELL_MS + 40_000, "{}", now_ms - 500 * CELL_MS);
    assert_eq!((judged.action, judged.breach_since_ms), (Some(GuardAction::StepBack), Some(now_ms)));
    let sentence = judged.sentence();
    assert!(sentence.starts_with("Errors 40 % ("), "{sentence}");
    assert!(
        sentence.contains(" in control within ") && sentence.ends_with(": worse, certain enough to act."),
        "{sentence}"
    );
}

#[test]
fn a_guard_that_is_stored_and_read_back_every_minute_comes_to_the_same() {
    let guardrails = [
        errors(COMPARED, GuardAction::StepBack),
        guardrail("limit", Metric::ErrorRate, Limit::Ceiling { limit: 0.05 }, GuardAction::Stop),
    ];
    let all = cells(Some(530));
    let mut stored = guard(&guardrails);
    for now_ms in (0..=END_MS).step_by(10_000) {
        let arrived: Vec<Cell> = all.iter().filter(|cell| cell.until_ms <= now_ms).cloned().collect();
        stored.observe(&of_errors(arrived), &[0], now_ms);
        let json = serde_json::to_string(&stored).expect("state");
        assert!(json.len() < 40_000, "{}", json.len());
        stored = serde_json::from_str(&json).expect("state");
    }
    let mut rebuilt = guard(&guardrails);
    rebuilt.observe(&of_errors(all), &[0], END_MS);
    let (stored, rebuilt) = (stored.judge(&around(), END_MS), rebuilt.judge(&around(), END_MS));
    assert_eq!(stored.health, Health::Breach);
    for (a, b) in stored.evidence.iter().zip(&rebuilt.evidence) {
        assert_eq!(a.verdict, Verdict::Regressed);
        assert_eq!((a.log_e.to_bits(), a.max_log_e.to_bits()), (b.log_e.to_bits(), b.max_log_e.to_bits()));
        assert_eq!((a.treatment, a.control, a.recent), (b.treatment, b.control, b.recent));
    }
}

#[test]
fn order_and_repetition_of_cells_change_nothing() {
    let guardrails = [errors(COMPARED, GuardAction::Stop)];
    let mut mixed = cells(Some(300));
    mixed.reverse();
    let mut once = guard(&guardrails);
    once.observe(&of_errors(cells(Some(300))), &[0], END_MS);
    let mut often = guard(&guardrails);
    for _ in 0..3 {
        often.observe(&of_errors(mixed.clone()), &[0], END_MS);
    }
    assert_eq!(often, once);
}

#[test]
fn missing_data_is_inconclusive_and_never_healthy() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let at = |now_ms| judge(&guardrails, &of_errors(cells(None)), &around(), now_ms);
    assert_eq!(at(END_MS + 290_000).health, Health::Healthy);
    let later = at(END_MS + 310_000);
    assert_eq!((later.health, later.warnings), (Health::Inconclusive, vec![Warning::MissingData]));

    let nothing = judge(&guardrails, &Cells::new(), &around(), 60_000);
    assert_eq!(nothing.health, Health::Watching);
    assert_eq!(nothing.evidence[0].sentence(), "Errors: no outcomes yet from servers");
    let nothing = judge(&guardrails, &Cells::new(), &around(), 400_000);
    assert_eq!(nothing.health, Health::Inconclusive);
    assert_eq!(nothing.evidence[0].sentence(), "Errors: no outcomes arrive from servers");

    // A ceiling alone that has seen nothing is not healthy either.
    let ceiling = [errors(Limit::Ceiling { limit: 0.05 }, GuardAction::Stop)];
    let nothing = judge(&ceiling, &Cells::new(), &around(), 60_000);
    assert_eq!(nothing.health, Health::Watching);
    let some = judge(&ceiling, &of_errors(cells(None)), &around(), END_MS);
    assert_eq!(some.health, Health::Healthy);
}

#[test]
fn a_silent_arm_is_missing_data_when_it_is_exposed() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let silent: Vec<Cell> = (0..180).map(|at| cell(at, (20, 0), (0, 0))).collect();
    let now_ms = 180 * CELL_MS + 10_000;
    let judged = judge(&guardrails, &of_errors(silent), &around(), now_ms);
    assert_eq!(judged.health, Health::Inconclusive);
    told(
        &judged.evidence[0].sentence(),
        "Errors 0 % (0 of ",
        ") against nothing in control within 15 min: but none arrive from control",
    );
}

#[test]
fn what_cannot_be_read_is_missing_and_hides_no_breach() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let unreadable = [(everyone(), [Metric::ErrorRate].into())].into();
    let around = Surroundings { unreadable, ..around() };
    let judged = judge(&guardrails, &of_errors(cells(None)), &around, END_MS);
    assert_eq!(judged.health, Health::Inconclusive);
    assert_eq!(judged.warnings.first(), Some(&Warning::Unreadable));
    assert!(!judged.warnings.contains(&Warning::MissingData), "what arrives is not missing");
    assert!(judged.evidence[0].sentence().ends_with("some of what is stored cannot be read"));
    let judged = judge(&guardrails, &of_errors(cells(Some(500))), &around, END_MS);
    assert_eq!((judged.health, judged.action), (Health::Breach, Some(GuardAction::StepBack)));
    assert_eq!(judged.warnings.first(), Some(&Warning::Unreadable));
}

#[test]
fn a_warning_never_hides_a_breach() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let around = Surroundings {
        segments: vec![Segment { counts: vec![900, 100], weights: vec![20.0, 80.0] }],
        late_fraction: 0.4,
        ..around()
    };
    let now_ms = END_MS + 3_600_000;
    let judged = judge(&guardrails, &of_errors(cells(Some(500))), &around, now_ms);
    assert_eq!((judged.health, judged.action), (Health::Breach, Some(GuardAction::StepBack)));
    let mut warnings = judged.warnings.clone();
    warnings.truncate(3);
    assert_eq!(warnings, [Warning::Mismatch, Warning::MissingData, Warning::LateData]);
    let whole = judge(&guardrails, &of_errors(cells(None)), &around, END_MS);
    assert_eq!(whole.health, Health::Inconclusive, "the split alone holds the plan");
}

#[test]
fn the_strongest_broken_guardrail_decides_the_action() {
    let guardrails = [
        guardrail("told", Metric::ErrorRate, COMPARED, GuardAction::Notify),
        guardrail("limit", Metric::ErrorRate, Limit::Ceiling { limit: 0.05 }, GuardAction::Stop),
        guardrail("paused", Metric::ErrorRate, COMPARED, GuardAction::PausePlan),
    ];
    let judged = judge(&guardrails, &of_errors(cells(Some(500))), &around(), END_MS);
    assert_eq!(judged.action, Some(GuardAction::Stop));
    told(&judged.sentence(), "Errors 40 % (", " s, above the limit of 5 %, certain enough to act.");
    let order: Vec<_> = judged.broken().iter().map(|evidence| evidence.guardrail.as_str()).collect();
    assert_eq!(order, ["limit", "paused", "told"]);
}

#[test]
fn an_outage_breaks_a_ceiling_within_five_seconds() {
    let guardrails = [errors(Limit::Ceiling { limit: 0.05 }, GuardAction::Stop)];
    let mut guard = guard(&guardrails);
    let mut open = Vec::new();
    for look in 0..2_000_i64 {
        let now_ms = (look + 1) * 2_000;
        let (at, bad) = (look * 2_000 / CELL_MS, look >= 1_997);
        let arrived = Sample::counts(20, if bad { 19 } else { 0 });
        match open.last_mut() {
            Some(Cell { from_ms, treatment, .. }) if *from_ms == at * CELL_MS => treatment.merge(&arrived),
            _ => open.push(Cell { treatment: arrived, ..cell(at, (0, 0), (0, 0)) }),
        }
        guard.observe(&of_errors(open.clone()), &[0], now_ms);
        let breach = guard.judge(&around(), now_ms).health == Health::Breach;
        assert_eq!(breach, look >= 1_997, "look {look}");
    }
}

#[test]
fn a_flag_that_nobody_asks_for_is_no_alarm() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let unasked = Surroundings { unasked: true, ..around() };
    let judged = judge(&guardrails, &of_errors(Vec::new()), &unasked, END_MS);
    assert_eq!((judged.health, &judged.warnings[..]), (Health::Inconclusive, &[Warning::Unasked][..]));
    assert!(judged.is_unasked(), "{judged:?}");
    assert!(judged.sentence().starts_with("No application has asked for it yet"), "{}", judged.sentence());
    let asked = judge(&guardrails, &of_errors(Vec::new()), &around(), END_MS);
    assert_eq!(asked.warnings, [Warning::MissingData]);
    assert!(!asked.is_unasked());
}

#[test]
fn counts_that_cannot_be_are_left_out_and_said_to_be_missing() {
    let guardrails = [errors(COMPARED, GuardAction::Stop)];
    let cells = (0..60).map(|at| cell(at, (20, 25), (80, 0))).collect();
    let judged = judge(&guardrails, &of_errors(cells), &around(), 610_000);
    assert_eq!((judged.health, judged.action), (Health::Inconclusive, None));
    assert_eq!(judged.evidence[0].sentence(), "Errors: the counts do not add up");
}

#[test]
fn after_a_rollback_a_guard_is_frozen() {
    let mut guard = guard(&[errors(COMPARED, GuardAction::Stop)]);
    guard.freeze();
    let before = guard.clone();
    guard.observe(&of_errors(cells(Some(0))), &[0], END_MS);
    assert_eq!(guard, before);
}

#[test]
fn at_100_per_cent_there_is_nobody_to_compare_with_and_only_limits_watch() {
    let alone =
        Surroundings { exposed: exposed(Exposed { control: false, has_control: false, ..BOTH }), ..around() };
    let all: Vec<Cell> = (0..360).map(|at| cell(at, (100, 1), (0, 0))).collect();
    let now_ms = 361 * CELL_MS;
    let compared = errors(COMPARED, GuardAction::StepBack);
    let limited = guardrail("limit", Metric::ErrorRate, Limit::Ceiling { limit: 0.05 }, GuardAction::Stop);
    let judged = |guardrails: &[_]| judge(guardrails, &of_errors(all.clone()), &alone, now_ms);
    let both = judged(&[compared.clone(), limited]);
    assert_eq!((both.health, both.warnings), (Health::Healthy, vec![]));
    told(
        &both.evidence[0].sentence(),
        "Errors 1 % (",
        ") against nothing in control within 15 min: no control to compare with any more",
    );
    assert_eq!(judged(&[compared]).health, Health::Watching, "nothing watches");
}

#[test]
fn a_guardrail_tells_how_often_it_would_have_fired() {
    let broken = |at: i64| (200..230).contains(&at) || (400..430).contains(&at);
    let cells: Vec<Cell> = (0..540)
        .map(|at| cell(at, (20, if broken(at) { 10 } else { 0 }), (80, u64::from(at % 6 == 0))))
        .collect();
    let compared = would_have_fired(&errors(COMPARED, GuardAction::Stop), 1, &cells);
    assert!(compared.len() >= 2, "{compared:?}");
    assert!(compared.iter().all(|ms| broken((ms - 20_000) / CELL_MS)), "{compared:?}");
    let limited = errors(Limit::Ceiling { limit: 0.2 }, GuardAction::Stop);
    assert!(!would_have_fired(&limited, 1, &cells).is_empty());
    assert_eq!(would_have_fired(&limited, 1, &cells[..200]), Vec::<i64>::new());
    assert_eq!(would_have_fired(&limited, 1, &[]), Vec::<i64>::new());
}

#[test]
fn the_difference_over_a_day_comes_from_its_cells() {
    let cells = cells(None);
    let interval = difference_over(&cells, 0.05).expect("both arms");
    assert!(interval.low < 0.0 && interval.high > 0.0, "{interval:?}");
    let worse: Vec<Cell> = (0..360).map(|at| cell(at, (20, 2), (80, 1))).collect();
    let interval = difference_over(&worse, 0.05).expect("both arms");
    assert!(interval.low > 0.05 && interval.high < 0.13, "{interval:?}");
    assert_eq!(difference_over(&[], 0.05), None);
}

#[test]
fn a_rule_that_nobody_has_yet_is_no_missing_data_and_rules_are_not_mixed() {
    let vip: engine::RuleId = "vip".parse().expect("rule");
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    // VIP agencies fail more often, with and without the feature; everyone is still at 0 %.
    let failing: Vec<Cell> = (0..360).map(|at| cell(at, (40, 4), (40, 4))).collect();
    let waiting: Vec<Cell> = (0..360).map(|at| cell(at, (0, 0), (200, u64::from(at % 9 == 0)))).collect();
    let mut cells = of_errors(waiting);
    cells.extend([(vip.clone(), [(guardrails[0].basis(), failing)].into())]);
    let mut around = around();
    around.exposed.insert(vip.clone(), BOTH);
    around.exposed.insert(everyone(), Exposed { treatment: false, has_treatment: false, ..BOTH });
    let judged = engine::guardrail::judge(&guardrails, Proof::default(), 0, &cells, &around, 361 * CELL_MS);
    assert_eq!(judged.health, Health::Healthy, "{judged:#?}");
    assert_eq!(judged.evidence[0].rule, everyone());
    assert_eq!(judged.evidence[0].missing, Some(Missing::NoTreatment));
    assert_eq!(judged.evidence[1].verdict, Verdict::Safe);
    // The share of alpha is halved: two rules are watched.
    assert!((judged.evidence[0].log_e_act - 40f64.ln()).abs() < 1e-12);
}

#[test]
fn after_a_step_there_is_time_to_report() {
    let guardrails = [errors(COMPARED, GuardAction::StepBack)];
    let before: Vec<Cell> = (0..360).map(|at| cell(at, (0, 0), (200, 2))).collect();
    let step_ms = 360 * CELL_MS;
    let judged = |now_ms| {
        let around = Surroundings { steps_ms: vec![0, step_ms], ..around() };
        judge(&guardrails, &of_errors(before.clone()), &around, now_ms).health
    };
    assert_eq!(judged(step_ms + 20_000), Health::Watching);
    assert_eq!(judged(step_ms + 400_000), Health::Inconclusive);
}

#[test]
fn a_clock_that_went_back_is_not_healthy() {
    let ceiling = guardrail("limit", Metric::ErrorRate, Limit::Ceiling { limit: 0.2 }, GuardAction::Stop);
    for one in [errors(COMPARED, GuardAction::StepBack), ceiling] {
        let mut guard = guard(&[one]);
        guard.observe(&of_errors(cells(None)), &[0], END_MS);
        let year = 365 * 8_640;
        let ahead: Vec<Cell> = (year..year + 9).map(|at| cell(at, (20, 0), (80, 0))).collect();
        guard.observe(&of_errors(ahead), &[0], (year + 10) * CELL_MS);
        let back: Vec<Cell> = (540..545).map(|at| cell(at, (20, 0), (80, 0))).collect();
        let now_ms = 546 * CELL_MS;
        guard.observe(&of_errors(back), &[0], now_ms);
        let judged = guard.judge(&around(), now_ms);
        assert_eq!(judged.health, Health::Inconclusive, "{judged:#?}");
        assert_eq!(judged.evidence[0].missing, Some(Missing::Clock));
    }
}
