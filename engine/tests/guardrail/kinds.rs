//! What each kind of metric takes to be judged: latencies, conversions, complaints and counts of one's own.

use engine::guardrail::{
    Cell, CustomKind, GuardAction, Health, LatencyHistogram, Limit, Metric, Quantile, Sample, Tally, Verdict,
};

use crate::{CELL_MS, COMPARED, END_MS, around, cell, errors, guard, guardrail, judge, of, of_errors};

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
