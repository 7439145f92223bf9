//! Pages and previews count many people, and decisions go on meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::header;
use serde_json::json;
use server::Config;
use store::{Clock, Role};

use crate::app::{NOW_MS, TestApp};

const PEOPLE: usize = 300_000;
/// Each has pages and previews of their own: one's next preview takes the place of the one before.
const LOOKING: [Role; 2] = [Role::Admin, Role::Product];
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

/// A member at work.
#[derive(Clone)]
struct Member {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

/// What was answered while decisions were measured.
#[derive(Debug, Default)]
struct Looked {
    pages: usize,
    previews: usize,
    /// Previews that did not wait until everybody was counted.
    early: usize,
}

impl Member {
    async fn page(&self) -> String {
        let page = self.http.get(format!("{}/flags/pay", self.url)).header(header::COOKIE, &self.cookie);
        let page = page.send().await.expect("an answer");
        assert_eq!(page.status(), 200);
        page.text().await.expect("text")
    }

    async fn preview(&self, form: &str) -> String {
        let fields = [("flag", "pay"), ("environment", "production"), ("form", form)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}/call/preview_rollout", self.url)).body(body);
        let request = request.header(header::COOKIE, &self.cookie).header(header::ORIGIN, &self.url);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let preview = request.send().await.expect("an answer");
        assert_eq!(preview.status(), 200);
        preview.json().await.expect("JSON")
    }

    /// Opens the page and moves a fader until it is done. No two previews ask the same, so that counting never ends.
    async fn look(self, done: Arc<AtomicBool>) -> Looked {
        let mut looked = Looked::default();
        while !done.load(Ordering::Relaxed) {
            self.page().await;
            looked.pages += 1;
            let (number, to) = (looked.previews, looked.previews % 101);
            let form = format!(
                "expected=2&excluded=person-{number:06}&rule=vip-agencies&r.vip-agencies.group=vip-agencies&\
                 r.vip-agencies.to=100&rule=everyone&r.everyone.audience=everyone&r.everyone.to={to}"
            );
            let preview = self.preview(&form).await;
            looked.previews += 1;
            let is_counted = preview.contains("data-exact") && !preview.contains("of 0 known people");
            looked.early += usize::from(!is_counted);
        }
        looked
    }
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
    let token = app.server_token().await;
    let mut members = Vec::new();
    for role in LOOKING {
        let cookie = app.sign_in(role).await;
        members.push(Member { http: app.http.clone(), url: app.url.clone(), cookie });
    }
    let idle = decided(&app, &token).await;
    let done = Arc::new(AtomicBool::new(false));
    let looking: Vec<_> =
        members.iter().map(|member| tokio::spawn(member.clone().look(Arc::clone(&done)))).collect();
    let busy = decided(&app, &token).await;
    done.store(true, Ordering::Relaxed);
    for looks in looking {
        let looked = looks.await.expect("every page is answered");
        assert!(looked.pages > 0 && looked.early > 0, "it counted meanwhile: {looked:?}");
    }
    assert!(
        busy >= SHARE_MIN * idle,
        "{busy:.0} decisions a second while people are counted, {idle:.0} else"
    );
    // The sample is replaced by the exact number: 30,000 VIPs and 20 % of the others.
    let exact = async {
        loop {
            let page = members[0].page().await;
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
    let preview: String = preview.send().await.expect("an answer").json().await.expect("a text of JSON");
    assert!(preview.contains("data-exact") && preview.contains("20 of 20 known people"), "{preview}");
    assert!(preview.contains("<p data-for=\"count-everyone\">20 of 20</p>"), "{preview}");
}
