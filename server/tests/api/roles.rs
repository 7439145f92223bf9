//! Every write, tried by everybody: signed out and as each role, in each environment, through pages and REST, under the
//! default role table and under changed ones. One line per write; who may is asked of the table.

use serde_json::json;
use server::doors::rest::needs::Needs;
use store::{Operation, Role, RoleCell, RoleTable, TokenScope};

use crate::{
    app::{TestApp, administrator, environment_key, viewer},
    fixtures::everyone,
    parity::needs_of,
    rights,
};

/// A form, and what it takes to send it.
struct Write {
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    who: Who,
}

#[derive(Clone, Copy)]
enum Who {
    /// Also somebody who is not signed in.
    Anybody,
    /// Whoever may all of these, in the environment of the page.
    All(&'static [Operation]),
    /// Whoever may one of these.
    One(&'static [Operation]),
}

const EVERYONE: Who = Who::All(&[Operation::View]);
const ADMIN: Who = Who::All(&[Operation::Administer]);
const EDITORS: Who = Who::All(&[Operation::EditFlags]);
const RELEASERS: Who = Who::All(&[Operation::RollOut]);
const ENROLLERS: Who = Who::All(&[Operation::Enrol]);
const EXCLUDERS: Who = Who::All(&[Operation::Exclude]);
const STOPPERS: Who = Who::All(&[Operation::Stop]);
const APPROVERS: Who = Who::All(&[Operation::Approve]);
const HANDLERS: Who = Who::All(&[Operation::HandleFeedback]);
const READERS: Who = Who::All(&[Operation::ReadPeople]);

const PLACES: [&str; 2] = ["production", "staging"];

/// Forms that are incomplete on purpose: whoever may send them is told what is missing, the others are refused
/// before anybody looks at what they sent. What is about one environment is sent to each.
const WRITES: &[Write] = &[
    Write { path: "/theme", fields: &[("theme", "dark")], who: Who::Anybody },
    Write { path: "/account", fields: &[("do", "password"), ("old", "x"), ("password", "y")], who: EVERYONE },
    Write { path: "/flags/new", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment", fields: &[("intent", "save")], who: RELEASERS },
    Write { path: "/flags/fast-payment/settings", fields: &[("intent", "save")], who: EDITORS },
    Write { path: "/flags/fast-payment/re-randomise", fields: &[], who: RELEASERS },
    Write {
        path: "/flags/fast-payment/revert",
        fields: &[],
        who: Who::One(&[Operation::EditFlags, Operation::RollOut]),
    },
    Write { path: "/flags/fast-payment/stop", fields: &[("reason", "errors")], who: STOPPERS },
    Write { path: "/flags/fast-payment/resume", fields: &[("reason", "fixed")], who: RELEASERS },
    Write { path: "/flags/fast-payment/try", fields: &[("intent", "save"), ("name", "")], who: READERS },
    Write { path: "/flags/fast-payment/plan", fields: &[("intent", "save")], who: RELEASERS },
    Write { path: "/flags/fast-payment/plan", fields: &[("intent", "add")], who: RELEASERS },
    Write {
        path: "/flags/fast-payment/plan",
        fields: &[("intent", "template.none"), ("version", "0")],
        who: RELEASERS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "start"), ("version", "0")],
        who: RELEASERS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "abandon"), ("version", "0")],
        who: RELEASERS,
    },
    Write {
        path: "/flags/fast-payment/plan/move",
        fields: &[("do", "approve"), ("version", "0"), ("step", "2")],
        who: APPROVERS,
    },
    Write {
        path: "/approvals",
        fields: &[("flag", "fast-payment"), ("environment", "production"), ("version", "0"), ("step", "2")],
        who: APPROVERS,
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
        who: EXCLUDERS,
    },
    Write {
        path: "/testers/u-1",
        fields: &[("intent", "readmit"), ("flag", "fast-payment")],
        who: EXCLUDERS,
    },
    Write { path: "/testers/u-1", fields: &[("intent", "preview"), ("variant", "a/b")], who: EXCLUDERS },
    Write { path: "/join/no-such-link", fields: &[("subject", "u-1")], who: Who::Anybody },
    Write { path: "/audit/1/revert", fields: &[], who: EDITORS },
    Write { path: "/feedback/new", fields: &[("subject", "")], who: HANDLERS },
    Write {
        path: "/feedback/999",
        fields: &[("version", "1"), ("state", "new")],
        who: Who::All(&[Operation::HandleFeedback, Operation::ReadPeople]),
    },
    Write { path: "/settings/attributes", fields: &[("intent", "save")], who: ADMIN },
    Write { path: "/settings/attributes", fields: &[("intent", "delete")], who: ADMIN },
    Write { path: "/settings/metrics", fields: &[("intent", "save")], who: ADMIN },
    Write { path: "/settings/metrics", fields: &[("intent", "delete"), ("key", "x")], who: ADMIN },
    Write {
        path: "/flags/fast-payment/health",
        fields: &[("intent", "save"), ("version", "99")],
        who: RELEASERS,
    },
    Write { path: "/flags/fast-payment/health", fields: &[("intent", "check")], who: RELEASERS },
    Write { path: "/flags/fast-payment/health", fields: &[("intent", "add")], who: RELEASERS },
    Write {
        path: "/flags/fast-payment/health",
        fields: &[("intent", "reset"), ("version", "99")],
        who: RELEASERS,
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
        who: RELEASERS,
    },
    Write {
        path: "/people/ada",
        fields: &[("intent", "pin"), ("flag", "fast-payment"), ("version", "1"), ("variant", "gone")],
        who: Who::All(&[Operation::ReadPeople, Operation::RollOut]),
    },
    Write {
        path: "/people/ada",
        fields: &[("intent", "exclude"), ("flag", "nothing"), ("version", "1")],
        who: Who::All(&[Operation::ReadPeople, Operation::RollOut]),
    },
    Write { path: "/people/ada", fields: &[("intent", "traits"), ("a", "-"), ("v", "x")], who: ADMIN },
    Write { path: "/people/ada", fields: &[("intent", "erase")], who: ADMIN },
    Write { path: "/import/people", fields: &[("intent", "import"), ("table", "")], who: ADMIN },
    Write { path: "/call/find", fields: &[("environment", "production"), ("query", "x")], who: EVERYONE },
    Write { path: "/settings/roles", fields: &[("intent", "save"), ("version", "0")], who: ADMIN },
    Write { path: "/settings/roles", fields: &[("intent", "undo"), ("version", "99")], who: ADMIN },
    Write { path: "/settings/roles", fields: &[("intent", "reset"), ("version", "99")], who: ADMIN },
];

impl Write {
    /// Where it is sent: to each environment what each answers for itself.
    fn places(&self) -> &'static [&'static str] {
        match self.who {
            Who::All(operations) | Who::One(operations)
                if operations.iter().any(|it| it.is_per_environment()) =>
            {
                &PLACES
            }
            Who::Anybody | Who::All(_) | Who::One(_) => &PLACES[..1],
        }
    }

    fn is_for(&self, role: Option<Role>, table: &RoleTable, place: &str) -> bool {
        let place = environment_key(place);
        let may = |role, operation: &Operation| table.may(role, *operation, Some(&place));
        match (self.who, role) {
            (Who::Anybody, _) => true,
            (Who::All(_) | Who::One(_), None) => false,
            (Who::All(operations), Some(role)) => operations.iter().all(|it| may(role, it)),
            (Who::One(operations), Some(role)) => operations.iter().any(|it| may(role, it)),
        }
    }

    /// The form, about this environment.
    fn at(&self, place: &'static str) -> (String, Vec<(&'static str, &'static str)>) {
        if place == PLACES[0] {
            return (self.path.to_owned(), self.fields.to_vec());
        }
        let mark = if self.path.contains('?') { '&' } else { '?' };
        let there = |value| if value == PLACES[0] { place } else { value };
        let fields = self.fields.iter().map(|(name, value)| (*name, there(*value)));
        (format!("{}{mark}env={place}", self.path), fields.collect())
    }
}

/// QA: staging everything, production stop and enrol. Product managers roll out in staging only.
fn narrowed() -> RoleTable {
    let mut table = RoleTable::default();
    let production = environment_key("production");
    for operation in [Operation::RollOut, Operation::Exclude] {
        for role in [Role::Qa, Role::Product] {
            table.set(RoleCell::new(operation, role, Some(&production)), false);
        }
    }
    table.set(RoleCell::new(Operation::ReadPeople, Role::Support, None), false);
    table.set(RoleCell::new(Operation::ReadAudit, Role::Qa, None), false);
    table
}

/// Everybody everything that a table may say.
fn widened() -> RoleTable {
    let mut table = RoleTable::default();
    for cell in RoleTable::cells(&PLACES.map(environment_key)) {
        table.set(cell, true);
    }
    table
}

impl TestApp {
    /// Puts the table into force.
    async fn roles(&self, table: &RoleTable) {
        let version = self.store.find_roles(&viewer()).await.expect("reads").version();
        self.store.save_roles(&administrator(), version, table.clone(), "").await.expect("saved");
    }

    /// What nobody answers as the table says; the answers of forms.
    async fn wrong_forms(&self, table: &RoleTable, people: &[(Option<Role>, Option<String>)]) -> Vec<String> {
        let mut wrong = Vec::new();
        for write in WRITES {
            for place in write.places() {
                let (path, fields) = write.at(place);
                for (role, cookie) in people {
                    let answer =
                        self.form(&path, cookie.as_deref(), &fields).send().await.expect("an answer");
                    let status = answer.status().as_u16();
                    let location =
                        answer.headers().get("location").and_then(|it| it.to_str().ok()).unwrap_or_default();
                    let sent_away = status == 401 || (status == 303 && location.starts_with("/sign-in"));
                    let right = match (write.is_for(*role, table, place), role) {
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
        }
        wrong
    }
}

#[tokio::test]
async fn every_write_is_refused_to_whoever_may_not() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("testers", "u-1", None, None).await;
    // Signed in before anything changes: a table counts for sessions that are open.
    let mut people = vec![(None, None)];
    for role in Role::ALL {
        people.push((Some(role), Some(app.sign_in(role).await)));
    }
    for (name, table) in [("narrowed", narrowed()), ("widened", widened()), ("default", RoleTable::default())]
    {
        app.roles(&table).await;
        let wrong = app.wrong_forms(&table, &people).await;
        assert!(wrong.is_empty(), "under the {name} table:\n{}", wrong.join("\n"));
        let now = app.store.live().roles();
        assert_eq!(*now, table, "nobody changed it by the way");
    }
}

#[tokio::test]
async fn every_management_token_may_what_its_role_and_its_owners_may() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("testers", "u-1", None, None).await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, None, app.workspace_token(role).await));
        for place in PLACES {
            let scope = TokenScope::from(environment_key(place));
            tokens.push((role, Some(place), app.owned(role, scope).await));
        }
    }
    for (name, table) in [("narrowed", narrowed()), ("widened", widened()), ("default", RoleTable::default())]
    {
        app.roles(&table).await;
        let mut wrong = Vec::new();
        for (method, path, body, operation) in rights::operations() {
            let (.., needs) = needs_of(method.as_str(), path).expect("an operation");
            for place in PLACES {
                let mark = if path.contains('?') { '&' } else { '?' };
                let path = if matches!(needs, Needs::Environment | Needs::WorkspaceIn) {
                    format!("{path}{mark}environment={place}")
                } else {
                    path.to_owned()
                };
                for (role, bound, token) in &tokens {
                    let reaches = bound.is_none_or(|own| {
                        needs == Needs::Management || (needs == Needs::Environment && own == place)
                    });
                    let may = reaches && table.may(*role, operation, Some(&environment_key(place)));
                    let (status, answer) = app.rest(token, method.clone(), &path, body.clone()).await;
                    if (status != 403) != may || status >= 500 || status == 401 {
                        wrong.push(format!("{role} of {bound:?}: {method} {path}: {status} {answer}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "under the {name} table:\n{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn a_page_shows_what_one_may_in_its_environment() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(20)])).await;
    let qa = app.sign_in(Role::Qa).await;
    let page = async |path: &str| {
        let page =
            app.request(reqwest::Method::GET, path).header("Cookie", &qa).send().await.expect("a page");
        (page.status().as_u16(), page.text().await.expect("text"))
    };
    app.roles(&narrowed()).await;
    let saves = |page: &str| page.contains("value=\"save\"");
    let (_, production) = page("/flags/fast-payment").await;
    assert!(production.contains("Stop it now") && !saves(&production), "stops and looks: {production}");
    let (_, staging) = page("/flags/fast-payment?env=staging").await;
    assert!(saves(&staging) && staging.contains("Stop it now"), "everything: {staging}");
    let (status, refused) = {
        let fields = [("rule", "everyone"), ("intent", "save")];
        let answer = app.form("/flags/fast-payment", Some(&qa), &fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    assert_eq!(status, 403);
    assert!(refused.contains("in production: only Admin may."), "who may, and where: {refused}");
    let (_, audit) = page("/audit").await;
    assert!(audit.contains("Admin and Product manager may read the whole log."), "{audit}");
    let (status, roles) = page("/settings/roles").await;
    assert_eq!(status, 200, "everybody reads who may what");
    assert!(!roles.contains("type=\"checkbox\"") && roles.contains("QA may not"), "{roles}");
}

#[tokio::test]
async fn an_evaluation_needs_a_token_and_not_a_session() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let request = app.request(reqwest::Method::POST, "/ofrep/v1/evaluate/flags").header("Cookie", cookie);
    assert_eq!(request.json(&json!({"context": {}})).send().await.expect("an answer").status(), 401);
}
