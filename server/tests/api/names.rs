//! What things are called: keys that are taken, keys that addresses mean, and attributes that something uses.

use reqwest::{Method, Response};
use serde_json::json;
use server::Config;
use store::Role;

use crate::{
    app::{TestApp, editor, viewer},
    fixtures::group,
};

async fn page(app: &TestApp, cookie: &str, path: &str) -> (u16, String) {
    let answer = app.request(Method::GET, path).header("Cookie", cookie).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

async fn post(app: &TestApp, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Response {
    app.form(path, Some(cookie), fields).send().await.expect("an answer")
}

fn location(answer: &Response) -> &str {
    answer.headers().get("location").and_then(|it| it.to_str().ok()).unwrap_or_default()
}

/// The value of a hidden field.
fn hidden<'h>(html: &'h str, name: &str) -> &'h str {
    let field = html.split(&format!("name=\"{name}\" value=\"")).nth(1);
    field.and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("no {name}: {html}"))
}

#[tokio::test]
async fn a_key_of_something_archived_or_deleted_offers_to_restore_it() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Product).await;
    app.boolean_flag("pay").await;
    app.archive("pay").await;
    let taken =
        post(&app, &cookie, "/flags/new", &[("name", "Pay"), ("key", "PAY"), ("type", "boolean")]).await;
    assert_eq!(taken.status(), 409);
    let html = taken.text().await.expect("a page");
    assert!(html.contains("belongs to a flag that is archived; restore it, or choose another"), "{html}");
    assert!(html.contains("action=\"/flags/pay/settings\"") && html.contains("Restore "), "{html}");
    let fields = [("intent", hidden(&html, "intent")), ("expected", hidden(&html, "expected"))];
    let restored = post(&app, &cookie, "/flags/pay/settings", &fields).await;
    assert_eq!((restored.status().as_u16(), location(&restored)), (303, "/flags/pay/settings"));
    let found = app.store.live().snapshot("production").expect("a snapshot");
    assert!(!found.flag("pay").expect("a flag").is_archived());

    app.testers("vip", "ada", None, None).await;
    let key = engine::GroupKey::parse("vip").expect("a key");
    app.store.delete_group(&editor(), 1, &key, "").await.expect("deleted");
    let new = [("intent", "save"), ("name", "Very important"), ("key", "Vip")];
    let taken = post(&app, &cookie, "/groups/new", &new).await;
    assert_eq!(taken.status(), 409);
    let html = taken.text().await.expect("a page");
    assert!(html.contains("belongs to a group that was deleted; restore it, or choose another"), "{html}");
    let action = html.split("action=\"/audit/").nth(1).and_then(|rest| rest.split('"').next());
    let action = format!("/audit/{}", action.expect("a form that restores it"));
    let restored = post(&app, &cookie, &action, &[("group", hidden(&html, "group"))]).await;
    assert_eq!((restored.status().as_u16(), location(&restored)), (303, "/groups/vip"));
    let found = app.store.find_group(&viewer(), &key).await.expect("reads").expect("a group");
    assert_eq!(found.value.enrolments.len(), 1, "with its testers");
}

#[tokio::test]
async fn nothing_new_is_called_what_addresses_mean() {
    let app = TestApp::start().await;
    let (cookie, admin) = (app.sign_in(Role::Product).await, app.workspace_token(Role::Admin).await);
    for (path, fields) in [
        ("/flags/new", [("name", "New"), ("type", "boolean"), ("intent", "save")]),
        ("/groups/new", [("name", "Some"), ("key", "NEW"), ("intent", "save")]),
    ] {
        let refused = post(&app, &cookie, path, &fields).await;
        assert_eq!(refused.status(), 422, "{path}");
        let html = refused.text().await.expect("a page");
        assert!(html.contains("means something else in addresses"), "{path}: {html}");
    }
    for key in [".", ".."] {
        let body = json!({"people": [{"id": key, "traits": {}}]});
        let (status, answer) = app.rest(&admin, Method::POST, "/api/v1/people", Some(body)).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer["detail"].as_str().is_some_and(|it| it.contains("nobody can be called")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_called_so_already_stays_reachable() {
    let first = TestApp::start().await;
    first.boolean_flag("old").await;
    first.testers("older", "ada", None, None).await;
    first.sql("PRAGMA foreign_keys = OFF; \
        UPDATE flags SET key = 'new', document = replace(document, '\"old\"', '\"new\"'); \
        UPDATE rollouts SET flag = 'new'; \
        UPDATE groups SET key = 'new', document = replace(document, '\"key\":\"older\"', '\"key\":\"new\"'); \
        UPDATE enrolments SET group_key = 'new'; \
        INSERT INTO people (subject, traits, changed_ms, audit_seq) VALUES ('.', '{}', 0, 1), ('..', '{}', 0, 1)")
        .await;
    let app = TestApp::start_on(&first.database_url, Config::default(), first.clock.clone()).await;
    let cookie = app.sign_in(Role::Admin).await;
    for (listed, address) in [("/", "/flags/%20new"), ("/groups", "/groups/%20new")] {
        let (_, html) = page(&app, &cookie, listed).await;
        assert!(html.contains(&format!("href=\"{address}\"")), "{listed} has no link to {address}: {html}");
        let (status, html) = page(&app, &cookie, address).await;
        assert_eq!(status, 200, "{address}: {html}");
    }
    for (key, address) in [(".", "/people/%20."), ("..", "/people/%20..")] {
        let (status, html) = page(&app, &cookie, address).await;
        assert!(
            status == 200 && html.contains(&format!("<title>{key} · Fader</title>")),
            "{address}: {html}"
        );
    }
    let stopped = post(&app, &cookie, "/flags/%20new/stop", &[("reason", "trouble")]).await;
    assert_eq!((stopped.status().as_u16(), location(&stopped)), (303, "/flags/%20new"));
    let (_, form) = page(&app, &cookie, "/flags/new").await;
    assert!(form.contains("Create the flag"), "{form}");
    for tab in ["settings", "health", "plan", "history", "try", "exposures", "feedback"] {
        assert_eq!(page(&app, &cookie, &format!("/flags/%20new/{tab}")).await.0, 200, "{tab}");
    }
    let (status, html) = page(&app, &cookie, "/testers/%20..").await;
    assert_eq!(status, 200, "{html}");
}

#[tokio::test]
async fn an_attribute_in_use_is_linked_to_what_uses_it_and_kept() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    app.vip_agencies().await;
    app.boolean_flag("pay").await;
    app.rules("pay", json!([group("vip-agencies")])).await;
    let (_, html) = page(&app, &cookie, "/settings/attributes").await;
    assert!(html.contains("href=\"/groups/vip-agencies\""), "{html}");
    assert!(!html.contains("value=\"delete\""), "nobody is offered what is refused");
    // Whoever has an older page open.
    let deleted =
        post(&app, &cookie, "/settings/attributes", &[("intent", "delete"), ("name", "tier")]).await;
    assert_eq!(deleted.status(), 409);
    let html = deleted.text().await.expect("a page");
    assert!(html.contains("is in use by the group vip-agencies; change those first"), "{html}");
    let changed = [("intent", "save"), ("name", "tier"), ("type", "number"), ("trusted", "1")];
    let changed = post(&app, &cookie, "/settings/attributes", &changed).await;
    assert_eq!(changed.status(), 409);

    let is_trusted = || {
        let snapshot = app.store.live().snapshot("production").expect("a snapshot");
        snapshot.attributes().is_trusted("tier")
    };
    let save = |intent| [("intent", intent), ("name", "tier"), ("type", "text"), ("description", "as typed")];
    let asked = post(&app, &cookie, "/settings/attributes", &save("save")).await;
    assert_eq!(asked.status(), 422);
    let html = asked.text().await.expect("a page");
    assert!(html.contains("A browser could then say of itself what tier is"), "{html}");
    assert!(html.contains("href=\"/flags/pay\"") && html.contains("value=\"as typed\""), "{html}");
    assert!(is_trusted(), "nothing was changed");
    // Whoever signed in through the store never showed a browser, and is asked for the password then.
    let meant = post(&app, &cookie, "/settings/attributes", &save("untrust")).await;
    assert!(meant.status() == 303 || meant.status() == 401, "{}", meant.status());
    assert_eq!(is_trusted(), meant.status() == 401);
}

#[tokio::test]
async fn the_audit_log_is_searched_for_what_changed() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    app.boolean_flag("pay").await;
    app.testers("vip", "first", None, None).await;
    let key = engine::GroupKey::parse("vip").expect("a key");
    let lines: Vec<_> = (0..30).map(|n| format!("tester-{n:02}")).collect();
    let list = store::EnrolmentList::parse(&lines.join("\n"), store::RawLine::default(), app.clock.now_ms());
    let by = store::Principal::command_line().enroller().expect("may");
    let choice = store::EnrolmentChoice { with_unknown: true, ..store::EnrolmentChoice::default() };
    app.store.enrol(&by, &key, &list, choice, None, "").await.expect("enrolled");
    let (production, flag) =
        (crate::app::environment_key("production"), engine::FlagKey::parse("pay").expect("a key"));
    let found =
        app.store.find_rollout(&viewer(), &production, &flag).await.expect("reads").expect("a rollout");
    let subject = |text: &str| engine::SubjectKey::parse(text).expect("a key");
    let mut rollout = found.value.clone();
    rollout.pins = vec![engine::Pin {
        subject: subject("pinned \"quoted\" one"),
        variant: engine::VariantKey::parse("on").expect("a key"),
    }];
    rollout.exclusions.subjects = (0..30).map(|n| subject(&format!("kept-out-{n:02}"))).collect();
    app.store.save_rollout(&editor(), &production, &flag, found.version, rollout, "").await.expect("saved");
    app.boolean_flag("later").await;
    for (text, found) in [
        ("tester-17", "added 30 testers to vip"),
        ("TESTER-29", "added 30 testers to vip"),
        ("pinned \"quoted", "pay"),
        ("kept-out-23", "pay"),
    ] {
        let query = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (_, html) = page(&app, &cookie, &format!("/audit?q={query}")).await;
        let log = html.split("id=\"audit\"").nth(1).expect("a log");
        assert!(log.contains(found) && !log.contains("later"), "{text}: {log}");
    }
    for (file, text, found) in
        [("csv", "tester-17", "added 30 testers to vip"), ("jsonl", "kept-out-23", "pay")]
    {
        let (_, export) = page(&app, &cookie, &format!("/audit/export.{file}?q={text}")).await;
        let lines = export.lines().count() - usize::from(file == "csv");
        assert!(lines == 1 && export.contains(found), "{text} in {file}: {export}");
    }
    let (_, html) = page(&app, &cookie, "/audit?q=tester-99").await;
    assert!(html.contains("No entry matches"), "{html}");
}
