//! What a rollout was and would be, over REST: history, versions, going back, drawing anew, previews, explanations.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

const FLAG: &str = "/api/v1/flags/fast-payment";

impl TestApp {
    async fn at_flag(&self, token: &str, path: &str, body: Json) -> (u16, Json) {
        let (method, body) = if body.is_null() { (Method::GET, None) } else { (Method::POST, Some(body)) };
        self.rest(token, method, &format!("{FLAG}{path}"), body).await
    }

    async fn for_some(&self) -> String {
        self.vip_agencies().await;
        self.boolean_flag("fast-payment").await;
        self.rules("fast-payment", json!([group("vip-agencies"), everyone(20)])).await;
        self.management_token(Role::Product).await
    }
}

#[tokio::test]
async fn a_rollout_goes_back_to_an_earlier_version() {
    let app = TestApp::start().await;
    let token = app.for_some().await;
    app.rules("fast-payment", json!([everyone(90)])).await;
    let (_, now) = app.at_flag(&token, "/rollout", Json::Null).await;
    let version = now["version"].as_u64().expect("a version");
    let (status, before) =
        app.at_flag(&token, &format!("/rollout/versions/{}", version - 1), Json::Null).await;
    assert_eq!((status, &before["state"]), (200, &json!("VIP agencies + 20 % of everyone")), "{before}");
    assert_eq!(app.at_flag(&token, "/stop", json!({})).await.0, 200);
    let back = |version: u64, to: u64| json!({"version": version, "to_version": to, "comment": "too fast"});
    let (status, old) = app.at_flag(&token, "/rollout/revert", back(version, version - 1)).await;
    assert_eq!(status, 409, "somebody stopped it since: {old}");
    let (status, saved) = app.at_flag(&token, "/rollout/revert", back(version + 1, version - 1)).await;
    assert_eq!((status, &saved["version"]), (200, &json!(version + 2)), "{saved}");
    assert_eq!(saved["enabled"], false, "going back switches nothing on");
    let percentages: Vec<_> =
        saved["rules"].as_array().expect("rules").iter().map(|it| &it["percentage"]).collect();
    assert_eq!(percentages, [&json!(100), &json!(20)]);
    let (status, none) = app.at_flag(&token, "/rollout/revert", back(version + 2, 77)).await;
    assert_eq!((status, &none["errors"][0]["pointer"]), (422, &json!("/to_version")), "{none}");
    assert_eq!(app.at_flag(&token, "/rollout/versions/77", Json::Null).await.0, 404);
    assert_eq!(app.at_flag(&token, "/rollout/versions/x", Json::Null).await.0, 400);

    let (status, first) = app.at_flag(&token, "/history?limit=2", Json::Null).await;
    assert_eq!(status, 200, "{first}");
    let change = &first["changes"][0];
    assert_eq!((&change["reason"], &change["version"]), (&json!("too fast"), &json!(version + 2)));
    assert!(change["at"].as_str().is_some_and(|it| it.ends_with('Z')), "{change}");
    assert_eq!(first["changes"][1]["action"], "rollout_stopped");
    let (_, rest) = app.at_flag(&token, &format!("/history?cursor={}", first["next"]), Json::Null).await;
    let actions: Vec<_> =
        rest["changes"].as_array().expect("changes").iter().map(|it| &it["action"]).collect();
    assert_eq!((actions.last(), &rest["next"]), (Some(&&json!("flag_created")), &Json::Null), "{rest}");
    assert_eq!(app.at_flag(&token, "/history?limit=201", Json::Null).await.0, 422);
}

#[tokio::test]
async fn everybody_is_drawn_anew_only_when_that_is_said() {
    let app = TestApp::start().await;
    let token = app.for_some().await;
    let (_, now) = app.at_flag(&token, "/rollout", Json::Null).await;
    let ask = |confirm: &str| json!({"version": now["version"], "confirm": confirm});
    for confirm in ["", "yes", "Fast-payment"] {
        let (status, answer) = app.at_flag(&token, "/rollout/re-randomise", ask(confirm)).await;
        assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/confirm")), "{answer}");
    }
    let (status, drawn) = app.at_flag(&token, "/rollout/re-randomise", ask("fast-payment")).await;
    assert_eq!(status, 200, "{drawn}");
    assert_ne!(drawn["definition"]["seed"], now["definition"]["seed"]);
    assert_eq!(drawn["state"], now["state"]);
}

#[tokio::test]
async fn a_preview_counts_and_names_whom_it_moves_and_saves_nothing() {
    let app = TestApp::start().await;
    let bound = app.for_some().await;
    for subject in ["ada", "ben", "cem"] {
        app.person(subject, json!({"tier": "basic"})).await;
    }
    app.person("vic", json!({"tier": "vip"})).await;
    let (_, now) = app.at_flag(&bound, "/rollout", Json::Null).await;
    let mut rollout = now["definition"].clone();
    rollout["rules"][1]["percentage"] = json!(100_000);
    let whole = app.workspace_token(Role::Product).await;
    let ask = json!({"rollout": rollout, "names": 50});
    let (status, told) = app.at_flag(&whole, "/rollout/preview?environment=production", ask.clone()).await;
    assert_eq!(status, 200, "{told}");
    let gained = told["people"]["gained"]["people"].as_u64().expect("counted");
    assert_eq!((&told["people"]["known"], &told["people"]["looked_at"]), (&json!(4), &json!(4)), "{told}");
    assert_eq!(
        (&told["people"]["after"]["people"], &told["people"]["lost"]["people"]),
        (&json!(4), &json!(0))
    );
    let names = told["names"]["gained"].as_array().expect("names");
    assert_eq!(names.len() as u64, gained, "{told}");
    assert!(names.iter().all(|it| it["subject"] != "vic" && it["why"] == "through everyone"), "{told}");
    assert_eq!(told["changes"], json!(["raised everyone 20 → 100 %"]));
    assert!(told["sentence"].as_str().is_some_and(|it| it.starts_with("Adds ")), "{told}");
    let sentence = app.last_sentence().await;
    assert_eq!(sentence, "looked at whom a change of fast-payment would move");
    let (status, _) = app.at_flag(&bound, "/rollout/preview", ask).await;
    assert_eq!(status, 403, "people are everybody's: a bound token names nobody");
    let (status, counted) = app.at_flag(&bound, "/rollout/preview", json!({"rollout": rollout})).await;
    assert_eq!(
        (status, &counted["names"], &counted["people"]),
        (200, &Json::Null, &told["people"]),
        "{counted}"
    );
    let mut broken = rollout.clone();
    broken["rules"][0]["audience"]["matching"]["groups"] = json!([]);
    let (status, problem) = app.at_flag(&bound, "/rollout/preview", json!({"rollout": broken})).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/rollout/rules/0/audience")),
        "{problem}"
    );
    assert_eq!(
        app.at_flag(&bound, "/rollout", Json::Null).await.1["version"],
        now["version"],
        "nothing is saved"
    );
}

#[tokio::test]
async fn an_explanation_has_the_whole_trace() {
    let app = TestApp::start().await;
    let bound = app.for_some().await;
    app.person("vic", json!({"tier": "vip"})).await;
    let whole = app.workspace_token(Role::Support).await;
    let (status, told) =
        app.at_flag(&whole, "/explain?environment=production", json!({"subject": "vic"})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!((&told["variant"], &told["reason"]), (&json!("on"), &json!("TARGETING_MATCH")), "{told}");
    assert_eq!((&told["rule"], &told["stored"]), (&json!("vip-agencies"), &json!("used")), "{told}");
    assert!(
        told["sentence"].as_str().is_some_and(|it| it.starts_with("Gets “on”: in VIP agencies")),
        "{told}"
    );
    let rule =
        told["steps"].as_array().expect("steps").iter().find(|it| it["step"] == "rule").expect("a rule");
    assert!(rule["sentence"].is_string() && rule["steps"][0]["sentence"].is_string(), "{rule}");

    let ask = |sender: &str| json!({"subject": "vic", "attributes": {"tier": "vip"}, "sender": sender});
    let (_, sent) = app.at_flag(&bound, "/explain", ask("server")).await;
    assert_eq!((&sent["variant"], &sent["stored"]), (&json!("on"), &json!("not_looked_up")), "{sent}");
    let (_, alone) = app.at_flag(&bound, "/explain", json!({"subject": "nobody-knows"})).await;
    assert_eq!(alone["stored"], "not_looked_up", "{alone}");
    let (status, anybody) = app.at_flag(&bound, "/explain", json!({})).await;
    assert_eq!((status, &anybody["error"]), (200, &json!("TARGETING_KEY_MISSING")), "{anybody}");
    let (status, problem) = app.at_flag(&bound, "/explain", json!({"subject": " "})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/subject")), "{problem}");
}
