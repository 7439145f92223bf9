//! The head of the audit log: asked for, signed, told to webhooks, and shown for what is known of it.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Bytes, extract::State, routing::post};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::{
    Config,
    anchor::{AuditKey, Checkpoint, Signing, read_checkpoints},
};
use store::{AuditVerdict, Reach, Role};
use tokio::{net::TcpListener, sync::Mutex};

use crate::app::{TestApp, administrator};

async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asked = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

const OFTEN: Duration = Duration::from_millis(20);

async fn page(app: &TestApp, cookie: &str, path: &str) -> String {
    let answer = app.request(Method::GET, path).header("cookie", cookie).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("text")
}

#[tokio::test]
async fn the_head_is_told_with_how_far_it_is_verified() {
    let app = TestApp::start_with(Config { anchor_every: OFTEN, ..Config::default() }).await;
    let token = app.workspace_token(Role::Qa).await;
    let head = async || app.rest(&token, Method::GET, "/api/v1/audit/head", None).await.1;
    eventually("the chain is walked", async || head().await["whole_verified_ms"].is_i64()).await;
    app.boolean_flag("fast-payment").await;
    eventually("what is new is verified", async || head().await["waiting"] == 0).await;
    let answer = head().await;
    let report = app.store.audit_report(&[]).await.expect("walks");
    assert_eq!((&answer["seq"], &answer["count"]), (&json!(report.head.seq), &json!(report.head.seq)));
    assert_eq!((&answer["hash"], &answer["intact"]), (&json!(report.head.hash), &json!(true)));
    app.sql("UPDATE rollouts SET document = REPLACE(document, 'true', 'false')").await;
    assert!(matches!(app.store.verify_audit().await, Ok(AuditVerdict::Differs { .. })));
    let (_, document) = app.rest(&token, Method::GET, "/api/v1/openapi.json", None).await;
    assert!(document["paths"]["/api/v1/audit/head"]["get"].is_object(), "{document}");
}

#[tokio::test]
async fn the_page_shows_what_is_known_and_walks_nothing() {
    let app =
        TestApp::start_with(Config { anchor_every: Duration::from_hours(1), ..Config::default() }).await;
    let cookie = app.sign_in(Role::Admin).await;
    eventually("the chain is walked", async || {
        page(&app, &cookie, "/audit").await.contains("Chain verified")
    })
    .await;
    let (before, first) = (app.store.audit_entries_read(), app.store.live().seq());
    app.boolean_flag("fast-payment").await;
    let pages = futures::future::join_all((0..10).map(|_| page(&app, &cookie, "/audit"))).await;
    let seq = app.store.live().seq();
    for page in &pages {
        assert!(page.contains(&format!("Chain verified · {seq} entries, the whole chain last at")), "{page}");
    }
    let read = app.store.audit_entries_read() - before;
    assert_eq!(read, seq - first, "ten pages read what is new once");
}

#[tokio::test]
async fn heads_are_signed_to_a_file_and_told_to_webhooks() {
    let files = tempfile::tempdir().expect("a folder");
    let (key_file, file) = (files.path().join("key"), files.path().join("heads"));
    let key = Arc::new(AuditKey::generate(&key_file).expect("a key"));
    let public = key.public();
    let received = Arc::new(Mutex::new(Vec::<Json>::new()));
    let hook = async |State(received): State<Arc<Mutex<Vec<Json>>>>, body: Bytes| {
        received.lock().await.push(serde_json::from_slice(&body).expect("JSON"));
    };
    let router = Router::new().route("/hook", post(hook)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let receiving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut app = TestApp::start_with(Config {
        signing: Some(Signing { key, file: Some(file.clone()) }),
        anchor_every: OFTEN,
        look_every: OFTEN,
        webhooks: Reach::Private,
        ..Config::default()
    })
    .await;
    app.store.create_webhook(&administrator(), &url, Reach::Private).await.expect("a webhook");
    eventually("it is told", async || !received.lock().await.is_empty()).await;
    let told = received.lock().await[0].clone();
    assert_eq!(told["event"], "audit.checkpoint");
    let checkpoint: Checkpoint = serde_json::from_value(told["checkpoint"].clone()).expect("a checkpoint");
    assert!(checkpoint.is_signed_by(&public));
    let heads = read_checkpoints(&file, &public).expect("all signed");
    assert!(heads.iter().any(|head| (head.seq, &head.hash) == (checkpoint.seq, &checkpoint.hash)));
    let report = app.store.audit_report(&heads).await.expect("walks");
    assert!(matches!(report.verdict, AuditVerdict::Intact { .. }), "{report:?}");
    // What does not verify is not signed.
    app.sql("UPDATE workspace SET audit_hash = 'x'").await;
    app.boolean_flag("fast-payment").await;
    let signed = heads.len();
    app.stop().await;
    assert_eq!(read_checkpoints(&file, &public).expect("all signed").len(), signed);
    receiving.abort();
}

#[tokio::test]
async fn webhooks_lead_only_to_the_internet_and_keep_their_secrets() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let create = async |url: &str| {
        let fields = [("do", "create"), ("url", url)];
        let answer = app.form("/settings/webhooks", Some(&cookie), &fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    for private in
        ["http://127.0.0.1:9/x", "http://2130706433/", "http://[::ffff:10.0.0.1]/", "http://localhost/"]
    {
        let (status, page) = create(private).await;
        assert_eq!(status, 422, "{private}");
        assert!(page.contains("--webhooks-private"), "it says what to do");
    }
    let (status, _) = create("https://hooks.example.test/services/s3cret?token=s3cret").await;
    assert_eq!(status, 200);
    for path in ["/settings/webhooks", "/audit", "/audit/export.jsonl"] {
        let page = page(&app, &cookie, path).await;
        assert!(page.contains("https://hooks.example.test/…") && !page.contains("s3cret"), "{path}");
    }
    let test = [("do", "test"), ("id", "1")];
    for at in 0..=10 {
        let answer = app.form("/settings/webhooks", Some(&cookie), &test).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), if at < 10 { 303 } else { 422 }, "test message {at}");
    }
}
