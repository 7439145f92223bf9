//! Exposures that no outcome follows: who counts as missing, and what the guard makes of it.

use std::time::Duration;

use engine::{
    FlagKey, RuleId,
    guardrail::{Accepts, Basis, Metric, Quantile},
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{Delivery, Exposure, Role};

use crate::{
    app::{TestApp, environment_key, viewer},
    fixtures::everyone,
};

const WAIT_MS: i64 = 61_000;

fn exposure(subject: &str, arm: &str) -> Json {
    let variant = if arm == "treatment" { "on" } else { "off" };
    json!({ "type": "exposure", "subject": subject, "flag": "pay", "variant": variant, "revision": 1,
        "rule": "everyone", "arm": arm })
}

fn outcome(subject: &str) -> Json {
    json!({ "type": "outcome", "subject": subject, "metric": "latency", "latency_ms": 20.0 })
}

async fn half(config: Config) -> (TestApp, String) {
    let app = TestApp::start_with(config).await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let token = app.server_token().await;
    (app, token)
}

#[tokio::test]
async fn who_has_no_outcome_within_a_minute_is_missing_and_rests() {
    let (app, token) = half(Config::default()).await;
    let all = ["a", "b", "c", "d"];
    for subject in all {
        let arm = if subject < "c" { "treatment" } else { "control" };
        // Twice in a minute is one trial.
        app.tell(&token, &[exposure(subject, arm), exposure(subject, arm)]).await;
    }
    app.tell(&token, &[outcome("a"), outcome("c"), outcome("d")]).await;
    app.clock.advance(WAIT_MS);
    let (treatment, control) = app.arms_with("pay", "missing_outcome", 4).await;
    assert_eq!((treatment.outcomes, treatment.events), (2, 1), "b is silent");
    assert_eq!((control.outcomes, control.events), (2, 0));
    assert_eq!((treatment.tally.trials, treatment.tally.events), (2, 1));
    assert_eq!(treatment.groups.to_groups().tallies().map(|it| it.events).sum::<u64>(), 1);

    // An outcome of before the exposure is none of it; and b is no trial again for ten minutes.
    app.tell(&token, &[exposure("a", "treatment"), exposure("b", "treatment")]).await;
    app.clock.advance(WAIT_MS);
    let (treatment, _) = app.arms_with("pay", "missing_outcome", 5).await;
    assert_eq!((treatment.outcomes, treatment.events), (3, 2));
}

#[tokio::test]
async fn nobody_sends_what_is_missing() {
    let (app, token) = half(Config::default()).await;
    let sent = json!({ "type": "outcome", "subject": "a", "metric": "missing_outcome", "ok": false });
    let answer = app.tell(&token, &[sent]).await;
    assert!(
        answer["rejected"][0]["detail"].as_str().is_some_and(|it| it.contains("counted by Fader itself")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_copy_that_sees_only_half_of_it_counts_nothing() {
    let (app, token) = half(Config::default()).await;
    let (environment, flag) = (environment_key("production"), FlagKey::parse("pay").expect("a key"));
    let exposure_elsewhere = Exposure {
        subject: engine::SubjectKey::parse("elsewhere").expect("a key"),
        flag,
        variant: engine::VariantKey::parse("on").expect("a key"),
        revision: 1,
        rule: RuleId::parse("everyone").ok(),
        arm: Some(engine::Arm::Treatment),
        at_ms: app.clock.now_ms(),
    };
    let delivery = Delivery {
        environment,
        sender: engine::Sender::Server,
        exposures: vec![exposure_elsewhere],
        ids: Vec::new(),
    };
    app.store.record_exposures(&[delivery]).await.expect("recorded");
    app.tell(&token, &[exposure("a", "treatment"), exposure("b", "control")]).await;
    app.tell(&token, &[outcome("elsewhere")]).await;
    app.arms_with("pay", "latency", 1).await;
    // Served and asked within the same ten seconds as those who would be missing.
    app.tell(&token, &[exposure("c", "treatment")]).await;
    let then_ms = app.clock.now_ms();
    app.clock.advance(WAIT_MS);
    let mut late = outcome("c");
    late["time"] = json!(then_ms);
    app.tell(&token, &[late]).await;
    // Whoever is missing is counted when cells of that time are written, and before that of this outcome is.
    app.arms_with("pay", "latency", 2).await;
    let (treatment, control) = app.arms("pay", "missing_outcome").await;
    assert_eq!((treatment.outcomes, control.outcomes), (0, 0));
}

#[tokio::test]
async fn an_outcome_that_overtakes_its_exposure_hides_nothing() {
    let (app, token) = half(Config::default()).await;
    // Known to the ledger a moment ago, and here before it is asked.
    app.tell(&token, &[outcome("early")]).await;
    app.tell(&token, &[exposure("early", "treatment"), exposure("b", "control")]).await;
    app.arms_with("pay", "latency", 1).await;
    app.clock.advance(WAIT_MS);
    let (treatment, control) = app.arms_with("pay", "missing_outcome", 2).await;
    assert_eq!((treatment.events, control.events), (0, 1));
}

#[tokio::test]
async fn a_crash_that_silences_its_own_report_is_stopped() {
    let (app, token) = half(Config { look_every: Duration::from_millis(20), ..Config::default() }).await;
    let manager = app.management_token(Role::Product).await;
    let guardrail = json!({"id": "silence", "metric": "missing_outcome", "limit": {"comparison": {"margin": 0.0}},
        "action": "stop"});
    let body = json!({ "version": 0, "guardrails": [guardrail] });
    let path = "/api/v1/flags/pay/guardrails";
    assert_eq!(app.rest(&manager, Method::PUT, path, Some(body)).await.0, 200);
    app.clock.advance(10_000);
    let people = |arm: &'static str| (0..60).map(move |n| (format!("{arm}-{n}"), arm));
    for (subject, arm) in people("treatment").chain(people("control")) {
        app.tell(&token, &[exposure(&subject, arm)]).await;
    }
    let reports: Vec<_> = people("control").map(|(subject, _)| outcome(&subject)).collect();
    app.tell(&token, &reports).await;
    app.clock.advance(WAIT_MS);
    let (treatment, _) = app.arms_with("pay", "missing_outcome", 120).await;
    assert_eq!(treatment.events, 60);
    app.clock.advance(60_000);
    let told =
        async || app.decision(&token, "pay", json!({"targetingKey": "u-1"})).await["reason"] == "DISABLED";
    let asked = async {
        while !told().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it stops");
}

#[tokio::test]
async fn durations_are_known_by_group_of_people() {
    let (app, token) = half(Config::default()).await;
    app.tell(&token, &[exposure("a", "treatment"), exposure("b", "control")]).await;
    app.tell(&token, &[outcome("a"), outcome("b")]).await;
    app.arms_with("pay", "latency", 2).await;
    let (environment, flag) = (environment_key("production"), FlagKey::parse("pay").expect("a key"));
    let rule = RuleId::parse("everyone").expect("an id");
    let basis = Basis { metric: Metric::Latency(Quantile::All), accepts: Accepts::Servers };
    let at = (&environment, &flag, &rule);
    let mut found =
        app.store.guarded_cells(&viewer(), at, &[(basis.clone(), 0)], i64::MAX).await.expect("reads");
    let cells: Vec<engine::guardrail::Cell> =
        found.remove(&basis).expect("cells").into_iter().map(Into::into).collect();
    assert_eq!(cells.len(), 1);
    for sample in [&cells[0].treatment, &cells[0].control] {
        assert_eq!(
            sample.latency_groups.values().map(engine::guardrail::LatencyHistogram::total).sum::<u64>(),
            1
        );
    }
}
