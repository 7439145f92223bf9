//! Whole rollouts: what is said about them, and what it takes to say it.

use engine::guardrail::{
    Cell, Cells, CustomKind, Exposed, GuardAction, Health, LatencyHistogram, Limit, Metric, Missing, Proof,
    Quantile, Sample, Surroundings, Tally, Verdict, Warning, difference_over, srm::Segment, would_have_fired,
};

use crate::{CELL_MS, COMPARED, cell, errors, everyone, exposed, guard, guardrail, judge, of, of_errors};

/// An hour and a half with 20 + 80 trials every 10 s and few errors; from `broken` on many in the treatment.
fn cells(broken: Option<i64>) -> Vec<Cell> {
    (0..540)
        .map(|at| {
            let bad = broken.is_some_and(|from| at >= from);
            cell(at, (20, if bad { 8 } else { u64::from(at % 25 == 0) }), (80, u64::from(at % 6 == 0)))
        })
        .collect()
}

const BOTH: Exposed = Exposed { treatment: true, control: true, has_treatment: true, has_control: true };

fn around() -> Surroundings {
    Surroundings { exposed: exposed(BOTH), steps_ms: vec![0], held_ms: 5_400_000, ..Surroundings::default() }
}

/// Of how many stands between the two.
fn told(sentence: &str, begins: &str, ends: &str) {
    assert!(sentence.starts_with(begins) && sentence.ends_with(ends), "{sentence}");
}

const END_MS: i64 = 540 * CELL_MS + 10_000;

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
        ") against nothing in control within 15 min, but none arrive from control",
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

fn durations(values: impl Iterator<Item = f64>) -> Sample {
    let mut latency = LatencyHistogram::default();
    values.for_each(|ms| latency.record(ms));
    Sample { latency, ..Sample::default() }
}

#[test]
fn a_slower_tail_is_worse_and_an_equal_one_is_not() {
    let metric = Metric::Latency(Quantile::All);
    let guardrails = [guardrail("latency", metric.clone(), COMPARED, GuardAction::StepBack)];
    let cells = |slow: f64| -> Vec<Cell> {
        let arm = |at: i64, trials: i64, factor: f64| {
            durations((0..trials).map(move |n| {
                let spread = f64::from(u32::try_from((at * 37 + n * 11).rem_euclid(100)).expect("small"));
                80.0 + spread * if spread > 80.0 { factor } else { 1.0 }
            }))
        };
        // Half an hour before the rollout only control has durations.
        (-180..180)
            .map(|at| Cell {
                treatment: arm(at, if at < 0 { 0 } else { 20 }, slow),
                control: arm(at, 80, 1.0),
                ..cell(at, (0, 0), (0, 0))
            })
            .collect()
    };
    let now_ms = 180 * CELL_MS + 10_000;
    let judged = |slow| judge(&guardrails, &of(metric.clone(), cells(slow)), &around(), now_ms);
    let slower = judged(4.0);
    assert_eq!(slower.health, Health::Breach);
    let sentence = slower.sentence();
    assert!(sentence.starts_with("Latency 4"), "{sentence}");
    assert!(sentence.contains(" measured) against 17"), "{sentence}");
    let equal = judged(1.0);
    assert_eq!(equal.action, None);
    assert_eq!(equal.evidence[0].verdict, Verdict::Safe);
}

/// Thousands of quick ones in the same minutes, and the quick ones that follow, change nothing of what broke it.
#[test]
fn a_breach_is_told_by_what_broke_it_wherever_and_whenever_it_is_told() {
    let metric = Metric::Latency(Quantile::P95);
    let limit = Limit::Ceiling { limit: 1_000.0 };
    let mut guard = guard(&[guardrail("slow", metric.clone(), limit, GuardAction::Notify)]);
    let at = |at: i64, slow: i64| Cell {
        treatment: durations((0..1_000 + slow).map(|n| if n < 1_000 { 32.0 } else { 2_100.0 })),
        ..cell(at, (0, 0), (0, 0))
    };
    let mut look = |cell: Cell, now_ms: i64| {
        guard.observe(&of(metric.clone(), vec![cell]), &[], now_ms);
        guard = serde_json::from_str(&serde_json::to_string(&guard).expect("state")).expect("state");
        guard.judge(&around(), now_ms)
    };
    for n in 0..24 {
        assert_eq!(look(at(n, 0), n * CELL_MS + 9_000).action, None);
    }
    assert_eq!(look(at(24, 0), 245_000).action, None);
    let told = "P95 latency 2.1 s (40 measured) within 8 s, above the limit of 1 s, certain enough to act.";
    assert_eq!(look(at(24, 40), 248_000).sentence(), told);
    for n in 25..90 {
        assert_eq!(look(at(n, 0), n * CELL_MS + 9_000).sentence(), told);
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
fn a_latency_limit_counts_the_durations_beyond_it() {
    let metric = Metric::Latency(Quantile::P95);
    let limit = Limit::Ceiling { limit: 800.0 };
    let guardrails = [guardrail("slow", metric.clone(), limit, GuardAction::Stop)];
    let judged = |slow: i64| {
        let cells = (0..60)
            .map(|at| Cell {
                treatment: durations((0..40).map(|n| if n < slow { 1_500.0 } else { 90.0 })),
                ..cell(at, (0, 0), (0, 0))
            })
            .collect();
        judge(&guardrails, &of(metric.clone(), cells), &around(), 600_000)
    };
    assert_eq!(judged(1).action, None);
    let slow = judged(8);
    assert_eq!(slow.action, Some(GuardAction::Stop));
    assert_eq!(
        slow.sentence(),
        "P95 latency 1.5 s (40 measured) within 10 s, above the limit of 800 ms, certain enough to act."
    );
}

#[test]
fn fewer_conversions_are_worse_and_late_ones_are_waited_for() {
    let guardrails = [guardrail("conversion", Metric::Conversion, COMPARED, GuardAction::Notify)];
    let cells: Vec<Cell> = (0..360).map(|at| cell(at, (20, 1), (20, 3))).collect();
    let judged = |now_ms| judge(&guardrails, &of(Metric::Conversion, cells.clone()), &around(), now_ms);
    assert_eq!(judged(29 * 60_000).evidence[0].recent, None, "nothing has settled");
    let later = judged(91 * 60_000);
    assert_eq!((later.health, later.action), (Health::Breach, Some(GuardAction::Notify)));
}

#[test]
fn complaints_and_counts_of_ones_own_are_counted_per_subject() {
    let metric = Metric::Custom {
        metric: "tickets".parse().expect("key"),
        kind: CustomKind::Count,
        lower_is_worse: false,
    };
    let cells: Vec<Cell> = (0..60).map(|at| cell(at, (10, 15), (40, 2))).collect();
    for metric in [Metric::Complaints, metric] {
        let guardrails = [guardrail("count", metric.clone(), COMPARED, GuardAction::Stop)];
        let cells = of(metric, cells.clone());
        let judged = judge(&guardrails, &cells, &around(), 610_000);
        assert_eq!(judged.action, Some(GuardAction::Stop));
        assert!(
            judged.sentence().contains("150 per 100 subjects (")
                && judged.sentence().contains(" against 5 per 100 subjects ("),
            "{}",
            judged.sentence()
        );
    }
}

#[test]
fn people_who_always_fail_are_counted_as_few() {
    let max_log_e = |with_groups: bool| -> f64 {
        let cells = (0..360)
            .map(|at| {
                let mut cell = cell(at, (64, 2), (64, 1));
                for hash in 0..u64::from(with_groups) * 64 {
                    let fails = |people: &[u64]| Tally::new(1, u64::from(people.contains(&hash)));
                    cell.treatment.groups.record(hash, fails(&[7, 8]));
                    cell.control.groups.record(hash, fails(&[9]));
                }
                cell
            })
            .collect();
        let guardrails = [errors(COMPARED, GuardAction::Stop)];
        let judged = judge(&guardrails, &of_errors(cells), &around(), END_MS);
        assert_eq!(judged.evidence[0].independence_assumed, !with_groups);
        assert_eq!(judged.action.is_some(), !with_groups);
        judged.evidence[0].max_log_e
    };
    assert!(max_log_e(true) < max_log_e(false) / 10.0);
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
fn slow_requests_of_one_person_are_discounted() {
    let metric = Metric::Latency(Quantile::P95);
    let guardrails = [guardrail("latency", metric.clone(), COMPARED, GuardAction::Stop)];
    let judged = |known: bool| {
        let arm = |slow: &'static [u64]| {
            let mut sample = Sample::default();
            for person in 0..64 {
                let ms = if slow.contains(&person) { 900.0 } else { 90.0 };
                sample.record_duration(ms, known.then_some(person));
            }
            sample
        };
        let cells = (0..200)
            .map(|at| Cell {
                treatment: arm(&[3, 4, 5, 6, 7, 8]),
                control: arm(&[9, 10, 11]),
                ..cell(at, (0, 0), (0, 0))
            })
            .collect();
        judge(&guardrails, &of(metric.clone(), cells), &around(), 201 * CELL_MS)
    };
    assert_eq!(judged(false).action, Some(GuardAction::Stop), "six slow people look like many requests");
    let known = judged(true);
    assert_eq!(known.action, None, "{:?}", known.evidence[0]);
    assert!(!known.evidence[0].independence_assumed);
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

#[test]
fn a_limit_that_hardly_anybody_was_measured_against_is_not_healthy_yet() {
    let limit = [guardrail("limit", Metric::ErrorRate, Limit::Ceiling { limit: 0.05 }, GuardAction::Stop)];
    let health =
        |trials: u64| judge(&limit, &of_errors(vec![cell(0, (trials, 0), (0, 0))]), &around(), 20_000).health;
    assert_eq!((health(8), health(32)), (Health::Watching, Health::Watching));
    assert_eq!(health(33), Health::Healthy, "a rate of 5 % would have shown by now");
}

#[test]
fn people_who_have_not_converted_yet_are_no_breach() {
    let limit = [guardrail("few", Metric::Conversion, Limit::Ceiling { limit: 0.5 }, GuardAction::Stop)];
    let half_hour = 30 * 60_000;
    let after = |converted: u64, now_ms| {
        let cells = of(Metric::Conversion, vec![cell(0, (200, converted), (0, 0))]);
        judge(&limit, &cells, &around(), now_ms).health
    };
    assert_ne!(after(0, CELL_MS), Health::Breach);
    assert_ne!(after(0, half_hour), Health::Breach);
    assert_eq!(after(20, half_hour + CELL_MS), Health::Breach);
    assert_ne!(after(160, half_hour + CELL_MS), Health::Breach);
}
