//! People over REST: who may store, look up and erase them, and what the answers say.

use engine::{AttributeDefinition, AttributeName, AttributeType, SubjectKey, VariantKey};
use reqwest::Method;
use serde_json::{Value as Json, json};
use store::{Action, AuditFilter, Delivery, Exposure, Principal, Role};

use crate::app::{NOW_MS, TestApp};

const ADA: &str = "/api/v1/people/ada.moreau";
const ADA_HERE: &str = "/api/v1/people/ada.moreau?environment=production";

impl TestApp {
    async fn number_attribute(&self, name: &str) {
        let definition = AttributeDefinition {
            name: AttributeName::parse(name).expect("a name"),
            value_type: AttributeType::Number,
            description: String::new(),
            trusted: false,
            personal: false,
        };
        let admin = Principal::command_line().administrator().expect("may administer");
        self.store.put_attribute(&admin, definition).await.expect("saved");
    }

    async fn served(&self, flag: &str, variant: &str, at_ms: i64) {
        let exposure = Exposure {
            subject: SubjectKey::parse("ada.moreau").expect("a key"),
            flag: engine::FlagKey::parse(flag).expect("a key"),
            variant: VariantKey::parse(variant).expect("a key"),
            revision: 3,
            rule: None,
            arm: None,
            at_ms,
        };
        let environment = engine::EnvironmentKey::parse("production").expect("a key");
        let delivery = Delivery {
            environment,
            sender: engine::Sender::Server,
            exposures: vec![exposure],
            ids: Vec::new(),
        };
        self.store.record_exposures(&[delivery]).await.expect("recorded");
    }
}

#[tokio::test]
async fn a_backend_stores_its_users_and_a_wrong_type_is_refused_with_a_sentence() {
    let app = TestApp::start().await;
    app.number_attribute("transactions_30d").await;
    let token = app.writing_token().await;
    let body = json!({"traits": {"tier": "vip", "transactions_30d": 12, "gone": null}});
    let (status, answer) = app.rest(&token, Method::PUT, ADA, Some(body.clone())).await;
    assert_eq!((status, answer), (200, json!({"new": 1, "changed": 0, "unchanged": 0})));
    let (_, answer) = app.rest(&token, Method::PUT, ADA, Some(body)).await;
    assert_eq!(answer["unchanged"], 1);
    let people = app.store.live().people();
    assert_eq!(people.traits("ada.moreau").expect("known").len(), 2, "null leaves a trait out");

    let wrong = json!({"traits": {"transactions_30d": "many"}});
    let (status, answer) = app.rest(&token, Method::PUT, ADA, Some(wrong)).await;
    assert_eq!((status, &answer["code"]), (422, &json!("refused")));
    assert_eq!(answer["detail"], "transactions_30d of ada.moreau has to be a number, not \"many\"");
    for wrong in [json!({"traits": {"tier": {"a": 1}}}), json!({"traits": 7}), json!({})] {
        let (status, answer) = app.rest(&token, Method::PUT, ADA, Some(wrong.clone())).await;
        assert_eq!((status, &answer["code"]), (400, &json!("malformed")), "{wrong}");
    }
    let spaced = app.rest(&token, Method::PUT, "/api/v1/people/%20x", Some(json!({"traits": {}}))).await;
    assert_eq!((spaced.0, &spaced.1["code"]), (422, &json!("refused")));
    assert_eq!(app.store.live().people().len(), 1);
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all_and_can_be_tried_first() {
    let app = TestApp::start().await;
    app.number_attribute("visits").await;
    let token = app.writing_token().await;
    let batch = |visits: Json, dry_run: bool| {
        json!({"dry_run": dry_run, "people": [
            {"id": "a", "traits": {"visits": 1}}, {"id": "b/ö", "traits": {"visits": visits}},
        ]})
    };
    let post = async |body: Json| app.rest(&token, Method::POST, "/api/v1/people", Some(body)).await;
    assert_eq!(post(batch(json!("x"), false)).await.0, 422);
    assert_eq!(post(batch(json!("x"), true)).await.0, 422);
    let (status, answer) = post(batch(json!(2), true)).await;
    assert_eq!((status, &answer["new"]), (200, &json!(2)));
    assert!(app.store.live().people().is_empty(), "nothing was written so far");
    assert_eq!(post(batch(json!(2), false)).await.0, 200);
    assert_eq!(app.store.live().people().len(), 2);
    let manager = app.workspace_token(Role::Support).await;
    let (status, answer) =
        app.rest(&manager, Method::GET, "/api/v1/people/b%2F%C3%B6?environment=production", None).await;
    assert_eq!((status, &answer["id"], &answer["known"]), (200, &json!("b/ö"), &json!(true)));
}

#[tokio::test]
async fn who_may_do_what_with_people() {
    let app = TestApp::start().await;
    // Role, store, look up, erase.
    let table = [
        (Role::Admin, [200, 200, 200]),
        (Role::Product, [403, 200, 403]),
        (Role::Qa, [403, 200, 403]),
        (Role::Support, [403, 200, 403]),
        (Role::Viewer, [403, 403, 403]),
    ];
    for (role, [store, look, erase]) in table {
        let token = app.workspace_token(role).await;
        let put = app.rest(&token, Method::PUT, ADA, Some(json!({"traits": {"tier": "vip"}}))).await;
        assert_eq!(put.0, store, "{role} stores: {}", put.1);
        for path in [ADA_HERE.to_owned(), format!("{ADA}/exposures?environment=production")] {
            let get = app.rest(&token, Method::GET, &path, None).await;
            assert_eq!(get.0, look, "{role} reads {path}: {}", get.1);
        }
        assert_eq!(app.rest(&token, Method::DELETE, ADA, None).await.0, erase, "{role} erases");
    }
    let server = app.server_token().await;
    assert_eq!(app.rest(&server, Method::GET, ADA, None).await.0, 403, "a server token looks nobody up");
    assert_eq!(app.rest(&server, Method::DELETE, ADA, None).await.0, 403);
    let client = app.token(store::TokenKind::Client, "production", &["*"]).await;
    let put = app.rest(&client, Method::PUT, ADA, Some(json!({"traits": {"tier": "vip"}}))).await;
    assert_eq!(put.0, 403, "nobody becomes a VIP by editing JavaScript");
}

#[tokio::test]
async fn support_reads_saw_would_see_and_why() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.served("fast-payment", "on", NOW_MS - 60_000).await;
    let token = app.workspace_token(Role::Support).await;
    let (status, answer) = app.rest(&token, Method::GET, ADA_HERE, None).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["known"], false);
    let flag = &answer["flags"][0];
    assert_eq!((&flag["flag"], &flag["saw"][0]["variant"]), (&json!("fast-payment"), &json!("on")));
    assert_eq!(flag["saw"][0]["last"], NOW_MS - 60_000);
    assert_eq!(flag["would_see"]["variant"], "off");
    assert_eq!(flag["would_see"]["why"], "Does not get it: the rollout has no rules.");
    assert_eq!(flag["differs"], true);

    let of = async |as_of: &str| {
        app.rest(&token, Method::GET, &format!("{ADA}/exposures?environment=production&as_of={as_of}"), None)
            .await
    };
    let (status, then) = of(&NOW_MS.to_string()).await;
    assert_eq!((status, &then["exposures"][0]["variant"]), (200, &json!("on")));
    assert_eq!(then["decided"][0]["variant"], "off");
    let (_, before) = of(&(NOW_MS - 3_600_000).to_string()).await;
    assert_eq!((&before["exposures"], &before["decided"]), (&json!([]), &json!([])), "the flag came later");
    assert_eq!(of("2027-01-15T08:00:00Z").await.0, 200);
    assert_eq!(of("yesterday").await.0, 422);

    let filter = AuditFilter { action: Some(Action::PersonLookedUp), ..AuditFilter::default() };
    let auditor = Principal::command_line().audit_reader().expect("may read");
    let looks = app.store.list_audit(&auditor, &filter).await.expect("reads");
    assert_eq!(looks.len(), 1, "one look-up in ten minutes");
    assert_eq!(looks[0].object.key, "ada.moreau");
}

/// Wherever somebody's traits or doings are shown, the audit log says who looked; drawing a page again says it once.
#[tokio::test]
async fn whoever_is_shown_somebody_stands_in_the_audit_log() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.vip_agencies().await;
    app.testers("crew", "ada.moreau", None, None).await;
    app.person("ada.moreau", json!({"tier": "vip"})).await;
    let auditor = Principal::command_line().audit_reader().expect("may read");
    let product = app.sign_in(Role::Product).await;
    let support = app.workspace_token(Role::Support).await;
    for (path, sentence) in [
        ("/flags/fast-payment/try?subject=ada.moreau", "looked up ada.moreau"),
        ("/flags/fast-payment/try?subject=ada", "was suggested people while typing"),
        ("/groups/vip-agencies", "looked at the people of group vip-agencies"),
        ("/groups/crew?tab=testers", "looked at the people of group crew"),
        ("/people?q=ada", "searched people: 1 found"),
        ("/api/v1/groups/crew/enrolments", "looked at the people of group crew"),
    ] {
        for _ in 0..3 {
            let request = app.request(Method::GET, path);
            let request = if path.starts_with("/api/") {
                request.bearer_auth(&support)
            } else {
                request.header("cookie", &product)
            };
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            let page = answer.text().await.expect("a page");
            assert!(page.contains("ada.moreau"), "{path} shows her");
        }
        let entries = app.store.list_audit(&auditor, &AuditFilter::default()).await.expect("reads");
        let told = entries.iter().filter(|entry| entry.sentence == sentence).count();
        let readers = if path.starts_with("/api/") { 2 } else { 1 };
        assert_eq!(told, readers, "{path}: {sentence}");
    }
}

#[tokio::test]
async fn an_erasure_forgets_traits_and_exposures() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.served("fast-payment", "on", NOW_MS).await;
    let token = app.workspace_token(Role::Admin).await;
    app.rest(&token, Method::PUT, ADA, Some(json!({"traits": {"tier": "vip"}}))).await;
    let (status, answer) = app.rest(&token, Method::DELETE, ADA, None).await;
    assert_eq!(status, 200, "{answer}");
    let (_, person) = app.rest(&token, Method::GET, ADA_HERE, None).await;
    assert_eq!((&person["known"], &person["flags"][0]["saw"]), (&json!(false), &json!([])));
    assert_eq!(app.rest(&token, Method::DELETE, ADA, None).await.0, 404);
}

#[tokio::test]
async fn a_person_s_page_is_for_who_may_look_people_up() {
    let app = TestApp::start().await;
    for role in Role::ALL {
        let expected = if role == Role::Viewer { 403 } else { 200 };
        let member = app.sign_in(role).await;
        for path in [
            "/people",
            "/people?q=ada",
            "/people/ada.moreau",
            "/people/ada.moreau?at=2027-01-01T10:00Z",
            "/people/ada.moreau/changed",
        ] {
            let answer =
                app.request(Method::GET, path).header("cookie", &member).send().await.expect("an answer");
            assert_eq!(answer.status(), expected, "{role} opens {path}");
        }
        let import = app.request(Method::GET, "/import/people").header("cookie", &member).send().await;
        let expected = if role == Role::Admin { 200 } else { 403 };
        assert_eq!(import.expect("an answer").status(), expected, "{role} opens the import");
    }
}
