//! Outcomes through the door of events: what counts where, and what does not count twice.

use std::time::{Duration, Instant};

use engine::{Arm, FlagKey, MetricKey};
use serde_json::{Value as Json, json};
use store::Cell;

use crate::{
    app::{NOW_MS, TestApp, environment_key, viewer},
    fixtures::{everyone, group},
};

const MINUTE_MS: i64 = 60_000;

impl TestApp {
    /// Sends events, which have to be taken; the answer.
    pub async fn tell(&self, token: &str, events: &[Json]) -> Json {
        let request = self.request(reqwest::Method::POST, "/api/v1/events").bearer_auth(token);
        let answer = request.json(&json!({ "events": events })).send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        answer.json().await.expect("JSON")
    }

    /// Both arms of `everyone` on a flag, all of time: treatment, control.
    pub async fn arms(&self, flag: &str, metric: &str) -> (Cell, Cell) {
        let (flag, metric) = (FlagKey::parse(flag).expect("a key"), MetricKey::parse(metric).expect("a key"));
        let (environment, span) = (environment_key("production"), (0, i64::MAX));
        let sums = self.store.cells(&viewer(), &environment, &flag, &[metric], span, 10_000).await;
        let (mut treatment, mut control) = (Cell::default(), Cell::default());
        for sum in sums.expect("reads") {
            match sum.arm {
                Arm::Treatment => treatment.merge(&sum.cell),
                Arm::Control => control.merge(&sum.cell),
            }
        }
        (treatment, control)
    }

    /// The same, once both arms together have this many outcomes: writing takes a second.
    pub async fn arms_with(&self, flag: &str, metric: &str, outcomes: u64) -> (Cell, Cell) {
        let begin = Instant::now();
        loop {
            let (treatment, control) = self.arms(flag, metric).await;
            if treatment.outcomes + control.outcomes == outcomes {
                return (treatment, control);
            }
            let seen = (treatment.outcomes, control.outcomes);
            assert!(begin.elapsed() < Duration::from_secs(20), "never {outcomes} outcomes: {seen:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn exposure(subject: &str, arm: &str, revision: u64) -> Json {
    let variant = if arm == "treatment" { "on" } else { "off" };
    json!({ "type": "exposure", "subject": subject, "flag": "pay", "variant": variant, "revision": revision,
        "rule": "everyone", "arm": arm })
}

fn request(subject: &str, ok: bool) -> Json {
    json!({ "type": "outcome", "subject": subject, "metric": "error_rate", "ok": ok })
}

fn at(mut event: Json, time: i64) -> Json {
    event["time"] = json!(time);
    event
}

fn with(mut event: Json, name: &str, value: impl Into<Json>) -> Json {
    event[name] = value.into();
    event
}

/// A flag at 50 % and a server token.
async fn half() -> (TestApp, String) {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([everyone(50)])).await;
    let token = app.server_token().await;
    (app, token)
}

fn revision(app: &TestApp) -> u64 {
    app.store.live().environment("production").expect("an environment").revision
}

#[tokio::test]
async fn outcomes_count_in_the_arm_that_their_subject_was_exposed_to() {
    let (app, token) = half().await;
    let now = revision(&app);
    let answer = app
        .tell(
            &token,
            &[
                exposure("a", "treatment", now),
                exposure("b", "control", now),
                request("a", false),
                with(request("b", true), "latency_ms", 120.0),
                with(request("b", false), "latency_ms", 3.0),
                request("nobody", false),
            ],
        )
        .await;
    assert_eq!(answer, json!({ "accepted": 6, "duplicates": 0, "rejected": [] }));
    let (treatment, control) = app.arms_with("pay", "error_rate", 3).await;
    assert_eq!((treatment.outcomes, treatment.events), (1, 1));
    assert_eq!((control.outcomes, control.events), (2, 1));
    assert_eq!((control.tally.trials, control.tally.events), (1, 1), "one trial for a person and minute");
    assert_eq!(control.groups.to_groups().tallies().count(), 1);
    let (_, control) = app.arms_with("pay", "latency", 1).await;
    let p50 = control.quantile(0.5).expect("a quantile");
    assert!((p50 / 120.0 - 1.0).abs() < 0.02, "a fast failure is no fast success: {p50}");
}

#[tokio::test]
async fn an_evaluation_is_an_exposure_of_either_arm() {
    let (app, token) = half().await;
    let mut arms = std::collections::BTreeMap::new();
    for n in 0..20 {
        let subject = format!("u-{n}");
        let decision = app.decision(&token, "pay", json!({ "targetingKey": subject })).await;
        let arm = decision["metadata"]["arm"].as_str().expect("an arm").to_owned();
        *arms.entry(arm).or_insert(0u64) += 1;
        app.tell(&token, &[request(&subject, true)]).await;
    }
    let (treatment, control) = app.arms_with("pay", "error_rate", 20).await;
    assert_eq!(Some(&treatment.outcomes), arms.get("treatment"));
    assert_eq!(Some(&control.outcomes), arms.get("control"));
}

#[tokio::test]
async fn sending_again_counts_nothing_twice_also_after_a_restart() {
    let (mut app, token) = half().await;
    let now = revision(&app);
    let batch = [
        with(exposure("a", "treatment", now), "id", "x-1"),
        with(request("a", false), "id", "o-1"),
        with(request("a", true), "id", "o-2"),
        with(request("a", true), "id", "o-2"),
    ];
    assert_eq!(app.tell(&token, &batch).await["duplicates"], 1);
    assert_eq!(app.tell(&token, &batch).await, json!({ "accepted": 0, "duplicates": 4, "rejected": [] }));
    // Nothing waits for the next second: stopping writes it down.
    app.stop().await;
    assert_eq!(app.arms("pay", "error_rate").await.0.outcomes, 2);
    let again = TestApp::start_on(&app.database_url, server::Config::default(), app.clock.clone()).await;
    assert_eq!(again.tell(&token, &batch).await["duplicates"], 4);
    assert_eq!(again.arms("pay", "error_rate").await.0.outcomes, 2);
    // The ledger remembers what the process forgot.
    again.tell(&token, &[request("a", true), request("nobody", true)]).await;
    assert_eq!(again.arms_with("pay", "error_rate", 3).await.0.outcomes, 3);
}

#[tokio::test]
async fn a_late_outcome_lands_in_its_cell_and_not_with_the_guard() {
    let (app, token) = half().await;
    let now = revision(&app);
    app.tell(&token, &[exposure("a", "treatment", now), exposure("b", "treatment", now)]).await;
    app.clock.advance(5 * MINUTE_MS);
    app.tell(&token, &[at(request("a", false), NOW_MS + 1000), request("b", true)]).await;
    let (treatment, _) = app.arms_with("pay", "error_rate", 2).await;
    assert_eq!((treatment.outcomes, treatment.events, treatment.late), (2, 1, 1));
    assert_eq!((treatment.tally.trials, treatment.tally.events), (1, 0));
    app.clock.advance(6 * MINUTE_MS);
    let answer = app.tell(&token, &[at(request("a", false), NOW_MS), request("b", true)]).await;
    assert_eq!(answer["accepted"], 1);
    assert_eq!(answer["rejected"][0]["index"], 0);
    assert!(answer["rejected"][0]["detail"].as_str().is_some_and(|it| it.contains("10 minutes")), "{answer}");
}

#[tokio::test]
async fn who_crosses_over_after_a_step_counts_in_the_new_arm_from_then_on() {
    let (app, token) = half().await;
    let first = revision(&app);
    app.tell(&token, &[exposure("a", "control", first), request("a", false)]).await;
    // While the percentages stay, the first exposure decides.
    app.tell(&token, &[exposure("a", "treatment", first)]).await;
    app.clock.advance(MINUTE_MS);
    app.tell(&token, &[request("a", true)]).await;
    assert_eq!(app.arms_with("pay", "error_rate", 2).await.1.outcomes, 2);
    app.rules("pay", json!([everyone(80)])).await;
    app.clock.advance(MINUTE_MS);
    let stepped = app.clock.now_ms();
    app.tell(&token, &[exposure("a", "treatment", revision(&app)), request("a", true)]).await;
    // What happened before still counts where it was.
    app.tell(&token, &[at(request("a", true), stepped - 30_000)]).await;
    let (treatment, control) = app.arms_with("pay", "error_rate", 4).await;
    assert_eq!((treatment.outcomes, control.outcomes), (1, 3));
    let environment = environment_key("production");
    let flag = FlagKey::parse("pay").expect("a key");
    let firsts = app.store.first_exposures(&viewer(), &environment, &flag, 0).await.expect("reads");
    let told: Vec<_> = firsts.iter().map(|it| (it.treatment, it.control, it.shares)).collect();
    let share = |per_cent: u64| Some((per_cent * 100_000_000, (100 - per_cent) * 100_000_000));
    assert_eq!(told, [(0, 1, share(50)), (0, 0, share(80))], "a subject is counted at its first exposure");
}

#[tokio::test]
async fn a_failing_person_leaves_the_risk_set_for_a_while() {
    let (app, token) = half().await;
    app.tell(&token, &[exposure("a", "treatment", revision(&app))]).await;
    for _ in 0..15 {
        app.tell(&token, &[request("a", false)]).await;
        app.clock.advance(MINUTE_MS);
    }
    let (treatment, _) = app.arms_with("pay", "error_rate", 15).await;
    assert_eq!(treatment.events, 15);
    assert_eq!(
        (treatment.tally.trials, treatment.tally.events),
        (2, 2),
        "the first, and one ten minutes later"
    );
}

#[tokio::test]
async fn a_conversion_counts_once_for_its_exposure() {
    let (app, token) = half().await;
    let now = revision(&app);
    app.tell(&token, &[exposure("a", "treatment", now), exposure("b", "treatment", now)]).await;
    app.clock.advance(20 * MINUTE_MS);
    let conversion = json!({ "type": "outcome", "subject": "a", "metric": "conversion" });
    app.tell(&token, &[conversion.clone(), conversion.clone()]).await;
    app.clock.advance(11 * MINUTE_MS);
    let late = with(conversion, "subject", "b");
    app.tell(&token, &[late, json!({ "type": "outcome", "subject": "b", "metric": "complaints" })]).await;
    let begin = Instant::now();
    let (mut treatment, mut complaints) = (Cell::default(), Cell::default());
    while (treatment.events, complaints.events) != (1, 1) && begin.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        treatment = app.arms("pay", "conversion").await.0;
        complaints = app.arms("pay", "complaints").await.0;
    }
    assert_eq!((treatment.outcomes, treatment.events), (2, 1), "b came too late");
    assert_eq!((treatment.tally.trials, treatment.tally.events), (2, 1));
    assert_eq!((complaints.tally.trials, complaints.tally.events), (3, 1));
}

#[tokio::test]
async fn features_say_what_was_in_force() {
    let (app, token) = half().await;
    let feature = |arm: &str| json!([{ "flag": "pay", "rule": "everyone", "arm": arm }]);
    let anonymous = |ok| json!({ "type": "outcome", "metric": "error_rate", "ok": ok });
    app.tell(
        &token,
        &[
            with(request("a", true), "features", feature("treatment")),
            with(anonymous(false), "features", feature("control")),
            with(anonymous(true), "features", feature("control")),
            request("a", true),
        ],
    )
    .await;
    let (treatment, control) = app.arms_with("pay", "error_rate", 4).await;
    assert_eq!((treatment.outcomes, control.outcomes, control.events), (2, 2, 1));
    assert_eq!(control.tally.trials, 2, "without subjects every outcome is a trial");
    assert_eq!(control.groups.to_groups().tallies().count(), 0);
}

#[tokio::test]
async fn a_feature_without_a_rule_counts_where_the_stored_traits_lead() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.vip_agencies().await;
    app.rules("pay", json!([group("vip-agencies"), everyone(100)])).await;
    app.person("vera", json!({ "tier": "vip" })).await;
    let token = app.server_token().await;
    let named = json!([{ "flag": "pay", "variant": "on" }]);
    let outcomes =
        ["vera", "somebody"].map(|subject| with(request(subject, true), "features", named.clone()));
    app.tell(&token, &outcomes).await;
    app.arms_with("pay", "error_rate", 2).await;
    let (flag, metric) =
        (FlagKey::parse("pay").expect("a key"), MetricKey::parse("error_rate").expect("a key"));
    let (environment, span) = (environment_key("production"), (0, i64::MAX));
    let sums = app.store.cells(&viewer(), &environment, &flag, &[metric], span, 10_000).await.expect("reads");
    let by_rule: Vec<_> = sums.iter().map(|sum| (sum.rule.as_str(), sum.cell.outcomes)).collect();
    assert_eq!(by_rule, [("everyone", 1), ("vip-agencies", 1)]);
}

/// A plan's step waits for people who have the feature: most of them were there before, without it.
#[tokio::test]
async fn whoever_gets_the_feature_with_a_step_counts_for_it() {
    let (app, token) = half().await;
    let subjects = 0..20;
    let before: Vec<_> =
        subjects.clone().map(|n| exposure(&format!("u-{n}"), "control", revision(&app))).collect();
    app.tell(&token, &before).await;
    app.rules("pay", json!([everyone(100)])).await;
    app.clock.advance(1_000);
    let after: Vec<_> = subjects.map(|n| exposure(&format!("u-{n}"), "treatment", revision(&app))).collect();
    app.tell(&token, &after).await;
    app.tell(&token, &after).await;
    let flag = FlagKey::parse("pay").expect("a key");
    let begin = Instant::now();
    loop {
        let counts = app.store.first_exposures(&viewer(), &environment_key("production"), &flag, 0).await;
        let counts: Vec<_> =
            counts.expect("reads").iter().map(|it| (it.treatment, it.control, it.entered)).collect();
        if counts == [(0, 20, 0), (0, 0, 20)] {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{counts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_bad_outcome_is_rejected_alone_and_says_why() {
    let (app, token) = half().await;
    let odd = json!("x".repeat(300));
    let cases = [
        (with(request("a", true), "metric", "p95"), "no metric"),
        (with(request("a", true), "metric", "a b"), "\"metric\""),
        (with(request("a", true), "subject", odd), "\"subject\""),
        (with(request("a", true), "ok", Json::Null), "\"ok\""),
        (with(request("a", true), "ok", "yes"), "boolean"),
        (with(request("a", true), "latency_ms", -1), "latency_ms"),
        (with(request("a", true), "latency_ms", 1e300), "latency_ms"),
        (with(request("a", true), "time", "yesterday"), "\"time\""),
        (with(request("a", true), "id", ""), "\"id\""),
        (with(request("a", true), "features", json!([{ "flag": "nope" }])), "no flag"),
        (with(request("a", true), "features", json!([{ "flag": "pay", "variant": "x" }])), "no variant"),
        (with(request("a", true), "features", json!([{ "flag": "pay", "arm": "both" }])), "variant"),
        (json!({ "type": "outcome", "metric": "error_rate", "ok": true }), "features"),
        (json!({ "type": "outcome", "subject": "a", "metric": "latency" }), "latency_ms"),
        (json!({ "type": "outcome", "subject": "a" }), "metric"),
    ];
    let mut events: Vec<_> = cases.iter().map(|(event, _)| event.clone()).collect();
    events.push(request("a", true));
    let answer = app.tell(&token, &events).await;
    assert_eq!(answer["accepted"], 1, "{answer}");
    let rejected = answer["rejected"].as_array().expect("a list");
    assert_eq!(rejected.len(), cases.len(), "{answer}");
    for (index, (event, word)) in cases.iter().enumerate() {
        let detail = rejected[index]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(word), "{event}: {detail}");
    }
}

#[tokio::test]
async fn feedback_that_complains_counts_as_a_complaint_of_its_arm() {
    let (app, token) = half().await;
    let now = revision(&app);
    app.tell(&token, &[exposure("a", "treatment", now), exposure("b", "control", now)]).await;
    for (subject, rating) in [("a", 1), ("b", 5)] {
        let body = json!({ "subject": subject, "rating": rating, "comment": "about the payment" });
        let request = app.request(reqwest::Method::POST, "/api/v1/feedback").bearer_auth(&token);
        assert_eq!(request.json(&body).send().await.expect("an answer").status(), 201);
    }
    // Both are trials by their exposure alone; the complaint is written within a second.
    let begin = Instant::now();
    loop {
        let (treatment, control) = app.arms("pay", "complaints").await;
        if treatment.events + control.events > 0 {
            assert_eq!((treatment.events, control.events), (1, 0));
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the complaint never counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Two values whose sum is no number made a cell that could not be read again: the guard saw nothing more of the flag.
#[tokio::test]
async fn huge_values_are_refused_one_by_one_and_spoil_nothing() {
    let (app, token) = half().await;
    let now = revision(&app);
    let huge = |metric: &str, value: f64| json!({ "type": "outcome", "subject": "a", "metric": metric, "ok": true, "value": value });
    let answer = app
        .tell(
            &token,
            &[
                exposure("a", "treatment", now),
                huge("error_rate", 1.7e308),
                huge("conversion", 1.7e308),
                huge("complaints", 1.7e308),
                huge("latency", 1.7e308),
                huge("complaints", -1.0),
                request("a", false),
            ],
        )
        .await;
    assert_eq!((&answer["accepted"], answer["rejected"].as_array().map(Vec::len)), (&json!(2), Some(5)));
    assert_eq!(answer["rejected"][0]["detail"], "\"error_rate\" has no \"value\"; leave it out");
    assert_eq!(answer["rejected"][2]["detail"], "\"complaints\" has no \"value\"; leave it out");
    assert_eq!(app.arms_with("pay", "error_rate", 1).await.0.events, 1);
}
