//! Guardrails in the words that people read.

use engine::Problem;
use engine::guardrail::{CustomKind, GuardAction, Limit, Metric, Quantile, guardrail_problems};

use crate::{COMPARED, errors, guardrail};

const CEILING: Limit = Limit::Ceiling { limit: 0.05 };

#[test]
fn a_guardrail_reads_as_a_sentence() {
    let custom = |kind, lower_is_worse| Metric::Custom {
        metric: "checkout-time".parse().expect("key"),
        kind,
        lower_is_worse,
    };
    for (metric, limit, action, sentence) in [
        (Metric::ErrorRate, CEILING, GuardAction::Stop, "Stop if errors are above 5 %"),
        (Metric::ErrorRate, COMPARED, GuardAction::StepBack, "Step back if errors are worse than control"),
        (
            Metric::Latency(Quantile::P95),
            Limit::Comparison { margin: 0.1 },
            GuardAction::PausePlan,
            "Pause the plan if p95 latency is more than 10 % worse than control",
        ),
        (
            Metric::Latency(Quantile::P99),
            Limit::Ceiling { limit: 1500.0 },
            GuardAction::Stop,
            "Stop if p99 latency is above 1.5 s",
        ),
        (
            Metric::Conversion,
            Limit::Ceiling { limit: 0.025 },
            GuardAction::Notify,
            "Notify if conversion is below 2.5 %",
        ),
        (
            Metric::Complaints,
            Limit::Ceiling { limit: 0.02 },
            GuardAction::Stop,
            "Stop if complaints are above 2 per 100 subjects",
        ),
        (Metric::Crashes, COMPARED, GuardAction::Stop, "Stop if crashes are worse than control"),
        (
            Metric::MissingOutcome,
            COMPARED,
            GuardAction::Stop,
            "Stop if missing outcomes are worse than control",
        ),
        (
            custom(CustomKind::Duration(Quantile::P50), false),
            Limit::Ceiling { limit: 250.0 },
            GuardAction::Notify,
            "Notify if p50 checkout time is above 250 ms",
        ),
        (custom(CustomKind::Rate, true), CEILING, GuardAction::Stop, "Stop if checkout time is below 5 %"),
    ] {
        let guardrail = guardrail("it", metric, limit, action);
        let whom = match action {
            GuardAction::Notify | GuardAction::PausePlan => "servers and proved browsers",
            GuardAction::StepBack | GuardAction::Stop => "servers only",
        };
        assert_eq!(guardrail.sentence(), format!("{sentence} ({whom})"));
        assert_eq!(guardrail.problems(), []);
        let json = serde_json::to_string(&guardrail).expect("document");
        assert_eq!(serde_json::from_str::<engine::guardrail::Guardrail>(&json).expect("document"), guardrail);
    }
}

#[test]
fn limits_that_mean_nothing_are_refused_with_what_to_do() {
    let ceiling = |limit| Limit::Ceiling { limit };
    for (metric, limit, problem) in [
        (Metric::ErrorRate, ceiling(0.0), "the limit of \"it\" is a share above 0 and below 90 %"),
        (Metric::ErrorRate, ceiling(0.95), "the limit of \"it\" is a share above 0 and below 90 %"),
        (Metric::ErrorRate, ceiling(f64::NAN), "the limit of \"it\" is a share above 0 and below 90 %"),
        (
            Metric::Complaints,
            ceiling(-1.0),
            "the limit of \"it\" is a number per subject above 0 and up to 1,000",
        ),
        (
            Metric::Latency(Quantile::All),
            ceiling(100.0),
            "a limit for latency needs one quantile; choose p50, p95 or p99 for \"it\"",
        ),
        (
            Metric::Latency(Quantile::P50),
            ceiling(0.0),
            "the limit of \"it\" is a duration from 1 ms to 10 hours",
        ),
        (
            Metric::ErrorRate,
            Limit::Comparison { margin: f64::INFINITY },
            "the margin of \"it\" lies between 0 and 1,000 %",
        ),
        (
            Metric::ErrorRate,
            Limit::Comparison { margin: -0.1 },
            "the margin of \"it\" lies between 0 and 1,000 %",
        ),
    ] {
        let problems = guardrail("it", metric, limit, GuardAction::Stop).problems();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [problem]);
    }
    let twice = [errors(CEILING, GuardAction::Stop), errors(COMPARED, GuardAction::Stop)];
    let problems = guardrail_problems(&twice);
    assert!(matches!(problems.as_slice(), [Problem::DuplicateGuardrail { .. }]), "{problems:?}");
    let many: Vec<_> =
        (0..21).map(|n| guardrail(&format!("g{n}"), Metric::ErrorRate, CEILING, GuardAction::Stop)).collect();
    assert_eq!(guardrail_problems(&many), [Problem::TooManyGuardrails { max: 20 }]);
}
