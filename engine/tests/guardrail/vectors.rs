//! Reproduces every reference vector, which independent code computed with 60 digits.

use std::collections::BTreeMap;

use engine::guardrail::{
    baseline::baseline_limit,
    comparison::{Comparison, Terms, mean_log_e},
    decision::{Facts, decide},
    dispersion::dispersion,
    kernel::{Alternative, Worse, log_e, log_e_absolute},
    latency::{LatencyHistogram, Reference, bucket},
    srm::{Segment, log_bayes_factor},
    tally::{Block, Kernel, Tally},
    verdict::Thresholds,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    kind: String,
    input: Json,
    expected: Json,
}

fn get<T: DeserializeOwned>(json: &Json, name: &str) -> T {
    serde_json::from_value(json[name].clone()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn get_or<T: DeserializeOwned>(json: &Json, name: &str, default: T) -> T {
    if json.get(name).is_none() { default } else { get(json, name) }
}

/// Numbers within the file's tolerance, everything else exactly, at every depth.
fn assert_close(at: &str, actual: &Json, expected: &Json) {
    match (actual, expected) {
        (Json::Number(a), Json::Number(e)) => {
            let (a, e) = (a.as_f64().unwrap(), e.as_f64().unwrap());
            assert!((a - e).abs() <= 1e-9 * e.abs().max(1.0), "{at}: {a} instead of {e}");
        }
        (Json::Array(a), Json::Array(e)) => {
            assert_eq!(a.len(), e.len(), "{at}");
            a.iter().zip(e).enumerate().for_each(|(n, (a, e))| assert_close(&format!("{at}[{n}]"), a, e));
        }
        (Json::Object(a), Json::Object(e)) => {
            assert!(a.keys().eq(e.keys()), "{at}: {a:?} instead of {e:?}");
            a.iter().for_each(|(name, a)| assert_close(&format!("{at}.{name}"), a, &e[name]));
        }
        _ => assert_eq!(actual, expected, "{at}"),
    }
}

fn block(kernel: Kernel, json: &Json) -> Block {
    let count = |name| get::<f64>(json, name);
    Block::new(kernel, (count("nT"), count("xT")), (count("nC"), count("xC"))).expect("counts")
}

fn one_block(kernel: Kernel, input: &Json) -> Json {
    let alternative = Alternative {
        lambda: get(input, "lambda"),
        rho: get(input, "rho"),
        sign: get_or(input, "sign", 1.0),
    };
    json!({ "log_e": log_e(kernel, &block(kernel, input), get_or(input, "theta", 0.01), alternative) })
}

fn guardrail(input: &Json) -> Json {
    let config = &input["config"];
    let kernel: Kernel = get(config, "kernel");
    let mut comparison = Comparison::new(Terms {
        kernel,
        worse: get::<Worse>(config, "bad"),
        margin: get(config, "margin"),
        safe_margin: get(config, "safe_margin"),
    });
    let thresholds =
        Thresholds { alpha: get(config, "alpha"), beta: get(config, "beta"), amber: get(config, "amber") };
    let restart_before: Vec<usize> = get(input, "restart_before");
    let (mut theta, mut log_es, mut safe, mut first) = (vec![], vec![], vec![], None);
    for (at, json) in get::<Vec<Json>>(input, "blocks").iter().enumerate() {
        if restart_before.contains(&at) {
            comparison.restart();
        }
        theta.push(comparison.base_rate());
        comparison.fold(&block(kernel, json), get_or(json, "dispersion", 1.0));
        // The state must survive a restart of the server at any block.
        let stored = serde_json::to_string(&comparison).expect("state");
        comparison = serde_json::from_str(&stored).expect("state");
        log_es.push(comparison.log_e());
        safe.push(comparison.log_e_safe());
        if first.is_none() && comparison.log_e() >= thresholds.log_e_act() {
            first = Some(at);
        }
    }
    json!({
        "theta": theta,
        "log_e": log_es,
        "max_log_e": comparison.max_log_e(),
        "p_value": comparison.p_value(),
        "log_e_safe": safe,
        "first_alarm_block": first,
        "verdict": comparison.verdict(&thresholds),
        "rr_mh": comparison.rate_ratio(),
    })
}

fn histogram(values_ms: &[f64]) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::default();
    values_ms.iter().for_each(|ms| histogram.record(*ms));
    histogram
}

/// Folds a minute per block, as the guard does: thresholds, counts, evidence, verdict.
fn latency_one(input: &Json, q: f64) -> (Vec<Option<u16>>, Vec<Json>, Vec<f64>, Comparison) {
    let config = &input["config"];
    let (margin, samples_min): (u16, u64) = (get(config, "margin_buckets"), get(config, "ref_min"));
    let mut reference = Reference::default();
    reference.push(0, &histogram(&get::<Vec<f64>>(input, "reference_ms")));
    let terms = Terms { kernel: Kernel::Bernoulli, worse: Worse::Higher, margin: 0.0, safe_margin: 1.0 };
    let mut comparison = Comparison::new(terms);
    let (mut thresholds, mut counts, mut log_es) = (vec![], vec![], vec![]);
    for (at, json) in (1..).zip(get::<Vec<Json>>(input, "blocks")) {
        let treatment = histogram(&get::<Vec<f64>>(&json, "treatment_ms"));
        let control = histogram(&get::<Vec<f64>>(&json, "control_ms"));
        let threshold = reference.threshold(at * 60_000, q, samples_min);
        let (t, c) = match threshold {
            Some(h) => (
                Tally::new(treatment.total(), treatment.above(h + margin)),
                Tally::new(control.total(), control.above(h)),
            ),
            None => (Tally::default(), Tally::default()),
        };
        comparison.fold(&Block::of(Kernel::Bernoulli, t, c).expect("counts"), 1.0);
        reference.push(at * 60_000, &control);
        thresholds.push(threshold);
        counts.push(json!({ "nT": t.trials, "xT": t.events, "nC": c.trials, "xC": c.events }));
        log_es.push(comparison.log_e());
    }
    (thresholds, counts, log_es, comparison)
}

fn latency(input: &Json) -> Json {
    let (thresholds, blocks, log_es, comparison) = latency_one(input, get(&input["config"], "q"));
    let verdict = comparison.verdict(&Thresholds::default());
    json!({ "threshold_bucket": thresholds, "blocks": blocks, "log_e": log_es, "verdict": verdict })
}

fn latency3(input: &Json) -> Json {
    let quantiles: Vec<f64> = get(&input["config"], "qs");
    let each: Vec<_> = quantiles.iter().map(|q| latency_one(input, *q)).collect();
    let log_es: Vec<f64> = (0..each[0].2.len())
        .map(|at| mean_log_e(&each.iter().map(|one| one.2[at]).collect::<Vec<_>>()))
        .collect();
    let thresholds: Vec<_> = each.iter().map(|one| &one.0).collect();
    let first = log_es.iter().position(|log_e| *log_e >= Thresholds::default().log_e_act());
    json!({ "threshold_bucket": thresholds, "log_e": log_es, "first_alarm_block": first })
}

fn run(case: &Case) -> Json {
    let input = &case.input;
    match case.kind.as_str() {
        "bernoulli_block" => one_block(Kernel::Bernoulli, input),
        "poisson_block" => one_block(Kernel::Poisson, input),
        "absolute_block" => json!({ "log_e": log_e_absolute(
            get(input, "n"), get(input, "x"), get(input, "p0"), get(input, "lambda")) }),
        "guardrail" => guardrail(input),
        "dispersion" => {
            let arm = |name| {
                let groups = get::<Vec<(u64, u64)>>(input, name).into_iter();
                groups.map(|(trials, events)| Tally::new(trials, events))
            };
            json!({ "D": dispersion(arm("treatment"), arm("control")) })
        }
        "srm" => {
            let segments: Vec<Segment> = get(input, "segments");
            json!({ "log_bf": log_bayes_factor(&segments, get(input, "kappa")) })
        }
        "sketch_index" => {
            let values: Vec<f64> = get(input, "values_ms");
            json!({ "index": values.into_iter().map(bucket).collect::<Vec<_>>() })
        }
        "latency" => latency(input),
        "latency3" => latency3(input),
        "baseline_limit" => {
            let control = Tally::new(get(input, "n"), get(input, "x"));
            json!({ "p0": baseline_limit(control, get(input, "factor")) })
        }
        "decision" => {
            let facts: Facts = serde_json::from_value(input.clone()).expect("facts");
            json!({ "action": decide(&facts) })
        }
        other => panic!("{}: a kind of vector that nothing runs: {other}", case.id),
    }
}

#[test]
fn every_reference_vector_is_reproduced() {
    let file: File = serde_json::from_str(include_str!("vectors.json")).expect("vectors");
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &file.cases {
        assert_close(&case.id, &run(case), &case.expected);
        *ran.entry(case.kind.as_str()).or_default() += 1;
    }
    let expected = [
        ("absolute_block", 8),
        ("baseline_limit", 4),
        ("bernoulli_block", 30),
        ("decision", 17),
        ("dispersion", 5),
        ("guardrail", 15),
        ("latency", 3),
        ("latency3", 2),
        ("poisson_block", 8),
        ("sketch_index", 1),
        ("srm", 6),
    ];
    assert_eq!(ran.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(file.cases.len(), 99);
}
