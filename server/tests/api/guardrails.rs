//! Guardrails over REST and as forms without scripts: the workspace's defaults, a flag's own, and the way back.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::{
    app::{TestApp, administrator, environment_key, viewer},
    fixtures::everyone,
};

const FLAG: &str = "fast-payment";
const OWN: &str = "/api/v1/flags/fast-payment/guardrails";
const DEFAULTS: &str = "/api/v1/guardrails";
const HEALTH_PAGE: &str = "/flags/fast-payment/health";
const SETTINGS_PAGE: &str = "/settings/guardrails";

fn limit(limit: f64) -> Json {
    json!({"id": "limit", "metric": "error_rate", "limit": {"ceiling": {"limit": limit}}, "action": "stop"})
}

fn one_of(sentences: &Json) -> Vec<&str> {
    let all = sentences["guardrails"].as_array().expect("a list");
    all.iter().filter_map(|it| it["sentence"].as_str()).collect()
}

impl TestApp {
    async fn text_of(&self, path: &str, cookie: &str) -> (u16, String) {
        let answer = self.request(Method::GET, path).header("Cookie", cookie).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    async fn press_in(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let answer = self.form(path, Some(cookie), fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }
}

#[tokio::test]
async fn defaults_are_read_changed_and_taken_back_over_rest() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    let admin = app.workspace_token(Role::Admin).await;
    let (status, built_in) = app.rest(&admin, Method::GET, DEFAULTS, None).await;
    assert_eq!((status, &built_in["version"], &built_in["built_in"]), (200, &json!(0), &json!(true)));
    assert_eq!(
        one_of(&built_in),
        [
            "Stop if errors are above 5 % (servers only)",
            "Step back if errors are worse than control (servers only)"
        ]
    );
    let change = |version: &Json, share: f64| json!({"version": version, "guardrails": [limit(share)], "comment": "calmer"});
    let put = Some(change(&json!(0), 0.2));
    let (status, saved) = app.rest(&admin, Method::PUT, DEFAULTS, put).await;
    assert_eq!((status, &saved["built_in"]), (200, &json!(false)), "{saved}");
    assert_eq!(one_of(&saved), ["Stop if errors are above 20 % (servers only)"]);
    let version = saved["version"].clone();
    let (_, of_flag) = app.rest(&admin, Method::GET, &format!("{OWN}?environment=production"), None).await;
    assert_eq!((&of_flag["inherited"], one_of(&of_flag)), (&json!(true), one_of(&saved)));
    let stale = app.rest(&admin, Method::PUT, DEFAULTS, Some(change(&json!(0), 0.3))).await;
    assert_eq!(stale.0, 409, "{}", stale.1);
    let wrong = app.rest(&admin, Method::PUT, DEFAULTS, Some(change(&version, 2.0))).await;
    assert_eq!(wrong.0, 422, "{}", wrong.1);
    let path = format!("{DEFAULTS}?version={version}&comment=as%20before");
    assert_eq!(app.rest(&admin, Method::DELETE, DEFAULTS, None).await.0, 400, "no version");
    assert_eq!(app.rest(&admin, Method::DELETE, &format!("{DEFAULTS}?version=0"), None).await.0, 409);
    let (status, back) = app.rest(&admin, Method::DELETE, &path, None).await;
    assert_eq!((status, &back), (200, &built_in));
    let auditor = store::Principal::command_line().audit_reader().expect("may read");
    let entries = app.store.list_audit(&auditor, &store::AuditFilter::default()).await.expect("reads");
    assert_eq!((entries[0].reason.as_str(), entries[1].reason.as_str()), ("as before", "calmer"));
}

#[tokio::test]
async fn a_flags_own_guardrails_are_taken_back_over_rest() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    let token = app.management_token(Role::Product).await;
    let put = json!({"version": 0, "guardrails": [limit(0.2)]});
    let (status, own) = app.rest(&token, Method::PUT, OWN, Some(put)).await;
    assert_eq!((status, &own["inherited"]), (200, &json!(false)), "{own}");
    assert_eq!(app.rest(&token, Method::DELETE, &format!("{OWN}?version=0"), None).await.0, 409);
    let path = format!("{OWN}?version={}", own["version"]);
    let (status, back) = app.rest(&token, Method::DELETE, &path, None).await;
    assert_eq!((status, &back["inherited"], &back["version"]), (200, &json!(true), &json!(0)), "{back}");
    assert_eq!(app.rest(&token, Method::DELETE, &path, None).await.0, 409, "somebody did it already");
    let unknown = "/api/v1/flags/no-such-flag/guardrails?version=0";
    assert_eq!(app.rest(&token, Method::DELETE, unknown, None).await.0, 404);
}

#[tokio::test]
async fn only_an_admin_changes_the_defaults_over_rest() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    let body = || Some(json!({"version": 99, "guardrails": []}));
    let (defaults, own) =
        (format!("{DEFAULTS}?version=99"), format!("{OWN}?version=99&environment=production"));
    let table = [
        (Method::GET, DEFAULTS, None, &Role::ALL[..]),
        (Method::PUT, DEFAULTS, body(), &[Role::Admin]),
        (Method::DELETE, defaults.as_str(), None, &[Role::Admin]),
        (Method::DELETE, own.as_str(), None, &[Role::Admin, Role::Product, Role::Qa]),
    ];
    for role in Role::ALL {
        let token = app.workspace_token(role).await;
        for (method, path, body, who) in &table {
            let (status, answer) = app.rest(&token, method.clone(), path, body.clone()).await;
            assert_eq!(status == 403, !who.contains(&role), "{role} {method} {path}: {status} {answer}");
            assert!(status < 500, "{role} {method} {path}: {status} {answer}");
        }
    }
    let server = app.server_token().await;
    for (method, path, body, _) in &table {
        assert_eq!(
            app.rest("", method.clone(), path, body.clone()).await.0,
            401,
            "signed out {method} {path}"
        );
        assert_eq!(app.rest(&server, method.clone(), path, body.clone()).await.0, 403, "{method} {path}");
    }
    let found = app.store.find_default_guardrails(&viewer()).await.expect("reads");
    assert_eq!(found.version(), 0, "nothing was changed");
}

#[tokio::test]
async fn guardrails_are_in_the_document() {
    let app = TestApp::start().await;
    let document: Json = app.get("/api/v1/openapi.json").await.json().await.expect("JSON");
    for method in ["get", "put", "delete"] {
        assert!(document["paths"][DEFAULTS][method].is_object(), "{method}");
    }
    assert!(document["paths"]["/api/v1/flags/{key}/guardrails"]["delete"].is_object());
}

/// Both lines of a form, as a browser sends them.
fn lines<'a>(intent: &'a str, version: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("intent", intent),
        ("version", version),
        ("id", "limit"),
        ("do", "notify"),
        ("metric", "error_rate"),
        ("kind", "above"),
        ("value", value),
        ("comment", "calmer"),
    ]
}

#[tokio::test]
async fn an_admin_changes_the_defaults_and_the_others_read_them() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    let (admin, product) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Product).await);
    let (status, page) = app.text_of(SETTINGS_PAGE, &admin).await;
    assert_eq!(status, 200);
    for text in [
        "Built into Fader; nobody has changed them.",
        "Stop if errors are above 5 %",
        "Saving begins the evidence anew for all 2 rollouts",
        "2 rollouts use the defaults.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Back to the built-in ones"), "they are in force already");
    let (status, read) = app.text_of(SETTINGS_PAGE, &product).await;
    assert!(
        status == 200 && read.contains("Only Admin may change them.") && !read.contains("<fieldset"),
        "{read}"
    );

    let (status, added) = app.press_in(SETTINGS_PAGE, &admin, &lines("add", "0", "20")).await;
    assert!(status == 200 && added.contains("Guardrail 2"), "{added}");
    let (status, wrong) = app.press_in(SETTINGS_PAGE, &admin, &lines("save", "0", "much")).await;
    assert!(
        status == 422 && wrong.contains("Guardrail 1: write a number.") && wrong.contains("value=\"much\"")
    );
    assert_eq!(app.press_in(SETTINGS_PAGE, &admin, &lines("save", "0", "20")).await.0, 303);
    let (_, page) = app.text_of(SETTINGS_PAGE, &product).await;
    assert!(page.contains("Notify if errors are above 20 %") && page.contains("Saved by "), "{page}");
    let (_, health) = app.text_of(HEALTH_PAGE, &product).await;
    assert!(
        health.contains("Notify if errors are above 20 %")
            && health.contains("href=\"/settings/guardrails\"")
    );

    // Whoever had the page open before is told, and keeps what they typed.
    let (status, clash) = app.press_in(SETTINGS_PAGE, &admin, &lines("save", "0", "30")).await;
    assert_eq!(status, 409, "{clash}");
    assert!(clash.contains("changed these guardrails") && clash.contains("value=\"30\""), "{clash}");
    assert!(
        clash
            .contains("Added the guardrail “Notify if errors are above 20 % (servers and proved browsers)”."),
        "{clash}"
    );
    let version = app.store.find_default_guardrails(&viewer()).await.expect("reads").version().to_string();
    assert!(clash.contains(&format!("name=\"version\" value=\"{version}\"")), "saving again goes through");
    let stale = app.press_in(SETTINGS_PAGE, &admin, &[("intent", "reset"), ("version", "0")]).await;
    assert!(stale.0 == 409 && stale.1.contains("Nothing was taken away."), "{}", stale.1);
    let back = [("intent", "reset"), ("version", version.as_str())];
    assert_eq!(app.press_in(SETTINGS_PAGE, &admin, &back).await.0, 303);
    assert!(app.text_of(SETTINGS_PAGE, &product).await.1.contains("Built into Fader"));
}

#[tokio::test]
async fn a_flag_gets_guardrails_of_its_own_and_goes_back() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    let (product, viewer_cookie) = (app.sign_in(Role::Product).await, app.sign_in(Role::Viewer).await);
    assert_eq!(app.press_in(HEALTH_PAGE, &product, &lines("save", "0", "20")).await.0, 303);
    let environment = environment_key("production");
    let flag = engine::FlagKey::parse(FLAG).expect("a key");
    let own = app.store.find_guardrails(&viewer(), &environment, &flag).await.expect("reads");
    let version = own.version().to_string();
    let (_, page) = app.text_of(HEALTH_PAGE, &product).await;
    assert!(page.contains("Its own, saved by ") && page.contains("Go back to the defaults"), "{page}");
    assert!(!app.text_of(HEALTH_PAGE, &viewer_cookie).await.1.contains("Go back to the defaults"));
    let (_, settings) = app.text_of(SETTINGS_PAGE, &viewer_cookie).await;
    assert!(settings.contains("1 rollout has its own:"), "{settings}");
    assert!(settings.contains("href=\"/flags/fast-payment/health#guardrails-known\""), "{settings}");
    let reset = |version| [("intent", "reset"), ("version", version), ("comment", "quiet again")];
    let (status, stale) = app.press_in(HEALTH_PAGE, &product, &reset("0")).await;
    assert!(status == 409 && stale.contains("Nothing was taken away."), "{stale}");
    assert_eq!(app.press_in(HEALTH_PAGE, &product, &reset(&version)).await.0, 303);
    assert!(app.text_of(HEALTH_PAGE, &product).await.1.contains("workspace's defaults"));
}

#[tokio::test]
async fn guardrails_are_tried_before_they_are_saved() {
    let app = TestApp::start().await;
    app.boolean_flag(FLAG).await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.stop_flag(FLAG).await;
    app.outage().await;
    let (admin, product) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Product).await);
    let (status, page) = app.press_in(HEALTH_PAGE, &product, &lines("check", "0", "20")).await;
    assert_eq!(status, 200, "{page}");
    let told = "Notify if errors are above 20 % (servers and proved browsers)</b>: <span title=";
    assert!(
        page.contains(told) && page.contains("would have fired twice in the last 7 days, last <time"),
        "{page}"
    );
    assert!(page.contains("value=\"20\"") && page.contains("Nothing is saved yet."), "{page}");
    let (_, page) = app.press_in(HEALTH_PAGE, &product, &lines("check", "0", "80")).await;
    assert!(
        page.contains("Notify if errors are above 80 % (servers and proved browsers)</b>: <span class=\"note\">would not have fired"),
        "{page}"
    );
    let (status, page) = app.press_in(HEALTH_PAGE, &product, &lines("check", "0", "much")).await;
    assert!(
        status == 422
            && page.contains("id=\"guardrail-0-error\"")
            && page.contains("Guardrail 1: write a number."),
        "{page}"
    );
    let (status, page) = app.press_in(SETTINGS_PAGE, &admin, &lines("check", "0", "20")).await;
    assert_eq!(status, 200);
    assert!(page.contains("would have fired twice") && page.contains("Tried on the 2 rollouts"), "{page}");
    let found = app.store.find_default_guardrails(&viewer()).await.expect("reads");
    assert_eq!(found.version(), 0, "nothing was saved");
    // Own ones are not tried with the defaults.
    let flag = engine::FlagKey::parse(FLAG).expect("a key");
    let editor = administrator().principal().flag_editor().expect("may edit");
    let none = store::GuardrailSet::default();
    let saved = app.store.save_guardrails(&editor, &environment_key("production"), &flag, 0, none, "").await;
    saved.expect("saved");
    let (_, page) = app.press_in(SETTINGS_PAGE, &admin, &lines("check", "0", "20")).await;
    assert!(page.contains("would not have fired") && page.contains("Tried on the one rollout"), "{page}");
}
