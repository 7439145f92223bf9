//! Rollouts over REST: read, replaced, one percentage of them, stopped and resumed, with the same words and the same audit
//! log as at the page.

use engine::{FlagKey, Percentage, RuleId};
use reqwest::Method;
use serde_json::{Value as Json, json};
use store::{Role, Store};

use crate::{
    app::{TestApp, editor, environment_key},
    fixtures::{everyone, group},
};

const ROLLOUT: &str = "/api/v1/flags/fast-payment/rollout";
const EVERYONE: &str = "/api/v1/flags/fast-payment/rules/everyone";

impl TestApp {
    /// A flag for VIP agencies and a fifth of everyone.
    async fn fast_payment(&self) -> String {
        self.vip_agencies().await;
        self.boolean_flag("fast-payment").await;
        self.rules("fast-payment", json!([group("vip-agencies"), everyone(20)])).await;
        self.management_token(Role::Product).await
    }

    async fn set(&self, token: &str, body: Json) -> (u16, Json) {
        self.rest(token, Method::PATCH, EVERYONE, Some(body)).await
    }

    pub async fn last_sentence(&self) -> String {
        let by = store::Principal::command_line().audit_reader().expect("may read");
        let entries = self.store.list_audit(&by, &store::AuditFilter::default()).await.expect("read");
        entries[0].sentence.clone()
    }
}

#[tokio::test]
async fn a_rollout_is_read_with_words_and_sent_back_as_it_was_read() {
    let app = TestApp::start().await;
    let token = app.fast_payment().await;
    let (status, read) = app.rest(&token, Method::GET, ROLLOUT, None).await;
    assert_eq!(status, 200, "{read}");
    assert_eq!(read["state"], "VIP agencies + 20 % of everyone");
    assert_eq!(read["rules"][1], json!({"id": "everyone", "audience": "everyone", "percentage": 20}));
    let mut rollout = read["definition"].clone();
    rollout["rules"][1]["percentage"] = json!(50_000);
    let change = json!({"version": read["version"], "rollout": rollout, "comment": "half"});
    let (status, saved) = app.rest(&token, Method::PUT, ROLLOUT, Some(change.clone())).await;
    assert_eq!((status, &saved["state"]), (200, &json!("VIP agencies + 50 % of everyone")), "{saved}");
    assert_eq!(app.last_sentence().await, "raised everyone 20 → 50 % on fast-payment in production");

    let (status, conflict) = app.rest(&token, Method::PUT, ROLLOUT, Some(change)).await;
    assert_eq!((status, &conflict["code"]), (409, &json!("conflict")), "read before the other change");
    assert!(conflict["detail"].as_str().is_some_and(|it| it.contains("20 → 50 %")), "{conflict}");
}

#[tokio::test]
async fn one_percentage_is_set_up_and_down() {
    let app = TestApp::start().await;
    let token = app.fast_payment().await;
    for (percentage, state, sentence) in [
        (json!(50), "50 %", "raised everyone 20 → 50 %"),
        (json!(0.5), "0.5 %", "lowered everyone 50 → 0.5 %"),
        (json!(33.333), "33.333 %", "raised everyone 0.5 → 33.333 %"),
    ] {
        let (status, saved) = app.set(&token, json!({"percentage": percentage, "comment": "step"})).await;
        assert_eq!((status, &saved["rules"][1]["percentage"]), (200, &percentage), "{saved}");
        assert_eq!(saved["state"], format!("VIP agencies + {state} of everyone"));
        assert_eq!(app.last_sentence().await, format!("{sentence} on fast-payment in production"));
    }
    let (_, read) = app.rest(&token, Method::GET, ROLLOUT, None).await;
    let read_version = read["version"].as_u64().expect("a version");
    let (status, same) = app.set(&token, json!({"percentage": 33.333})).await;
    assert_eq!((status, same["version"].as_u64()), (200, Some(read_version)), "nothing differs");
    let (status, old) = app.set(&token, json!({"version": read_version - 1, "percentage": 60})).await;
    assert_eq!(status, 409, "{old}");
    let (status, saved) = app.set(&token, json!({"version": read_version, "percentage": 60})).await;
    assert_eq!((status, saved["version"].as_u64()), (200, Some(read_version + 1)));
}

#[tokio::test]
async fn a_percentage_that_is_none_is_refused_with_what_to_do() {
    let app = TestApp::start().await;
    let token = app.fast_payment().await;
    for (body, status, says) in [
        (json!({"percentage": 101}), 422, "between 0 and 100"),
        (json!({"percentage": -1}), 422, "between 0 and 100"),
        (json!({"percentage": 0.0001}), 422, "three decimals"),
        (json!({"percentage": "20"}), 400, "expected a JSON number"),
        (json!({}), 400, "percentage"),
        (json!({"percentage": 20, "percent": 3}), 400, "percent"),
    ] {
        let (answered, answer) = app.set(&token, body.clone()).await;
        assert_eq!(answered, status, "{body}: {answer}");
        assert!(answer["detail"].as_str().is_some_and(|it| it.contains(says)), "{body}: {answer}");
    }
    for missing in ["/api/v1/flags/fast-payment/rules/nobody", "/api/v1/flags/nothing/rules/everyone"] {
        let (status, _) = app.rest(&token, Method::PATCH, missing, Some(json!({"percentage": 20}))).await;
        assert_eq!(status, 404, "{missing}");
    }
    let (status, answer) =
        app.rest(&token, Method::PUT, ROLLOUT, Some(json!({"version": 1, "rollout": {"rules": 7}}))).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["detail"].as_str().is_some_and(|it| it.contains("rollout cannot be read")), "{answer}");
    assert_eq!(
        app.rest(&token, Method::GET, ROLLOUT, None).await.1["state"],
        "VIP agencies + 20 % of everyone"
    );
}

#[tokio::test]
async fn a_pager_stops_and_a_person_resumes() {
    let app = TestApp::start().await;
    let product = app.fast_payment().await;
    let server = app.server_token().await;
    let support = app.management_token(Role::Support).await;
    let vip = json!({"targetingKey": "ada", "tier": "vip"});
    let is_on = async || app.decision(&server, "fast-payment", vip.clone()).await["value"] == true;
    assert!(is_on().await);
    let (stop, resume) = ("/api/v1/flags/fast-payment/stop", "/api/v1/flags/fast-payment/resume");
    let (status, stopped) = app.rest(&support, Method::POST, stop, None).await;
    assert_eq!((status, &stopped["enabled"]), (200, &json!(false)), "without a body: {stopped}");
    assert!(!is_on().await);
    assert_eq!(
        app.rest(&support, Method::POST, stop, Some(Json::Null)).await.0,
        200,
        "nor with nothing in it"
    );
    let again = Some(json!({"comment": "p95 4 s"}));
    assert_eq!(app.rest(&support, Method::POST, stop, again).await.0, 200, "a stop never conflicts");
    assert_eq!(app.rest(&support, Method::POST, resume, None).await.0, 403, "support resumes nothing");
    let fixed = Some(json!({"comment": "fixed"}));
    let (status, resumed) = app.rest(&product, Method::POST, resume, fixed).await;
    assert_eq!((status, &resumed["state"]), (200, &json!("VIP agencies + 20 % of everyone")), "{resumed}");
    assert!(is_on().await);
    assert_eq!(app.last_sentence().await, "resumed fast-payment in production");
}

/// What another copy saved a moment ago this one has not seen yet.
#[tokio::test]
async fn a_definition_and_its_revision_are_of_one_moment() {
    let app = TestApp::start().await;
    let token = app.fast_payment().await;
    let other = Store::open(&app.database_url, app.clock.clone()).await.expect("another copy");
    let (production, flag) = (environment_key("production"), FlagKey::parse("fast-payment").expect("a key"));
    let rule = RuleId::parse("everyone").expect("an id");
    for per_cent in 21..41_u32 {
        let percentage = Percentage::parse(&per_cent.to_string()).expect("a percentage");
        let by = editor();
        let set = other.set_percentage(&by, &production, &flag, (&rule, percentage), None, "");
        set.await.expect("saved");
        let revision = other.live().environment("production").expect("is there").revision;
        let (_, read) = app.rest(&token, Method::GET, ROLLOUT, None).await;
        assert_eq!(
            (&read["rules"][1]["percentage"], &read["revision"]),
            (&json!(per_cent), &json!(revision))
        );
    }
    other.close().await;
}
