//! What holds for every count, cell and clock, however odd.

use engine::guardrail::{
    Cell, Closing, DifferenceInterval, Guard, GuardAction, LatencyHistogram, Limit, Metric, Quantile, Sample,
    Surroundings, Tally,
    comparison::{Comparison, Terms},
    dispersion::dispersion,
    kernel::Worse,
    srm::{KAPPA, Segment, log_bayes_factor},
    tally::{Block, Kernel},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{COMPARED, everyone, guard, guardrail};

fn count() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0u32..200).prop_map(f64::from),
        1 => 0.0..50.0f64,
        1 => select(vec![0.0, 1e-9, 1e15, f64::MAX, f64::NAN, f64::INFINITY, -1.0]),
    ]
}

fn kernel() -> impl Strategy<Value = Kernel> {
    select(vec![Kernel::Bernoulli, Kernel::Poisson])
}

fn worse() -> impl Strategy<Value = Worse> {
    select(vec![Worse::Higher, Worse::Lower])
}

fn blocks() -> impl Strategy<Value = Vec<((f64, f64), (f64, f64))>> {
    vec(((count(), count()), (count(), count())), 0..40)
}

fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -100i64..1_000, 1 => any::<i64>()].prop_map(|n| n.saturating_mul(10_000))
}

fn tally() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![8 => (0u64..100, 0u64..20), 1 => (any::<u64>(), any::<u64>())]
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let one = (instant(), 0i64..3, tally(), tally(), 0u64..3, 0u32..60);
    vec(one, 0..60).prop_map(|cells| {
        cells
            .into_iter()
            .map(|(from_ms, length, treatment, control, allocation, durations)| {
                let mut latency = LatencyHistogram::default();
                (0..durations).for_each(|n| latency.record(f64::from(n * n) - 3.0));
                let sample =
                    |(trials, events)| Sample { latency: latency.clone(), ..Sample::counts(trials, events) };
                let until_ms = from_ms.saturating_add(length * 10_000);
                Cell { from_ms, until_ms, allocation, treatment: sample(treatment), control: sample(control) }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn no_counts_make_evidence_that_is_not_a_number(
        blocks in blocks(), kernel in kernel(), worse in worse(),
        margin in 0.0..10.0f64, safe_margin in 0.01..3.0f64, dispersions in vec(any::<f64>(), 40),
    ) {
        let mut comparison = Comparison::new(Terms { kernel, worse, margin, safe_margin });
        let mut before = 0.0;
        for (at, ((t, c), dispersion)) in blocks.into_iter().zip(dispersions).enumerate() {
            if at % 3 == 1 {
                comparison.restart();
            }
            let Ok(block) = Block::new(kernel, t, c) else { continue };
            comparison.fold(&block, dispersion);
            prop_assert!(comparison.log_e().is_finite());
            prop_assert!(comparison.log_e_safe().is_finite());
            prop_assert!(comparison.base_rate() > 0.0 && comparison.base_rate().is_finite());
            prop_assert!((0.0..=1.0).contains(&comparison.p_value()));
            prop_assert!(comparison.max_log_e() >= before, "evidence found is kept");
            before = comparison.max_log_e();
            if let Some(interval) = comparison.difference().interval(0.05, 2.0) {
                prop_assert!(interval.low.is_finite() && interval.high.is_finite());
                prop_assert!(interval.low <= interval.high);
            }
        }
    }

    #[test]
    fn without_events_p_stays_one(sizes in vec((0u32..500, 0u32..500), 0..100), restart in 1usize..20) {
        let terms = Terms { kernel: Kernel::Bernoulli, worse: Worse::Higher, margin: 0.0, safe_margin: 1.0 };
        let mut comparison = Comparison::new(terms);
        for (at, (n_t, n_c)) in sizes.into_iter().enumerate() {
            if at % restart == 0 {
                comparison.restart();
            }
            let block = Block::new(Kernel::Bernoulli, (f64::from(n_t), 0.0), (f64::from(n_c), 0.0)).expect("counts");
            comparison.fold(&block, 1.0);
            prop_assert!((comparison.p_value() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_block_is_folded_once_in_time_order_and_holds_whole_cells(cells in cells(), now_ms in instant()) {
        let closing = Closing::requests(None);
        let blocks = closing.close(&cells, i64::MIN, now_ms);
        for block in &blocks {
            prop_assert!(block.until_ms > block.from_ms);
            prop_assert!(block.until_ms.saturating_add(closing.settle_ms) <= now_ms);
        }
        for pair in blocks.windows(2) {
            prop_assert!(pair[0].from_ms <= pair[1].from_ms);
        }
        let trials = |cells: &[Cell]| {
            cells.iter().fold(0u64, |sum, cell| sum.saturating_add(cell.treatment.tally.trials))
        };
        prop_assert!(trials(&blocks) <= trials(&cells));
    }

    #[test]
    fn dispersion_and_split_are_numbers_for_all_counts(
        groups in vec((any::<u64>(), any::<u64>()), 0..70), weights in vec(0.0..1e9f64, 0..5), counts in vec(0u64..1_000_000_000, 0..5),
    ) {
        let tallies = || groups.iter().map(|(trials, events)| Tally::new(*trials, *events));
        let d = dispersion(tallies(), tallies());
        prop_assert!(d >= 1.0 && d.is_finite(), "{}", d);
        let segment = Segment { counts, weights };
        let log_bf = log_bayes_factor(&[segment], KAPPA);
        prop_assert!(log_bf.is_finite());
    }

    #[test]
    fn a_quantile_lies_within_one_per_cent_of_a_value(values in vec(0.2..1e6f64, 1..50), q in 0.0..=1.0f64) {
        let mut histogram = LatencyHistogram::default();
        for ms in &values {
            histogram.record(*ms);
        }
        let found = histogram.quantile(q).expect("values");
        prop_assert!(values.iter().any(|ms| (found / ms - 1.0).abs() < 0.0101), "{} of {:?}", found, values);
    }

    #[test]
    fn an_interval_without_trials_is_none(alpha in 0.001..0.5f64) {
        prop_assert_eq!(DifferenceInterval::default().interval(alpha, 1.0), None);
    }
}

proptest! {
    // Each case is a whole guard over several rounds.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, a guard neither panics nor says nonsense, and its state can be stored.
    #[test]
    fn a_guard_survives_every_cell_and_clock(
        rounds in vec((cells(), instant()), 1..4), segments in vec((vec(any::<u64>(), 0..4), vec(any::<f64>(), 0..4)), 0..3),
        late_fraction in any::<f64>(), held_ms in any::<i64>(),
    ) {
        let metrics = [Metric::ErrorRate, Metric::Conversion, Metric::Complaints, Metric::Latency(Quantile::P95)];
        let mut guardrails = Vec::new();
        for (at, metric) in metrics.iter().enumerate() {
            for (limit, name) in [(COMPARED, "compared"), (Limit::Ceiling { limit: 0.3 }, "limited")] {
                guardrails.push(guardrail(&format!("{name}{at}"), metric.clone(), limit, GuardAction::Stop));
            }
        }
        let mut guard = guard(&guardrails);
        let segments = segments.into_iter().map(|(counts, weights)| Segment { counts, weights }).collect();
        let around = Surroundings { segments, late_fraction, held_ms, ..Surroundings::default() };
        for (cells, now_ms) in rounds {
            let by_basis = guardrails.iter().map(|it| (it.basis(), cells.clone())).collect();
            let cells = [(everyone(), by_basis)].into();
            guard.observe(&cells, &[0, 500_000], now_ms);
            let judged = guard.judge(&around, now_ms);
            for evidence in &judged.evidence {
                prop_assert!(evidence.log_e.is_finite() && evidence.max_log_e.is_finite());
                prop_assert!(evidence.dispersion.is_finite());
                let sentence = evidence.sentence();
                prop_assert!(!sentence.contains("NaN") && !sentence.contains("inf"), "{}", sentence);
            }
            let json = serde_json::to_string(&guard).expect("state");
            prop_assert_eq!(&serde_json::from_str::<Guard>(&json).expect("state"), &guard);
        }
    }
}
