//! Every write, tried by everybody: signed out and as each role. One line per write.

use serde_json::json;
use store::Role;

use crate::app::TestApp;

/// A form, and who may send it.
struct Write {
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    who: Who,
}

#[derive(Clone, Copy)]
enum Who {
    /// Also somebody who is not signed in.
    Anybody,
    Only(&'static [Role]),
}

const EVERYONE: Who = Who::Only(&Role::ALL);
const ADMIN: Who = Who::Only(&[Role::Admin]);
const EDITORS: Who = Who::Only(&[Role::Admin, Role::Product]);
const ENROLLERS: Who = Who::Only(&[Role::Admin, Role::Product, Role::Qa]);
const STAFF: Who = Who::Only(&[Role::Admin, Role::Product, Role::Qa, Role::Support]);

/// Forms that are incomplete on purpose: whoever may send them is told what is missing, the others are refused
/// before anybody looks at what they sent.
const WRITES: &[Write] = &[
    Write { path: "/theme", fields: &[("theme", "dark")], who: Who::Anybody },
    Write { path: "/account", fields: &[("do", "password"), ("old", "x"), ("password", "y")], who: EVERYONE },
    Write { path: "/flags/new", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment?env=staging", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment/settings", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment/re-randomise", fields: &[], who: EDITORS },
    Write { path: "/flags/fast-payment/revert", fields: &[], who: EDITORS },
    Write { path: "/flags/fast-payment/stop", fields: &[("reason", "errors")], who: STAFF },
    Write { path: "/flags/fast-payment/resume", fields: &[("reason", "fixed")], who: EDITORS },
    Write { path: "/flags/fast-payment/try", fields: &[("intent", "save"), ("name", "")], who: STAFF },
    Write { path: "/flags/fast-payment/plan", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment/plan", fields: &[("intent", "add")], who: EDITORS },
    Write {
        path: "/flags/fast-payment/plan",
        fields: &[("intent", "template.none"), ("version", "0")],
        who: EDITORS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "start"), ("version", "0")],
        who: EDITORS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "abandon"), ("version", "0")],
        who: EDITORS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "approve"), ("version", "0"), ("step", "2")],
        who: EDITORS,
    },
    Write {
        path: "/approvals",
        fields: &[("flag", "fast-payment"), ("environment", "production"), ("version", "0"), ("step", "2")],
        who: EDITORS,
    },
    Write { path: "/groups/new", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/groups/testers", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/groups/testers", fields: &[("intent", "delete")], who: EDITORS },
    Write { path: "/groups/testers?tab=testers", fields: &[("intent", "enrol")], who: ENROLLERS },
    Write { path: "/groups/testers?tab=testers", fields: &[("intent", "remove")], who: ENROLLERS },
    Write { path: "/groups/testers?tab=testers", fields: &[("intent", "check")], who: ENROLLERS },
    Write { path: "/groups/testers?tab=testers", fields: &[("intent", "extend")], who: ENROLLERS },
    Write { path: "/groups/testers?tab=testers", fields: &[("intent", "invite")], who: ENROLLERS },
    Write {
        path: "/groups/testers?tab=testers",
        fields: &[("intent", "revoke"), ("id", "9")],
        who: ENROLLERS,
    },
    Write {
        path: "/testers/u-1",
        fields: &[("intent", "exclude"), ("flag", "fast-payment")],
        who: ENROLLERS,
    },
    Write {
        path: "/testers/u-1",
        fields: &[("intent", "readmit"), ("flag", "fast-payment")],
        who: ENROLLERS,
    },
    Write { path: "/testers/u-1", fields: &[("intent", "preview"), ("variant", "a/b")], who: ENROLLERS },
    Write { path: "/join/no-such-link", fields: &[("subject", "u-1")], who: Who::Anybody },
    Write { path: "/audit/1/revert", fields: &[], who: EDITORS },
    Write { path: "/feedback/new", fields: &[("subject", "")], who: STAFF },
    Write { path: "/feedback/999", fields: &[("version", "1"), ("state", "new")], who: STAFF },
    Write { path: "/settings/attributes", fields: &[("intent", "save")], who: ADMIN },
    Write { path: "/settings/attributes", fields: &[("intent", "delete")], who: ADMIN },
    Write { path: "/settings/metrics", fields: &[("intent", "save")], who: ADMIN },
    Write { path: "/settings/metrics", fields: &[("intent", "delete"), ("key", "x")], who: ADMIN },
    Write {
        path: "/flags/fast-payment/health",
        fields: &[("intent", "save"), ("version", "99")],
        who: EDITORS,
    },
    Write { path: "/flags/fast-payment/health", fields: &[("intent", "check")], who: EDITORS },
    Write { path: "/flags/fast-payment/health", fields: &[("intent", "add")], who: EDITORS },
    Write {
        path: "/flags/fast-payment/health",
        fields: &[("intent", "reset"), ("version", "99")],
        who: EDITORS,
    },
    Write { path: "/settings/guardrails", fields: &[("intent", "save"), ("version", "99")], who: ADMIN },
    Write { path: "/settings/guardrails", fields: &[("intent", "check")], who: ADMIN },
    Write { path: "/settings/guardrails", fields: &[("intent", "add")], who: ADMIN },
    Write { path: "/settings/guardrails", fields: &[("intent", "reset"), ("version", "99")], who: ADMIN },
    Write { path: "/settings/members", fields: &[("do", "invite")], who: ADMIN },
    Write {
        path: "/settings/members",
        fields: &[("do", "role"), ("id", "1"), ("role", "admin")],
        who: ADMIN,
    },
    Write { path: "/settings/members", fields: &[("do", "disable"), ("id", "999")], who: ADMIN },
    Write { path: "/settings/members", fields: &[("do", "sign-out"), ("id", "999")], who: ADMIN },
    Write { path: "/settings/members", fields: &[("do", "reset"), ("id", "999")], who: ADMIN },
    Write { path: "/settings/tokens", fields: &[("do", "create")], who: ADMIN },
    Write { path: "/flags/fast-payment/connect", fields: &[("do", "token")], who: ADMIN },
    Write {
        path: "/settings/environments",
        fields: &[("environment", "production"), ("days", "0")],
        who: ADMIN,
    },
    Write { path: "/settings/webhooks", fields: &[("do", "create")], who: ADMIN },
    Write { path: "/settings/webhooks", fields: &[("do", "test"), ("id", "999")], who: ADMIN },
    Write { path: "/settings/webhooks", fields: &[("do", "delete"), ("id", "999")], who: ADMIN },
    Write { path: "/settings/tokens", fields: &[("do", "revoke"), ("id", "999")], who: ADMIN },
    Write {
        path: "/call/preview_rollout",
        fields: &[("flag", "fast-payment"), ("environment", "production"), ("form", "")],
        who: EDITORS,
    },
    Write {
        path: "/people/ada",
        fields: &[("intent", "pin"), ("flag", "fast-payment"), ("version", "1"), ("variant", "gone")],
        who: EDITORS,
    },
    Write {
        path: "/people/ada",
        fields: &[("intent", "exclude"), ("flag", "nothing"), ("version", "1")],
        who: EDITORS,
    },
    Write { path: "/people/ada", fields: &[("intent", "traits"), ("a", "-"), ("v", "x")], who: ADMIN },
    Write { path: "/people/ada", fields: &[("intent", "erase")], who: ADMIN },
    Write { path: "/import/people", fields: &[("intent", "import"), ("table", "")], who: ADMIN },
    Write { path: "/call/find", fields: &[("environment", "production"), ("query", "x")], who: EVERYONE },
];

#[tokio::test]
async fn every_write_is_refused_to_whoever_may_not() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("testers", "u-1", None, None).await;
    let mut people = vec![(None, None)];
    for role in Role::ALL {
        people.push((Some(role), Some(app.sign_in(role).await)));
    }
    let mut wrong = Vec::new();
    for Write { path, fields, who } in WRITES {
        for (role, cookie) in &people {
            let answer = app.form(path, cookie.as_deref(), fields).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let location =
                answer.headers().get("location").and_then(|it| it.to_str().ok()).unwrap_or_default();
            let sent_away = status == 401 || (status == 303 && location.starts_with("/sign-in"));
            let may = match (who, role) {
                (Who::Anybody, _) => true,
                (Who::Only(_), None) => false,
                (Who::Only(roles), Some(role)) => roles.contains(role),
            };
            let right = match (may, role) {
                (true, _) => !sent_away && status != 403 && status < 500,
                (false, None) => sent_away,
                (false, Some(_)) => status == 403,
            };
            if !right {
                let role = role.map_or("signed out", Role::as_str);
                wrong.push(format!("{path} {fields:?} as {role}: {status} {location}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_evaluation_needs_a_token_and_not_a_session() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let request = app.request(reqwest::Method::POST, "/ofrep/v1/evaluate/flags").header("Cookie", cookie);
    assert_eq!(request.json(&json!({"context": {}})).send().await.expect("an answer").status(), 401);
}
