//! What a token reaches: one environment or the whole workspace, never more than its owner, until its last day.

use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use server::doors::rest::needs::{Needs, OPERATIONS};
use store::{Action, AuditFilter, Lifetime, NewToken, Principal, Role, TokenKind, TokenScope};

use crate::{
    app::{NOW_MS, PASSWORD, TestApp, administrator, environment_key},
    fixtures::{everyone, group},
};

const DAY_MS: i64 = 24 * 3_600_000;

impl TestApp {
    pub async fn bound_to(&self, environment: &str, role: Role) -> String {
        self.owned(role, environment_key(environment).into()).await
    }
}

/// The detail of a refusal says which token is needed, and how one makes it.
fn says_which(answer: &Json) -> bool {
    answer["detail"].as_str().is_some_and(|detail| {
        detail.contains("fader token create")
            && (detail.contains("whole workspace") || detail.contains("store people"))
    })
}

#[tokio::test]
async fn a_staging_token_makes_nobody_a_vip() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("vip-agencies")])).await;
    let production = app.server_token().await;
    let vip = json!({"traits": {"tier": "vip"}});
    let server = app.token(TokenKind::Server, "staging", &[]).await;
    for token in [server, app.bound_to("staging", Role::Admin).await] {
        let (status, answer) = app.rest(&token, Method::PUT, "/api/v1/people/eve", Some(vip.clone())).await;
        assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{answer}");
        assert!(says_which(&answer), "{answer}");
        let batch = json!({"people": [{"id": "eve", "traits": {"tier": "vip"}}], "dry_run": true});
        assert_eq!(app.rest(&token, Method::POST, "/api/v1/people", Some(batch)).await.0, 403);
    }
    let decision = app.decision(&production, "fast-payment", json!({"targetingKey": "eve"})).await;
    assert_eq!(decision["value"], false);
}

#[tokio::test]
async fn a_staging_token_enrols_nobody() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("testers")])).await;
    let (production, token) = (app.server_token().await, app.bound_to("staging", Role::Admin).await);
    let path = "/api/v1/groups/testers/enrolments";
    let (status, answer) = app.rest(&token, Method::POST, path, Some(json!({"testers": ["eve"]}))).await;
    assert!(status == 403 && says_which(&answer), "{status} {answer}");
    let (status, _) = app.rest(&token, Method::DELETE, &format!("{path}/u-1"), None).await;
    assert_eq!(status, 403);
    for (who, value) in [("eve", false), ("u-1", true)] {
        let decision = app.decision(&production, "fast-payment", json!({"targetingKey": who})).await;
        assert_eq!(decision["value"], value, "{who}");
    }
}

#[tokio::test]
async fn a_staging_token_takes_no_default_guardrails_away() {
    let app = TestApp::start().await;
    let token = app.bound_to("staging", Role::Admin).await;
    let (_, before) = app.rest(&token, Method::GET, "/api/v1/guardrails", None).await;
    let none = json!({"version": 0, "guardrails": []});
    let (status, answer) = app.rest(&token, Method::PUT, "/api/v1/guardrails", Some(none)).await;
    assert!(status == 403 && says_which(&answer), "{status} {answer}");
    let (status, _) = app.rest(&token, Method::DELETE, "/api/v1/guardrails?version=0", None).await;
    assert_eq!(status, 403);
    assert_eq!(app.rest(&token, Method::GET, "/api/v1/guardrails", None).await.1, before);
}

#[tokio::test]
async fn a_staging_token_erases_nobody() {
    let app = TestApp::start().await;
    app.person("ada", json!({"tier": "vip"})).await;
    let token = app.bound_to("staging", Role::Admin).await;
    let (status, answer) = app.rest(&token, Method::DELETE, "/api/v1/people/ada", None).await;
    assert!(status == 403 && says_which(&answer), "{status} {answer}");
    assert!(app.store.live().people().traits("ada").is_some());
    assert_eq!(app.rest(&token, Method::GET, "/api/v1/people/ada", None).await.0, 403, "nor looks them up");
    let whole = app.workspace_token(Role::Admin).await;
    assert_eq!(app.rest(&whole, Method::DELETE, "/api/v1/people/ada", None).await.0, 200);
}

/// Which of the tokens is refused for what it is, by what the operation needs: server, server that stores people,
/// client, management of staging, of production, of the whole workspace. All are asked about production.
fn refused(needs: Needs) -> [bool; 6] {
    match needs {
        Needs::AnyToken => [false; 6],
        Needs::ServerOrClient => [false, false, false, true, true, true],
        Needs::Server => [false, false, true, true, true, true],
        Needs::Traits => [true, false, true, true, true, false],
        Needs::Management => [true, true, true, false, false, false],
        Needs::Environment => [true, true, true, true, false, false],
        Needs::WorkspaceIn | Needs::Workspace => [true, true, true, true, true, false],
    }
}

/// What is sent is incomplete on purpose: whoever may is told what is missing.
#[tokio::test]
async fn every_operation_refuses_the_tokens_that_it_does_not_take() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("testers", "u-1", None, None).await;
    let tokens = [
        ("server", app.token(TokenKind::Server, "production", &[]).await),
        ("server that stores people", app.writing_token().await),
        ("client", app.token(TokenKind::Client, "production", &["*"]).await),
        ("management of staging", app.bound_to("staging", Role::Admin).await),
        ("management of production", app.bound_to("production", Role::Admin).await),
        ("management of the workspace", app.workspace_token(Role::Admin).await),
    ];
    let mut wrong = Vec::new();
    for (method, path, needs) in OPERATIONS {
        let key = if path.contains("/groups/") { "testers" } else { "fast-payment" };
        let path = path.replace("{key}", key).replace("{transition}", "pause").replace("{rule}", "everyone");
        let path = path.replace("{id}", "nobody").replace("{subject}", "nobody").replace("{version}", "1");
        let path = path.replace("{seq}", "999999").replace("{name}", "nothing");
        let version = match *method {
            "DELETE" => "version=99",
            "GET" if path == "/api/v1/people" => "q=ada",
            _ => "",
        };
        let place = if *needs == Needs::Management { "" } else { "environment=production" };
        let named = format!("{path}?{place}&{version}");
        let body = match (*method, *needs) {
            ("GET" | "DELETE", _) => None,
            (_, Needs::Traits) => Some(json!({"traits": {}, "people": []})),
            _ if path.ends_with("/enrolments") => Some(json!({"testers": []})),
            _ if path.ends_with("guardrails") => Some(json!({"version": 99, "guardrails": []})),
            _ if path.ends_with("/pause") => Some(json!({"version": 99})),
            _ if path.ends_with("/rollout") => Some(json!({"version": 99, "rollout": {}})),
            _ if path.ends_with("/rules/everyone") => Some(json!({"version": 99, "percentage": 20})),
            _ if path.ends_with("/preview") => Some(json!({"rollout": {}})),
            _ if path.ends_with("/revert") => Some(json!({"version": 99, "to_version": 98})),
            _ if path.ends_with("/re-randomise") => Some(json!({"version": 99, "confirm": ""})),
            _ if path.ends_with("/archive") || path.ends_with("/restore") => Some(json!({"version": 99})),
            _ if path.ends_with("/flags/fast-payment") => Some(json!({"version": 99, "flag": {}})),
            _ if path.ends_with("/plan") => Some(json!({"version": 99, "name": "Plan", "steps": []})),
            _ => Some(json!({})),
        };
        for ((kind, token), refused) in tokens.iter().zip(refused(*needs)) {
            let method: Method = method.parse().expect("a method");
            let (status, answer) = app.rest(token, method.clone(), &named, body.clone()).await;
            let read = method != Method::GET || refused || matches!(status, 200 | 404);
            if (status == 403) != refused || status == 401 || status >= 500 || !read {
                wrong.push(format!("{method} {named} with a {kind} token: {status} {answer}"));
            }
            // A workspace token says where: nothing is guessed.
            if *kind == "management of the workspace"
                && matches!(needs, Needs::Environment | Needs::WorkspaceIn)
            {
                let unnamed = format!("{path}?{version}");
                let (status, answer) = app.rest(token, method.clone(), &unnamed, body.clone()).await;
                if status != 422 || answer["detail"].as_str().is_none_or(|it| !it.contains("environment=")) {
                    wrong.push(format!("{method} {unnamed} without an environment: {status} {answer}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_workspace_token_names_where_and_a_bound_one_stays_home() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (whole, bound) =
        (app.workspace_token(Role::Viewer).await, app.bound_to("staging", Role::Viewer).await);
    for (token, query, expected) in [
        (&whole, "?environment=staging", json!("staging")),
        (&whole, "?environment=production", json!("production")),
        (&bound, "", json!("staging")),
        (&bound, "?environment=staging", json!("staging")),
    ] {
        let (status, answer) = app.rest(token, Method::GET, &format!("/api/v1/flags{query}"), None).await;
        assert_eq!((status, &answer["environment"]), (200, &expected), "{query}");
    }
    for (token, query, expected) in [
        (&whole, "?environment=moon", 404),
        (&whole, "?environment=%20", 404),
        (&bound, "?environment=production", 403),
    ] {
        assert_eq!(
            app.rest(token, Method::GET, &format!("/api/v1/flags{query}"), None).await.0,
            expected,
            "{query}"
        );
    }
    let (_, told) = app.rest(&whole, Method::GET, "/api/v1/token", None).await;
    assert_eq!((&told["environment"], &told["owner"]), (&json!(null), &json!("Owner viewer")));
    assert_eq!(told["expires_ms"], NOW_MS + 365 * DAY_MS);
}

#[tokio::test]
async fn a_token_that_expired_is_refused_everywhere_with_a_sentence() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let short = NewToken {
        lifetime: Lifetime::Days(1),
        ..NewToken::new("short", TokenKind::Server, environment_key("production"))
    };
    let token = app.store.create_token(&administrator(), short).await.expect("a token");
    let context = json!({"targetingKey": "u"});
    app.decision(&token, "fast-payment", context.clone()).await;
    let list = app.store.list_tokens(&administrator()).await.expect("reads");
    assert_eq!(list[0].last_used_ms, Some(NOW_MS), "and its last use is shown");
    app.clock.advance(DAY_MS);
    let one = app.evaluate(&token, "fast-payment", &context).send().await.expect("an answer");
    assert_eq!(one.status(), 401);
    let body: Json = one.json().await.expect("JSON");
    assert!(body["errorDetails"].as_str().is_some_and(|it| it.contains("expired at")), "{body}");
    let (status, body) = app.rest(&token, Method::POST, "/api/v1/events", Some(json!({"events": []}))).await;
    assert!(status == 401 && body["detail"].as_str().is_some_and(|it| it.contains("rotates")), "{body}");
}

#[tokio::test]
async fn who_wrote_a_plan_by_token_does_not_approve_it_in_the_browser() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(0)])).await;
    let cookie = app.sign_in(Role::Admin).await;
    let make = [("do", "create"), ("name", "deploy-bot"), ("kind", "admin"), ("role", "admin")];
    let make = [&make[..], &[("environment", "production"), ("expires", "30")]].concat();
    let page = app.form("/settings/tokens", Some(&cookie), &make).send().await.expect("an answer");
    let html = page.text().await.expect("a page");
    let at = html.find("fdr_admin_production_").expect("the token is shown once");
    let token: String =
        html[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || "_-".contains(*it)).collect();
    let plan = "/api/v1/flags/fast-payment/plan";
    let steps = json!([{"percentages": {"everyone": 20_000}}, {"percentages": {"everyone": 100_000}, "gates": ["approval"]}]);
    let body = json!({"version": 0, "name": "Quick", "steps": steps});
    assert_eq!(app.rest(&token, Method::POST, plan, Some(body)).await.0, 200);
    let (status, started) =
        app.rest(&token, Method::POST, &format!("{plan}/start"), Some(json!({"version": 1}))).await;
    assert_eq!(status, 200, "{started}");
    let filter = AuditFilter { action: Some(Action::PlanMoved), ..AuditFilter::default() };
    let auditor = Principal::command_line().audit_reader().expect("may read");
    let entries = app.store.list_audit(&auditor, &filter).await.expect("reads");
    assert_eq!(entries[0].actor, "A member's token deploy-bot");
    let version = started["version"].to_string();
    let approve = [
        ("flag", "fast-payment"),
        ("environment", "production"),
        ("version", version.as_str()),
        ("step", "2"),
    ];
    let refused = app.form("/approvals", Some(&cookie), &approve).send().await.expect("an answer");
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.expect("a page").contains("the plan is yours"));
    let other = app.sign_in(Role::Product).await;
    let approved = app.form("/approvals", Some(&other), &approve).send().await.expect("an answer");
    assert_eq!(approved.status(), 303);
}

#[tokio::test]
async fn a_disabled_member_s_token_is_refused_and_a_lowered_one_may_less() {
    let app = TestApp::start().await;
    let token = app.owned(Role::Admin, TokenScope::Workspace).await;
    let members = app.store.list_members(&administrator()).await.expect("reads");
    let owner = members.iter().find(|it| it.name == "Owner admin").expect("the owner").id;
    app.store
        .add_user(&administrator(), "last@example.test", "Last", Role::Admin, PASSWORD)
        .await
        .expect("added");
    let store =
        async || app.rest(&token, Method::PUT, "/api/v1/people/ada", Some(json!({"traits": {}}))).await;
    assert_eq!(store().await.0, 200);
    app.store.set_role(&administrator(), owner, Role::Viewer).await.expect("lowered");
    assert_eq!(store().await.0, 403);
    assert_eq!(app.rest(&token, Method::GET, "/api/v1/guardrails", None).await.0, 200);
    app.store.disable_member(&administrator(), owner).await.expect("disabled");
    let (status, answer) = app.rest(&token, Method::GET, "/api/v1/guardrails", None).await;
    assert!(status == 401 && answer["detail"].as_str().is_some_and(|it| it.contains("disabled")), "{answer}");
}

#[tokio::test]
async fn the_page_makes_rotates_grants_and_revokes() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let cookie = app.sign_in(Role::Admin).await;
    let token = app.token(TokenKind::Server, "production", &[]).await;
    let post = async |fields: &[(&str, &str)]| {
        let answer = app.form("/settings/tokens", Some(&cookie), fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    let works = async |token: &str| {
        let asked = app.evaluate(token, "fast-payment", &json!({"targetingKey": "u"})).send().await;
        asked.expect("an answer").status() == 200
    };
    let (status, html) = post(&[("do", "rotate"), ("id", "1"), ("overlap", "1"), ("expires", "30")]).await;
    assert!(
        status == 200 && html.contains("The new secret") && html.contains("fdr_server_production_"),
        "{html}"
    );
    assert!(html.contains("the old secret ends") && html.contains("Expires soon"), "{html}");
    assert!(works(&token).await);
    app.clock.advance(3_600_000);
    assert!(!works(&token).await, "the hour is over");
    assert_eq!(post(&[("do", "grant"), ("id", "1")]).await.0, 401, "the password was given long ago");
    let again = [("do", "grant"), ("id", "1"), ("fader_password_again", PASSWORD)];
    assert_eq!(post(&again).await.0, 303);
    let page = app.request(Method::GET, "/settings/tokens").header(header::COOKIE, &cookie).send().await;
    let html = page.expect("an answer").text().await.expect("a page");
    assert!(html.contains("stores people") && html.contains("1 token expires within 30 days"), "{html}");
    assert!(app.get("/").await.status() == 303, "signed out");
    let desk = app.request(Method::GET, "/").header(header::COOKIE, &cookie).send().await.expect("an answer");
    assert!(desk.text().await.expect("a page").contains("1 API token expires soon"));
    assert_eq!(post(&[("do", "withdraw"), ("id", "1")]).await.0, 303);
    let never = [("do", "create"), ("name", "x"), ("kind", "admin"), ("role", "qa"), ("environment", "*")];
    let (status, html) = post(&[&never[..], &[("expires", "never")]].concat()).await;
    assert!(status == 422 && html.contains("only server and client tokens may never expire"), "{html}");
    let wide = [("do", "create"), ("name", "x"), ("kind", "server"), ("environment", "*"), ("expires", "30")];
    let (status, html) = post(&wide).await;
    assert!(status == 422 && html.contains("bound to one environment"), "{html}");
    let foreign = app.owned(Role::Product, TokenScope::Workspace).await;
    let (status, html) = post(&[("do", "rotate"), ("id", "2"), ("overlap", "0"), ("expires", "30")]).await;
    assert!(status == 422 && html.contains("only they make or rotate it"), "{html}");
    assert_eq!(app.rest(&foreign, Method::GET, "/api/v1/guardrails", None).await.0, 200);
    assert_eq!(post(&[("do", "revoke"), ("id", "2")]).await.0, 303);
    assert_eq!(app.rest(&foreign, Method::GET, "/api/v1/guardrails", None).await.0, 401);
}
