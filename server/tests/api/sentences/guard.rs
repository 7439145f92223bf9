//! Guardrails, their evidence and what is said about a rollout.

use engine::guardrail::{
    Accepts, CustomKind, Evidence, GuardAction, Guardrail, Health, Judgement, Limit, Metric, Missing,
    Quantile, Tally, Verdict, Warning, recent::Stretch,
};

use super::Listed;
use crate::app::NOW_MS;

fn metrics() -> Vec<Metric> {
    let custom = |kind, lower_is_worse| Metric::Custom {
        metric: "checkout-time".parse().expect("a key"),
        kind,
        lower_is_worse,
    };
    vec![
        Metric::ErrorRate,
        Metric::Latency(Quantile::P95),
        Metric::Latency(Quantile::All),
        Metric::Conversion,
        Metric::Crashes,
        Metric::Complaints,
        Metric::MissingOutcome,
        custom(CustomKind::Duration(Quantile::P50), false),
        custom(CustomKind::Rate, true),
        custom(CustomKind::Count, false),
    ]
}

fn limits(metric: &Metric) -> [Limit; 3] {
    let limit = match metric {
        Metric::Latency(_) | Metric::Custom { kind: CustomKind::Duration(_), .. } => 1_500.0,
        Metric::ErrorRate
        | Metric::Conversion
        | Metric::Crashes
        | Metric::Complaints
        | Metric::MissingOutcome
        | Metric::Custom { kind: CustomKind::Rate | CustomKind::Count, .. } => 0.05,
    };
    [Limit::Ceiling { limit }, Limit::Comparison { margin: 0.0 }, Limit::Comparison { margin: 0.1 }]
}

pub(super) fn list(listed: &mut Listed) {
    listed.section("Guardrails");
    let actions = [GuardAction::Notify, GuardAction::PausePlan, GuardAction::StepBack, GuardAction::Stop];
    for metric in metrics() {
        for (limit, action) in
            limits(&metric).into_iter().zip(actions.into_iter().cycle().skip(metrics().len() % 3))
        {
            for accepts in [Accepts::Servers, Accepts::ServersAndBrowsers] {
                let id = "it".parse().expect("an id");
                let guardrail = Guardrail { id, metric: metric.clone(), limit, action, accepts };
                listed.phrase(guardrail.sentence());
            }
        }
    }
    evidence(listed);
    judgements(listed);
}

fn evidence(listed: &mut Listed) {
    listed.section("Evidence");
    let missing = [
        None,
        Some(Missing::Silent),
        Some(Missing::Treatment),
        Some(Missing::Control),
        Some(Missing::Unasked),
        Some(Missing::Rejected),
        Some(Missing::Unreadable),
        Some(Missing::Clock),
        Some(Missing::NoTreatment),
        Some(Missing::NoControl),
    ];
    for metric in metrics() {
        for limit in limits(&metric) {
            for verdict in [Verdict::Safe, Verdict::Undecided, Verdict::Amber, Verdict::Regressed] {
                for accepts in [Accepts::Servers, Accepts::ServersAndBrowsers] {
                    for recent in [None, Some((1, 1)), Some((1_200, 40))] {
                        let one = of(&metric, limit, verdict, accepts, recent);
                        listed.phrase(one.sentence());
                        // What is missing is told alike of all metrics.
                        if metric == Metric::ErrorRate {
                            for missing in missing {
                                listed.phrase(Evidence { missing, ..one.clone() }.sentence());
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Of how many trials how many had the event; none yet.
fn of(
    metric: &Metric,
    limit: Limit,
    verdict: Verdict,
    accepts: Accepts,
    recent: Option<(u64, u64)>,
) -> Evidence {
    let stretch = |(trials, events)| Stretch {
        from_ms: NOW_MS - 60_000,
        until_ms: NOW_MS,
        treatment: Tally { trials, events },
        control: Tally { trials, events: events / 2 },
    };
    let is_duration =
        matches!(metric, Metric::Latency(_) | Metric::Custom { kind: CustomKind::Duration(_), .. });
    Evidence {
        rule: "everyone".parse().expect("an id"),
        guardrail: "it".parse().expect("an id"),
        metric: metric.clone(),
        limit,
        action: GuardAction::Stop,
        accepts,
        verdict,
        treatment: Tally::default(),
        control: None,
        recent: recent.map(stretch),
        treatment_ms: recent.filter(|_| is_duration).map(|_| 2_140.0),
        control_ms: recent.filter(|_| is_duration).map(|_| 240.4),
        log_e: 0.0,
        max_log_e: 0.0,
        log_e_act: 3.0,
        p_value: 1.0,
        rate_ratio: None,
        difference: None,
        dispersion: 1.0,
        independence_assumed: false,
        since_ms: None,
        missing: None,
    }
}

fn judgements(listed: &mut Listed) {
    listed.section("What is said about a rollout");
    let warnings = [
        Warning::Mismatch,
        Warning::Unreadable,
        Warning::Unasked,
        Warning::MissingData,
        Warning::LateData,
        Warning::Suspicion,
        Warning::NotShownSafe,
    ];
    for warning in warnings {
        listed.sentence(warning.sentence());
    }
    let limit = Limit::Ceiling { limit: 0.05 };
    for verdict in [Verdict::Undecided, Verdict::Regressed] {
        let some = of(&Metric::ErrorRate, limit, verdict, Accepts::Servers, Some((200, 30)));
        for evidence in [vec![], vec![some]] {
            for health in [Health::Healthy, Health::Watching, Health::Inconclusive, Health::Breach] {
                let judgement = Judgement {
                    health,
                    warnings: Vec::new(),
                    evidence: evidence.clone(),
                    ..Judgement::unreadable(NOW_MS)
                };
                listed.sentence(judgement.sentence());
            }
        }
    }
}
