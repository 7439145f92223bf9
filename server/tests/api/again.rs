//! Giving the password again: every form that changes who may do what, and what becomes of what was typed.

use engine::{Attributes, SubjectKey};
use reqwest::{Method, Response, header};
use server::Config;
use store::{AuditFilter, Principal, Role};

use crate::app::{PASSWORD, TestApp, administrator};

const AGAIN: &str = "fader_password_again";
const MINUTE_MS: i64 = 60_000;

/// Every form that asks; `*` stands for the number of what there is to change.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    (
        "/settings/members",
        &[("do", "invite"), ("email", "new@example.test"), ("name", "New \"<b>\" One"), ("role", "viewer")],
    ),
    ("/settings/members", &[("do", "role"), ("id", "*member"), ("role", "qa")]),
    ("/settings/members", &[("do", "reset"), ("id", "*member")]),
    ("/settings/members", &[("do", "sign-out"), ("id", "*member")]),
    ("/settings/attributes", &[("intent", "save"), ("name", "tier"), ("type", "text"), ("trusted", "on")]),
    ("/settings/attributes", &[("intent", "delete"), ("name", "tier")]),
    ("/settings/members", &[("do", "disable"), ("id", "*member")]),
    ("/settings/members", &[("do", "enable"), ("id", "*member")]),
    (
        "/settings/tokens",
        &[
            ("do", "create"),
            ("name", "CI"),
            ("kind", "server"),
            ("environment", "production"),
            ("expires", "365"),
            ("origins", ""),
        ],
    ),
    ("/settings/tokens", &[("do", "revoke"), ("id", "*token")]),
    ("/settings/environments?env=staging", &[("environment", "staging"), ("days", "30")]),
    ("/settings/webhooks", &[("do", "create"), ("url", "https://hooks.example.test/fader?a=1&b=2")]),
    ("/settings/webhooks", &[("do", "delete"), ("id", "*webhook")]),
    ("/people/ada", &[("intent", "erase"), ("confirm", "ada")]),
];

struct Workspace {
    app: TestApp,
    cookie: String,
    member: String,
}

async fn workspace() -> Workspace {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let by = administrator();
    let member = app.store.add_user(&by, "bob@example.test", "Bob", Role::Viewer, PASSWORD).await;
    app.server_token().await;
    app.store
        .create_webhook(&by, "https://hooks.example.test/first", store::Reach::Public)
        .await
        .expect("a webhook");
    let ada = (SubjectKey::parse("ada").expect("a key"), Attributes::default());
    app.store.put_people(&by, vec![ada]).await.expect("saved");
    Workspace { app, cookie, member: member.expect("a member").to_string() }
}

impl Workspace {
    async fn fields<'f>(&'f self, fields: &'f [(&'f str, &'f str)]) -> Vec<(&'f str, String)> {
        let by = administrator();
        let token = self.app.store.list_tokens(&by).await.expect("reads")[0].id.to_string();
        let webhook =
            self.app.store.list_webhooks(&by).await.expect("reads").first().map(|it| it.id.to_string());
        let value = |value: &str| match value {
            "*member" => self.member.clone(),
            "*token" => token.clone(),
            "*webhook" => webhook.clone().unwrap_or_default(),
            other => other.to_owned(),
        };
        fields.iter().map(|(name, text)| (*name, value(text))).collect()
    }

    async fn send(&self, path: &str, fields: &[(&str, String)], password: Option<&str>) -> Response {
        let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(password.map(|password| (AGAIN, password)));
        self.app.form(path, Some(&self.cookie), &all).send().await.expect("an answer")
    }

    async fn last_sentence(&self) -> String {
        let auditor = Principal::command_line().audit_reader().expect("may read");
        let entries = self.app.store.list_audit(&auditor, &AuditFilter::default()).await.expect("reads");
        entries[0].sentence.clone()
    }
}

/// As it stands in an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

fn value(answer: &Response, name: header::HeaderName) -> &str {
    answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn every_form_that_changes_who_may_do_what_asks_and_goes_on() {
    let w = workspace().await;
    for (path, fields) in FORMS {
        let fields = w.fields(fields).await;
        w.app.clock.advance(11 * MINUTE_MS);
        let seq = w.app.store.live().seq();
        let asked = w.send(path, &fields, None).await;
        assert_eq!(asked.status(), 401, "{path} {fields:?}");
        let page = asked.text().await.expect("a page");
        assert!(page.contains("Your password, please") && page.contains(AGAIN), "{path}: {page}");
        assert!(page.contains(&format!("action=\"{path}\"")), "{path}: it goes on where it was: {page}");
        for (name, value) in &fields {
            let hidden = format!("type=\"hidden\" name=\"{name}\" value=\"{}\"", escaped(value));
            assert!(page.contains(&hidden), "{path}: {hidden} in {page}");
        }
        assert!(!page.contains("<b>"), "{path}: nothing typed becomes markup");
        assert_eq!(w.app.store.live().seq(), seq, "{path} {fields:?}: nothing was changed");
        let done = w.send(path, &fields, Some(PASSWORD)).await;
        assert!(matches!(done.status().as_u16(), 200 | 303), "{path} {fields:?}: {}", done.status());
        let page = done.text().await.expect("a page");
        assert!(!page.contains(PASSWORD), "{path}: the password goes nowhere");
        assert!(w.app.store.live().seq() > seq, "{path} {fields:?}: it was done");
    }
}

#[tokio::test]
async fn a_fresh_password_is_not_asked_for_again() {
    let w = workspace().await;
    w.app.clock.advance(9 * MINUTE_MS);
    let fields = w.fields(&[("do", "role"), ("id", "*member"), ("role", "qa")]).await;
    assert_eq!(w.send("/settings/members", &fields, None).await.status(), 303);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_its_field_and_loses_nothing() {
    let w = workspace().await;
    w.app.clock.advance(11 * MINUTE_MS);
    let fields = w.fields(FORMS[0].1).await;
    let seq = w.app.store.live().seq();
    for attempt in 1..=7 {
        let answer = w.send("/settings/members", &fields, Some("not it at all")).await;
        let (status, wait) = (answer.status().as_u16(), value(&answer, header::RETRY_AFTER).to_owned());
        let page = answer.text().await.expect("a page");
        assert!(page.contains("new@example.test") && !page.contains("not it at all"), "{page}");
        if attempt <= 5 {
            assert_eq!(status, 422);
            assert!(page.contains("This is not your password."), "{page}");
            assert_eq!(w.last_sentence().await, "gave a wrong password when it was asked for again");
        } else {
            assert_eq!((status, wait.as_str()), (429, "1"), "slowed down as at sign-in");
        }
    }
    assert_eq!(w.app.store.live().seq(), seq + 5, "five entries, and nothing else");
    w.app.clock.advance(MINUTE_MS);
    assert_eq!(w.send("/settings/members", &fields, Some(PASSWORD)).await.status(), 200);
    assert!(w.last_sentence().await.starts_with("invited New"));
}

#[tokio::test]
async fn whoever_was_signed_out_in_the_meantime_signs_in_first() {
    let w = workspace().await;
    w.app.clock.advance(11 * MINUTE_MS);
    let fields = w.fields(FORMS[0].1).await;
    let out = w.app.form("/sign-out", Some(&w.cookie), &[]).send().await.expect("an answer");
    assert_eq!(out.status(), 303);
    let seq = w.app.store.live().seq();
    let answer = w.send("/settings/members", &fields, Some(PASSWORD)).await;
    assert_eq!(answer.status(), 303);
    assert!(value(&answer, header::LOCATION).starts_with("/sign-in"), "{answer:?}");
    assert_eq!(w.app.store.live().seq(), seq);
}

#[tokio::test]
async fn who_may_not_is_told_so_and_asked_nothing() {
    let w = workspace().await;
    let viewer = w.app.sign_in(Role::Viewer).await;
    w.app.clock.advance(11 * MINUTE_MS);
    for (path, fields) in FORMS {
        let fields = w.fields(fields).await;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = w.app.form(path, Some(&viewer), &fields).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn an_island_leads_to_a_page_that_asks_and_leads_back() {
    let w = workspace().await;
    w.app.clock.advance(11 * MINUTE_MS);
    let page = w.app.request(Method::GET, "/password?next=%2Fflags%3Fq%3D%22%3E%3Cb%3E");
    let page = page.header(header::COOKIE, &w.cookie).send().await.expect("a page");
    assert_eq!(page.status(), 200);
    assert!(!page.text().await.expect("text").contains("<b>"));
    let without = w.send("/password", &[("next", "/people".to_owned())], None).await;
    assert_eq!(without.status(), 200, "nothing was given yet");
    let back = w.send("/password", &[("next", "/people?q=a".to_owned())], Some(PASSWORD)).await;
    assert_eq!((back.status().as_u16(), value(&back, header::LOCATION)), (303, "/people?q=a"));
    let away = w.send("/password", &[("next", "//evil.example".to_owned())], Some(PASSWORD)).await;
    assert_eq!(value(&away, header::LOCATION), "/");
    let fields = w.fields(FORMS[1].1).await;
    assert_eq!(w.send("/settings/members", &fields, None).await.status(), 303, "it counts from now on");
}

fn cookie<'r>(answer: &'r Response, name: &str) -> Option<&'r str> {
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
    cookies.filter_map(|it| it.split_once('=')).find(|(key, _)| *key == name).map(|(_, rest)| rest)
}

#[tokio::test]
async fn a_device_is_remembered_beyond_the_session() {
    let app = TestApp::start().await;
    app.sign_in(Role::Viewer).await;
    let fields = [("email", "viewer@example.test"), ("password", PASSWORD)];
    let first = app.form("/sign-in", None, &fields).send().await.expect("an answer");
    let device = cookie(&first, "fader_device").expect("a device").to_owned();
    assert!(device.contains("HttpOnly") && device.contains("SameSite=Strict"), "{device}");
    let (secret, _) = device.split_once(';').expect("attributes");
    let again = app.form("/sign-in", Some(&format!("fader_device={secret}")), &fields);
    let again = again.send().await.expect("an answer");
    assert!(cookie(&again, "fader_device").is_some_and(|it| it.starts_with(secret)), "it keeps its secret");
    let wrong = [("email", "viewer@example.test"), ("password", "not it at all")];
    let refused = app.form("/sign-in", None, &wrong).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), cookie(&refused, "fader_device")), (401, None));
}

#[tokio::test]
async fn under_https_only_this_host_sets_the_cookies() {
    let public_url = Some("https://fader.test".parse().expect("an address"));
    let app = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    app.sign_in(Role::Viewer).await;
    let fields = [("email", "viewer@example.test"), ("password", PASSWORD)];
    let request = app.form("/sign-in", None, &fields).header("Sec-Fetch-Site", "same-origin");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    for name in ["__Host-fader_session", "__Host-fader_device"] {
        let cookie = cookie(&answer, name).unwrap_or_else(|| panic!("{name}"));
        assert!(
            cookie.contains("Path=/;") && cookie.contains("Secure") && !cookie.contains("Domain"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn a_changed_password_renews_the_cookie_and_others_are_signed_out_by_a_button() {
    let app = TestApp::start().await;
    let cookie_of = app.sign_in(Role::Viewer).await;
    let account = async |session: &str, fields: &[(&str, &str)]| {
        app.form("/account", Some(session), fields).send().await.expect("an answer")
    };
    let own = [("do", "password"), ("old", PASSWORD), ("password", "Fader2026!!")];
    let refused = account(&cookie_of, &own).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.expect("a page");
    assert!(page.contains("made of your name, your e-mail address or the word fader"), "{page}");
    let change = [("do", "password"), ("old", PASSWORD), ("password", "a brand new password")];
    let changed = account(&cookie_of, &change).await;
    assert_eq!(changed.status(), 303);
    let renewed = cookie(&changed, "fader_session").and_then(|it| it.split(';').next()).expect("a cookie");
    let renewed = format!("fader_session={renewed}");
    assert_ne!(renewed, cookie_of);
    let status = async |session: &str| {
        let page = app.request(Method::GET, "/account").header(header::COOKIE, session).send().await;
        page.expect("an answer").status().as_u16()
    };
    assert_eq!((status(&cookie_of).await, status(&renewed).await), (303, 200));
    let fields = [("email", "viewer@example.test"), ("password", "a brand new password")];
    let other = app.form("/sign-in", None, &fields).send().await.expect("an answer");
    let other =
        cookie(&other, "fader_session").and_then(|it| it.split(';').next()).expect("a cookie").to_owned();
    let other = format!("fader_session={other}");
    assert_eq!(status(&other).await, 200);
    assert_eq!(account(&renewed, &[("do", "end_others")]).await.status(), 303);
    assert_eq!((status(&other).await, status(&renewed).await), (303, 200));
}
