//! Feedback: what is taken and what is not, from whom, how often; the inbox as each role sees it; the widget.

use std::num::NonZeroU32;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use server::Config;
use store::{Delivery, Exposure, Feedback, FeedbackFilter, Principal, Role, TokenKind};

use crate::{
    app::{NOW_MS, TestApp, environment_key},
    fixtures::{everyone, group},
};

const PATH: &str = "/api/v1/feedback";
const SHOP: &str = "https://shop.test";

impl TestApp {
    fn feedback(&self, token: &str, body: &Json) -> RequestBuilder {
        self.request(Method::POST, PATH).bearer_auth(token).json(body)
    }

    /// Sent and stored.
    async fn say(&self, token: &str, body: Json) {
        let answer = self.feedback(token, &body).send().await.expect("an answer");
        assert_eq!(answer.status(), 201, "{body}");
    }

    async fn inbox(&self) -> Vec<Feedback> {
        let by = Principal::command_line().people_reader().expect("may");
        let filter = FeedbackFilter { limit: 100, ..FeedbackFilter::default() };
        self.store.list_feedback(&by, &environment_key("production"), &filter).await.expect("reads")
    }

    async fn seen_page(&self, cookie: &str, path: &str) -> (u16, String) {
        let request = self.request(Method::GET, path).header("Cookie", cookie).header("Accept", "text/html");
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }
}

async fn problem(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body: Json = answer.json().await.expect("JSON");
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("detail"))
}

#[tokio::test]
async fn feedback_is_stored_with_what_the_subject_had() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.boolean_flag("seen").await;
    app.vip_agencies().await;
    app.person("ada", json!({"tier": "vip"})).await;
    app.rules("pay", json!([group("vip-agencies"), everyone(0)])).await;
    let exposure = Exposure {
        subject: "ada".parse().expect("a key"),
        flag: "seen".parse().expect("a key"),
        variant: "on".parse().expect("a key"),
        revision: 2,
        rule: None,
        arm: None,
        at_ms: NOW_MS - 1000,
    };
    let environment = environment_key("production");
    let delivery =
        Delivery { environment, sender: engine::Sender::Server, exposures: vec![exposure], ids: Vec::new() };
    app.store.record_exposures(&[delivery]).await.expect("written");
    let body = json!({
        "id": "f-1", "subject": "ada", "rating": 2, "completed": "partly", "duration_s": 12.5,
        "kinds": ["slow", "broken", "slow"], "comment": " The form\r\n<b>hangs</b>\u{7} ", "page": "/pay",
        "flag": "pay", "time": "2027-01-15T08:00:00Z",
    });
    app.say(&app.client_token().await, body).await;
    let items = app.inbox().await;
    let item = &items[0];
    assert_eq!(item.comment, "The form\n<b>hangs</b>");
    assert_eq!((item.rating.map(i64::from), item.duration_ms), (Some(2), Some(12_500)));
    assert_eq!(item.kinds.len(), 2);
    assert_eq!((item.at_ms, item.received_ms), (NOW_MS, NOW_MS));
    let saw: Vec<_> = item.saw.iter().map(|it| (it.flag.as_str(), it.variant.as_str(), it.seen)).collect();
    assert_eq!(saw, [("pay", "on", false), ("seen", "on", true)]);
    assert_eq!(item.saw[0].group.as_ref().map(engine::GroupKey::as_str), Some("vip-agencies"));
}

#[tokio::test]
async fn the_same_id_is_taken_once() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    let body = json!({"id": "same", "subject": "ada", "rating": 5});
    for (status, duplicate) in [(201, false), (200, true), (200, true)] {
        let answer = app.feedback(&token, &body).send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let answer: Json = answer.json().await.expect("JSON");
        assert_eq!(answer["duplicate"], duplicate);
    }
    assert_eq!(app.inbox().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_is_named() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    let with = |name: &str, value: Json| {
        let mut body = json!({"subject": "ada", "rating": 4});
        body[name] = value;
        body.to_string()
    };
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("nothing", String::new(), 400, "EOF"),
        ("not JSON", "{".into(), 400, "EOF"),
        ("a list", "[]".into(), 400, ""),
        ("depth", "[".repeat(10_000), 400, ""),
        ("no subject", json!({"rating": 4}).to_string(), 400, "subject"),
        ("an empty subject", with("subject", json!("")), 422, "subject"),
        ("a subject with a line break", with("subject", json!("a\nb")), 422, "subject"),
        ("a long subject", with("subject", json!("x".repeat(300))), 422, "subject"),
        ("an unknown field", with("stars", json!(4)), 400, "stars"),
        ("a field twice", "{\"subject\":\"a\",\"subject\":\"b\",\"rating\":1}".into(), 400, "duplicate"),
        ("rating 0", with("rating", json!(0)), 422, "1 to 5"),
        ("rating 6", with("rating", json!(6)), 422, "1 to 5"),
        ("half a rating", with("rating", json!(4.5)), 400, ""),
        ("an unknown answer", with("completed", json!("maybe")), 422, "completed"),
        ("an unknown kind", with("kinds", json!(["ugly"])), 422, "kinds"),
        ("a negative duration", with("duration_s", json!(-1)), 422, "duration_s"),
        ("a duration of weeks", with("duration_s", json!(1e7)), 422, "seconds"),
        ("no flag key", with("flag", json!("a b")), 422, "flag"),
        ("no time", with("time", json!("soon")), 422, "time"),
        ("a time to come", with("time", json!(NOW_MS + 3_600_000)), 422, "time"),
        ("a time long ago", with("time", json!(0)), 422, "time"),
        ("a long comment", with("comment", json!("x".repeat(4001))), 422, "4000"),
        ("a long page", with("page", json!("x".repeat(501))), 422, "500"),
        ("a long id", with("id", json!("x".repeat(101))), 422, "id"),
        ("nothing told", json!({"subject": "ada", "comment": " \n "}).to_string(), 422, "something"),
        ("100 kB", with("comment", json!("x".repeat(100_000))), 413, "large"),
    ];
    for (name, body, status, says) in cases {
        let answer = app.request(Method::POST, PATH).bearer_auth(&token).body(body).send().await.expect(name);
        let (answered, _, detail) = problem(answer).await;
        assert_eq!(answered, status, "{name}: {detail}");
        assert!(detail.contains(says), "{name}: {detail}");
    }
    assert!(app.inbox().await.is_empty());
    let longest = json!({"subject": "ada", "comment": "\u{1f680}".repeat(4000), "page": "/".repeat(500)});
    app.say(&token, longest).await;
}

#[tokio::test]
async fn only_tokens_of_applications_send_feedback() {
    let app = TestApp::start().await;
    let body = json!({"subject": "ada", "rating": 5});
    let unknown = app.feedback("fdr_server_production_guess", &body).send().await.expect("an answer");
    assert_eq!(problem(unknown).await.0, 401);
    let manager = app.management_token(Role::Admin).await;
    assert_eq!(problem(app.feedback(&manager, &body).send().await.expect("an answer")).await.0, 403);
    let (status, _) = app.rest(&manager, Method::DELETE, PATH, None).await;
    assert_eq!(status, 405);
}

#[tokio::test]
async fn a_page_sends_feedback_when_its_origin_is_allowed() {
    let app = TestApp::start().await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    let body = json!({"subject": "ada", "rating": 5});
    for (token, origin, status, readable) in
        [(&client, SHOP, 201, true), (&client, "https://evil.test", 403, false), (&server, SHOP, 201, false)]
    {
        let answer = app.feedback(token, &body).header("Origin", origin).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{origin}");
        let allowed = answer.headers().get("access-control-allow-origin").and_then(|it| it.to_str().ok());
        assert_eq!(allowed, readable.then_some(origin));
    }
    let bad = app.feedback(&client, &json!({})).header("Origin", SHOP).send().await.expect("an answer");
    assert_eq!(bad.headers()["access-control-allow-origin"], SHOP, "the page can read why");
    let preflight = app.request(Method::OPTIONS, PATH).header("Origin", SHOP);
    let preflight =
        preflight.header("Access-Control-Request-Method", "POST").send().await.expect("an answer");
    assert_eq!(preflight.status(), 204);
}

#[tokio::test]
async fn an_address_and_a_token_have_their_allowance() {
    let three = NonZeroU32::new(3).expect("not zero");
    let app = TestApp::start_with(Config {
        feedback_per_minute: NonZeroU32::new(5).expect("not zero"),
        feedback_per_address_per_minute: three,
        ..Config::default()
    })
    .await;
    let (client, server) = (app.client_token().await, app.server_token().await);
    let body = json!({"subject": "ada", "rating": 5});
    for _ in 0..3 {
        app.say(&client, body.clone()).await;
    }
    let refused = app.feedback(&client, &body).header("Origin", SHOP).send().await.expect("an answer");
    let seconds: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers()["access-control-allow-origin"], SHOP);
    let (status, code, detail) = problem(refused).await;
    assert_eq!((status, code.as_str()), (429, "too_many_requests"), "{detail}");
    let another = app.token(TokenKind::Client, "production", &["*"]).await;
    let refused = app.feedback(&another, &body).send().await.expect("an answer");
    assert_eq!(refused.status(), 429, "another token does not help an address");
    for _ in 0..5 {
        app.say(&server, body.clone()).await;
    }
    let refused = app.feedback(&server, &body).send().await.expect("an answer");
    assert_eq!(refused.status(), 429, "a backend is counted by its token");
}

#[tokio::test]
async fn a_full_day_says_until_when() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.say(&token, json!({"subject": "ada", "rating": 5})).await;
    let fill = format!("UPDATE feedback_days SET arrived = {}", store::limits::FEEDBACK_PER_DAY_MAX);
    app.sql(&fill).await;
    let answer =
        app.feedback(&token, &json!({"subject": "ada", "rating": 5})).send().await.expect("an answer");
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(problem(answer).await.0, 429);
    assert_eq!(app.inbox().await.len(), 1);
}

#[tokio::test]
async fn the_inbox_is_for_those_who_may_look_people_up() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let comment = "<script>alert('x')</script> مرحبا 🚀";
    let body = json!({"subject": "<img src=x>", "rating": 1, "comment": comment, "flag": "pay", "page": "\"><b id=evil>"});
    app.say(&app.server_token().await, body).await;
    let (support, viewer) = (app.sign_in(Role::Support).await, app.sign_in(Role::Viewer).await);
    for path in ["/feedback", "/flags/pay/feedback", "/feedback/1"] {
        let (status, html) = app.seen_page(&support, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(html.contains("&lt;script&gt;alert('x')&lt;/script&gt; مرحبا 🚀"), "{path}: {html}");
        for markup in ["<script>alert", "<img src=x", "<b id=evil>"] {
            assert!(!html.contains(markup), "{path}: {markup}");
        }
    }
    for path in ["/feedback", "/flags/pay/feedback"] {
        let (status, html) = app.seen_page(&viewer, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(html.contains("By variant") && !html.contains("alert("), "{path}");
    }
    assert_eq!(app.seen_page(&viewer, "/feedback/1").await.0, 403);
    assert_eq!(app.seen_page(&viewer, "/feedback/new").await.0, 403);
    assert_eq!(app.seen_page(&support, "/feedback/999").await.0, 404);
    assert_eq!(app.seen_page(&support, "/feedback/x").await.0, 404);
    let odd =
        "/feedback?rating=9&kind=x&state=%F0%9F%9A%80&from=soon&who=-&before=a&days=999999&variant=%3Cb%3E";
    let (status, html) = app.seen_page(&support, odd).await;
    assert_eq!(status, 200);
    assert!(html.contains("&lt;script&gt;"), "an old link still shows the inbox");
}

#[tokio::test]
async fn triage_says_what_others_did_meanwhile() {
    let app = TestApp::start().await;
    app.say(&app.server_token().await, json!({"subject": "ada", "rating": 1})).await;
    let cookie = app.sign_in(Role::Support).await;
    let triage = |version: &'static str, state: &'static str, back: &'static str| {
        let fields = [("version", version), ("state", state), ("note", "mine"), ("back", back)];
        app.form("/feedback/1", Some(&cookie), &fields).send()
    };
    let saved = triage("1", "looking", "/feedback?rating=1").await.expect("an answer");
    assert_eq!(saved.status(), 303);
    assert_eq!(saved.headers()["location"], "/feedback?rating=1#feedback-1");
    let late = triage("1", "resolved", "/feedback").await.expect("an answer");
    assert_eq!(late.status(), 409);
    let html = late.text().await.expect("text");
    assert!(html.contains("saved this item while you were editing"), "{html}");
    assert!(html.contains("New → Looking into it"), "{html}");
    let outside = triage("2", "resolved", "https://evil.test/").await.expect("an answer");
    assert_eq!(outside.headers()["location"], "/", "back stays on this site");
    for (version, state, status) in [("x", "new", 422), ("3", "gone", 422)] {
        let fields = [("version", version), ("state", state)];
        let answer = app.form("/feedback/1", Some(&cookie), &fields).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{version} {state}");
    }
}

#[tokio::test]
async fn a_complaint_is_refused_beside_its_field() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Support).await;
    let good =
        [("subject", "ada"), ("at", "2027-01-14T14:10"), ("comment", "Could not pay"), ("kind", "broken")];
    let cases = [
        ("subject", "", "The person’s id must not be empty."),
        ("at", "yesterday", "Write a date and a time like"),
        ("at", "2030-01-01T00:00", "not in the future"),
        ("comment", " ", "Write down what they said."),
    ];
    for (name, value, says) in cases {
        let fields = good.map(|(field, text)| if field == name { (field, value) } else { (field, text) });
        let answer = app.form("/feedback/new", Some(&cookie), &fields).send().await.expect("an answer");
        assert_eq!(answer.status(), 422, "{name}");
        let html = answer.text().await.expect("text");
        assert!(html.contains(says), "{name} {value:?}: {html}");
    }
    let saved = app.form("/feedback/new", Some(&cookie), &good).send().await.expect("an answer");
    assert_eq!(saved.status(), 303);
    let items = app.inbox().await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].at_ms, engine::parse_date_ms("2027-01-14T14:10:00Z").expect("a time"));
}

#[tokio::test]
async fn the_widget_is_for_pages_of_other_sites() {
    let app = TestApp::start().await;
    let answer = app.get("/widget.js").await;
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert!(header("cache-control").contains("max-age"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let etag = header("etag");
    let again = app.request(Method::GET, "/widget.js").header("If-None-Match", etag).send().await;
    assert_eq!(again.expect("an answer").status(), 304);
    let small = app.request(Method::GET, "/widget.js").header("Accept-Encoding", "br").send().await;
    let small = small.expect("an answer");
    assert_eq!(small.headers()["content-encoding"], "br");
    let bytes = small.bytes().await.expect("bytes").len();
    assert!(bytes < 4_600, "the widget is {bytes} bytes with brotli");
    let text = answer.text().await.expect("text");
    for forbidden in ["innerHTML", "eval(", "new Function", "document.write"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
}
