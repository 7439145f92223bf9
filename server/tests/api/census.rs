//! Pages count many people, and decisions go on meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::header;
use serde_json::{Value as Json, json};
use server::Config;
use store::{Clock, Role};

use crate::app::{NOW_MS, TestApp};

const PEOPLE: usize = 300_000;
const PAGES: usize = 3;
/// Of what is decided when nobody looks at a page: generous, the machine has other things to do. The exact figure is the
/// bench's.
const SHARE_MIN: f64 = 0.15;
const MEASURED: Duration = Duration::from_secs(2);

/// They stand in the database before the server does.
const MANY: &str = "
    WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 299999)
    INSERT INTO people (subject, traits, changed_ms, audit_seq)
    SELECT printf('person-%06d', n),
        json_object('tier', CASE WHEN n % 10 = 0 THEN 'vip' ELSE 'basic' END, 'country', 'NO'), 0, 1 FROM n";

/// Decisions a second, one after the other.
async fn decided(app: &TestApp, token: &str) -> f64 {
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < MEASURED {
        app.decision(token, "pay", json!({"targetingKey": format!("person-{count:06}")})).await;
        count += 1;
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

async fn rollout_page(http: reqwest::Client, url: String, cookie: String) -> String {
    let page = http.get(format!("{url}/flags/pay")).header(header::COOKIE, cookie).send().await;
    let page = page.expect("an answer");
    assert_eq!(page.status(), 200);
    page.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_go_on_while_pages_count_many_people() {
    let mut first = TestApp::start().await;
    first.vip_agencies().await;
    first.boolean_flag("pay").await;
    first.rules("pay", json!([crate::fixtures::group("vip-agencies"), crate::fixtures::everyone(20)])).await;
    first.sql(MANY).await;
    first.stop().await;
    let app = TestApp::start_on(&first.database_url, Config::default(), Clock::manual(NOW_MS)).await;
    assert_eq!(app.store.live().people().len(), PEOPLE);
    let (token, cookie) = (app.server_token().await, app.sign_in(Role::Product).await);
    let idle = decided(&app, &token).await;
    let (done, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let looking: Vec<_> = (0..PAGES)
        .map(|_| {
            let (http, url, cookie) = (app.http.clone(), app.url.clone(), cookie.clone());
            let (done, opened) = (Arc::clone(&done), Arc::clone(&opened));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    rollout_page(http.clone(), url.clone(), cookie.clone()).await;
                    opened.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let busy = decided(&app, &token).await;
    done.store(true, Ordering::Relaxed);
    for looks in looking {
        looks.await.expect("every page is answered");
    }
    let opened = opened.load(Ordering::Relaxed);
    assert!(
        busy >= SHARE_MIN * idle,
        "{busy:.0} decisions a second beside {opened} pages, {idle:.0} without"
    );
    // The sample is replaced by the exact number: 30,000 VIPs and 20 % of the others.
    let exact = async {
        loop {
            let page = rollout_page(app.http.clone(), app.url.clone(), cookie.clone()).await;
            if page.contains("30,000 of 30,000") {
                return page;
            }
        }
    };
    let page = tokio::time::timeout(Duration::from_mins(1), exact).await.expect("everybody is counted");
    assert!(page.contains("of 300,000 known people") && !page.contains("about "), "{page}");
}

/// A preview says how far it has counted, as the page that asks again does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_counted_from_the_same_census() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    for n in 0..20 {
        app.person(&format!("person-{n}"), json!({"tier": "vip"})).await;
    }
    let cookie = app.sign_in(Role::Product).await;
    let form = "expected=1&rule=everyone&r.everyone.audience=everyone&r.everyone.to=100";
    let fields = [("flag", "pay"), ("environment", "production"), ("form", form)];
    let preview = app.form("/call/preview_rollout", Some(&cookie), &fields);
    let preview: Json = preview.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&preview["exact"], &preview["known"]), (&json!(true), &json!(20)), "{preview}");
}
