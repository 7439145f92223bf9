//! The site over a real socket, with a Fader that answers what each test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use booking::{BODY_BYTES_MAX, Calendar, Config, router};
use clap::Parser;
use jiff::civil::date;
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TRIP: &str = "leman.2026-05-14";
const VIP: &str = "ada.moreau";
const STAFF: &str = "sam.staff";
const PARTNER_KEY: &str = "partner-secret";

/// What the stand-in for Fader does when it is asked.
#[derive(Clone)]
enum Behaviour {
    Answers(StatusCode, Value),
    Hangs,
}

/// Evaluations, and the outcomes that were reported.
#[derive(Default)]
struct Asked(Mutex<Vec<(HeaderMap, Value)>>, Mutex<Vec<Value>>);

async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
    addr
}

async fn fake_fader(behaviour: Behaviour) -> (SocketAddr, Arc<Asked>) {
    async fn evaluate(
        State((behaviour, asked)): State<(Behaviour, Arc<Asked>)>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> impl IntoResponse {
        asked.0.lock().expect("the list").push((headers, body));
        match behaviour {
            Behaviour::Answers(status, body) => (status, Json(body)),
            Behaviour::Hangs => std::future::pending().await,
        }
    }
    async fn report(
        State((_, asked)): State<(Behaviour, Arc<Asked>)>,
        Json(body): Json<Value>,
    ) -> impl IntoResponse {
        let events = body["events"].as_array().expect("events").clone();
        asked.1.lock().expect("the list").extend(events);
        StatusCode::ACCEPTED
    }
    let asked = Arc::new(Asked::default());
    let router = Router::new()
        .route("/ofrep/v1/evaluate/flags/fast-payment", post(evaluate))
        .route("/api/v1/events", post(report))
        .with_state((behaviour, asked.clone()));
    (listen(router).await, asked)
}

struct TestSite {
    origin: String,
    client: Client,
    cookie: Option<String>,
    asked: Arc<Asked>,
}

impl TestSite {
    async fn start(behaviour: Behaviour) -> Self {
        let (fader, asked) = fake_fader(behaviour).await;
        Self::start_at(fader, asked).await
    }

    async fn start_with_fader_down() -> Self {
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        Self::start_at(gone, Arc::new(Asked::default())).await
    }

    async fn start_at(fader: SocketAddr, asked: Arc<Asked>) -> Self {
        let fader = format!("http://{fader}");
        let args = [
            "booking",
            "--fader-url",
            &fader,
            "--server-token",
            "server-secret",
            "--client-token",
            "client-public",
            "--partner-key",
            PARTNER_KEY,
        ];
        let config = Config::try_parse_from(args).expect("good arguments");
        let router = router(config, Calendar::Fixed(date(2026, 5, 13))).expect("a router");
        let origin = format!("http://{}", listen(router).await);
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { origin, client, cookie: None, asked }
    }

    async fn signed_in_as(mut self, customer: &str) -> Self {
        let response = self.form("/sign-in", &format!("customer={customer}")).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[header::SET_COOKIE].to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.send(self.client.get(format!("{}{path}", self.origin))).await
    }

    async fn form(&self, path: &str, body: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.origin)).body(body.to_owned());
        self.send(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    async fn pay(&self, payment: &Value) -> (StatusCode, Value) {
        let response = self.send(self.client.post(format!("{}/api/pay", self.origin)).json(payment)).await;
        (response.status(), response.json().await.expect("JSON"))
    }

    fn asked(&self) -> Vec<(HeaderMap, Value)> {
        self.asked.0.lock().expect("the list").clone()
    }
}

fn says(value: &Value) -> Behaviour {
    Behaviour::Answers(
        StatusCode::OK,
        json!({ "key": "fast-payment", "value": value, "reason": "SPLIT", "variant": "on" }),
    )
}

fn fast() -> Value {
    json!({ "trip": TRIP, "travellers": 2, "method": { "type": "fast" } })
}

fn card() -> Value {
    let method = json!({ "type": "card", "name": "Ada", "number": "4242 4242 4242 4242", "expiry": "08/29", "cvc": "123" });
    json!({ "trip": TRIP, "travellers": 1, "method": method })
}

#[tokio::test]
async fn fast_payment_is_taken_when_fader_says_yes_for_this_customer() {
    let site = TestSite::start(says(&json!(true))).await.signed_in_as(VIP).await;
    let (status, paid) = site.pay(&fast()).await;
    assert_eq!(
        (status, &paid["method"], &paid["total_cents"]),
        (StatusCode::CREATED, &json!("fast"), &json!(18_300))
    );

    let page = site.get(&format!("/bookings/{}", paid["reference"].as_str().expect("a reference"))).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.expect("text").contains("Fast payment, card ending in 4242"));

    let (headers, body) = site.asked().remove(0);
    assert_eq!(headers[header::AUTHORIZATION], "Bearer server-secret");
    assert_eq!(body["context"]["targetingKey"], VIP);
    assert_eq!(body["context"]["tier"], "vip");
}

#[tokio::test]
async fn calling_the_api_by_hand_without_the_feature_is_forbidden() {
    let site = TestSite::start(says(&json!(false))).await.signed_in_as(VIP).await;
    let (status, answer) = site.pay(&fast()).await;
    assert_eq!((status, &answer["error"]), (StatusCode::FORBIDDEN, &json!("fast_payment_off")));
    assert!(answer["message"].as_str().expect("a sentence").contains("Nothing was charged"));
    assert!(
        !site.get("/bookings").await.text().await.expect("text").contains("/bookings/"),
        "nothing was booked"
    );
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_saying_so() {
    let site = TestSite::start(says(&json!(true))).await;
    let (status, answer) = site.pay(&fast()).await;
    assert_eq!((status, &answer["error"]), (StatusCode::UNAUTHORIZED, &json!("signed_out")));

    let site = site.signed_in_as("marta.kowalska").await;
    let mut claim = fast();
    claim["customer"] = json!(VIP);
    assert_eq!(site.pay(&claim).await.0, StatusCode::UNPROCESSABLE_ENTITY, "an unknown field is no identity");
    assert!(site.asked().is_empty(), "Fader is asked about nobody before the request is sound");
}

#[tokio::test]
async fn without_fader_fast_payment_is_denied_and_the_card_still_works() {
    let site = TestSite::start_with_fader_down().await.signed_in_as(VIP).await;
    let (status, answer) = site.pay(&fast()).await;
    assert_eq!((status, &answer["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("fast_payment_unknown")));
    assert_eq!(site.pay(&card()).await.0, StatusCode::CREATED);
    assert_eq!(site.get(&format!("/trips/{TRIP}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_fader_that_hangs_holds_a_payment_up_for_a_moment_only() {
    let site = TestSite::start(Behaviour::Hangs).await.signed_in_as(VIP).await;
    let started = Instant::now();
    assert_eq!(site.pay(&fast()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn whatever_is_no_plain_yes_is_denied() {
    let answers = [
        (says(&json!("true")), StatusCode::SERVICE_UNAVAILABLE),
        (says(&json!({})), StatusCode::SERVICE_UNAVAILABLE),
        (Behaviour::Answers(StatusCode::OK, json!({ "key": "fast-payment" })), StatusCode::FORBIDDEN),
        (
            Behaviour::Answers(StatusCode::NOT_FOUND, json!({ "errorCode": "FLAG_NOT_FOUND" })),
            StatusCode::FORBIDDEN,
        ),
        (Behaviour::Answers(StatusCode::UNAUTHORIZED, json!({})), StatusCode::SERVICE_UNAVAILABLE),
        (Behaviour::Answers(StatusCode::TOO_MANY_REQUESTS, json!({})), StatusCode::SERVICE_UNAVAILABLE),
        (Behaviour::Answers(StatusCode::FOUND, json!({ "value": true })), StatusCode::SERVICE_UNAVAILABLE),
        (
            Behaviour::Answers(StatusCode::OK, json!({ "value": true, "pad": "x".repeat(70_000) })),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ];
    for (behaviour, expected) in answers {
        let site = TestSite::start(behaviour).await.signed_in_as(VIP).await;
        assert_eq!(site.pay(&fast()).await.0, expected);
    }
}

#[tokio::test]
async fn bad_payments_get_a_clear_answer_in_json() {
    let site = TestSite::start(says(&json!(true))).await.signed_in_as(VIP).await;
    let cases = [
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY, "unreadable"),
        (json!([]), StatusCode::UNPROCESSABLE_ENTITY, "unreadable"),
        (
            json!({ "trip": TRIP, "travellers": -1, "method": { "type": "fast" } }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "unreadable",
        ),
        (
            json!({ "trip": TRIP, "travellers": 1, "method": { "type": "gift" } }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "unreadable",
        ),
        (
            json!({ "trip": TRIP, "travellers": 1, "method": { "type": "fast", "x": 1 } }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "unreadable",
        ),
        (
            json!({ "trip": TRIP, "travellers": 0, "method": { "type": "fast" } }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "travellers",
        ),
        (
            json!({ "trip": "leman.2020-01-01", "travellers": 1, "method": { "type": "fast" } }),
            StatusCode::NOT_FOUND,
            "no_such_trip",
        ),
        (
            json!({ "trip": TRIP, "travellers": 1, "method": { "type": "card", "number": "1" } }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "card",
        ),
        (json!({ "trip": "x".repeat(BODY_BYTES_MAX) }), StatusCode::PAYLOAD_TOO_LARGE, "unreadable"),
    ];
    for (payment, status, error) in cases {
        let (answered, answer) = site.pay(&payment).await;
        assert_eq!((answered, &answer["error"]), (status, &json!(error)));
        assert!(answer["message"].is_string());
    }
    for (kind, body, status) in [
        ("application/json", "{", StatusCode::BAD_REQUEST),
        ("application/json", "\u{0}", StatusCode::BAD_REQUEST),
        ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = site.client.post(format!("{}/api/pay", site.origin)).body(body);
        assert_eq!(site.send(request.header(header::CONTENT_TYPE, kind)).await.status(), status, "{body:?}");
    }
    assert_eq!(site.get("/api/pay").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_card_form_works_without_any_script() {
    let site = TestSite::start_with_fader_down().await.signed_in_as(VIP).await;
    let path = format!("/trips/{TRIP}");
    let refused = site.form(&path, "travellers=2&name=Ada%20%3Cb%3E&number=1&expiry=08%2F29&cvc=123").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.expect("text");
    assert!(page.contains("This is no card number"));
    assert!(page.contains("value=\"Ada &lt;b&gt;\""), "what was typed is kept, and escaped");

    let paid = site.form(&path, "travellers=2&name=Ada&number=4242424242424242&expiry=08%2F29&cvc=123").await;
    assert_eq!(paid.status(), StatusCode::SEE_OTHER);
    let booking = paid.headers()[header::LOCATION].to_str().expect("text").to_owned();
    assert!(site.get(&booking).await.text().await.expect("text").contains("Card ending in 4242"));

    let stranger = site.signed_in_as("marta.kowalska").await;
    assert_eq!(
        stranger.get(&booking).await.status(),
        StatusCode::NOT_FOUND,
        "a booking is its customer's own"
    );
}

#[tokio::test]
async fn pages_are_closed_to_strangers_and_odd_addresses_are_not_found() {
    let site = TestSite::start_with_fader_down().await;
    for path in ["/bookings", "/bookings/ABCDEF", &format!("/trips/{TRIP}")] {
        assert_eq!(site.get(path).await.status(), StatusCode::SEE_OTHER, "{path}");
    }
    assert_eq!(site.form("/sign-in", "customer=nobody").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.form("/sign-in", "%ff").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let site = site.signed_in_as(VIP).await;
    for path in
        ["/nowhere", "/trips/leman.2020-01-01", "/trips/%ff", "/assets/..%2FCargo.toml", "/bookings/X"]
    {
        let status = site.get(path).await.status();
        assert!(status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST, "{path}: {status}");
    }
    for path in
        ["/?date=never&travellers=999&from=%3Cb%3E", "/?from=Lyon&to=Marseille&date=2026-05-20", "/?a=%ff"]
    {
        let page = site.get(path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert!(!page.text().await.expect("text").contains("<b>"));
    }
}

#[tokio::test]
async fn every_page_carries_the_security_headers_and_only_the_public_token() {
    let site = TestSite::start(says(&json!(true))).await.signed_in_as(VIP).await;
    let page = site.get(&format!("/trips/{TRIP}?travellers=3")).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
    assert!(
        policy.contains("script-src 'self' http://127.0.0.1:")
            && policy.contains("connect-src 'self' http://127.0.0.1:")
    );
    assert_eq!(page.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let page = page.text().await.expect("text");
    assert!(page.contains("client-public") && !page.contains("server-secret"));
    assert!(page.contains("data-customer=\"ada.moreau\"") && !page.contains("style=\""));
}

impl TestSite {
    /// The outcomes that were reported, once there are as many as this.
    async fn reported(&self, count: usize) -> Vec<Value> {
        for _ in 0..200 {
            let reported = self.asked.1.lock().expect("the list").clone();
            if reported.len() >= count {
                return reported;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} outcomes never came");
    }

    async fn check_out(&self, key: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}/api/partner/checkout", self.origin));
        request.bearer_auth(key).json(body).send().await.expect("an answer")
    }
}

#[tokio::test]
async fn what_came_of_a_payment_is_reported_to_fader() {
    let site = TestSite::start(says(&json!(true))).await.signed_in_as(VIP).await;
    assert_eq!(site.pay(&fast()).await.0, StatusCode::CREATED);
    let reported = site.reported(3).await;
    let metrics: Vec<_> = reported.iter().map(|it| it["metric"].as_str().expect("a metric")).collect();
    assert_eq!(metrics, ["error_rate", "latency", "conversion"]);
    for outcome in &reported {
        assert_eq!(
            (&outcome["type"], &outcome["subject"], &outcome["ok"]),
            (&json!("outcome"), &json!(VIP), &json!(true))
        );
        assert!(outcome["id"].as_str().is_some_and(|id| id.len() == 32));
    }
}

#[tokio::test]
async fn a_partner_books_with_the_key_and_nobody_without() {
    let site = TestSite::start(says(&json!(true))).await;
    let body = json!({"customer": {"id": "visitor-1", "tier": "vip"}, "trip": TRIP});
    assert_eq!(site.check_out("wrong", &body).await.status(), StatusCode::UNAUTHORIZED);
    assert!(site.asked().is_empty());
    let answer: Value = site.check_out(PARTNER_KEY, &body).await.json().await.expect("JSON");
    assert_eq!(answer["method"], "fast");
    let (_, asked) = &site.asked()[0];
    assert_eq!(asked["context"], json!({"targetingKey": "visitor-1", "tier": "vip"}));
    assert!(!site.reported(1).await.is_empty());
    let nowhere = json!({"customer": {"id": "visitor-1"}, "trip": "nowhere"});
    assert_eq!(site.check_out(PARTNER_KEY, &nowhere).await.status(), StatusCode::NOT_FOUND);
    let nobody = json!({"customer": {"id": ""}, "trip": TRIP});
    assert_eq!(site.check_out(PARTNER_KEY, &nobody).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn staff_break_fast_payment_and_mend_it() {
    let site = TestSite::start(says(&json!(true))).await.signed_in_as(STAFF).await;
    assert!(site.get("/").await.text().await.expect("a page").contains("Admin corner"));
    assert_eq!(site.form("/admin", "trouble=fire").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.form("/admin", "trouble=errors").await.status(), StatusCode::SEE_OTHER);
    let mut refused = 0;
    for _ in 0..40 {
        let (status, body) = site.pay(&fast()).await;
        if status == StatusCode::BAD_GATEWAY {
            assert_eq!(body["error"], "bank_refused");
            refused += 1;
        }
    }
    assert!(refused > 0, "one in four fails: 40 in a row do not all work");
    assert!(site.reported(80).await.iter().any(|it| it["metric"] == "error_rate" && it["ok"] == false));
    site.form("/admin", "trouble=none").await;
    for _ in 0..20 {
        assert_eq!(site.pay(&fast()).await.0, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn the_admin_corner_is_for_staff() {
    let stranger = TestSite::start(says(&json!(true))).await;
    assert_eq!(stranger.get("/admin").await.status(), StatusCode::SEE_OTHER);
    let agent = stranger.signed_in_as(VIP).await;
    assert_eq!(agent.get("/admin").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(agent.form("/admin", "trouble=errors").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_preview_is_kept_and_passed_on_while_it_holds() {
    // A day in the year 2096: the site itself looks at the clock.
    const TOKEN: &str = "4000000000000.abc.d-f_";
    let mut site = TestSite::start(says(&json!(true))).await.signed_in_as(VIP).await;
    let opened = site.get(&format!("/?from=Geneva&preview={TOKEN}")).await;
    assert_eq!(opened.status(), StatusCode::SEE_OTHER);
    assert_eq!(opened.headers()[header::LOCATION], "/?from=Geneva");
    let cookie = opened.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("Max-Age="), "{cookie}");
    let kept = cookie.split(';').next().expect("a pair");
    site.cookie = Some(format!("{}; {kept}", site.cookie.expect("signed in")));
    let html = site.get("/").await.text().await.expect("a page");
    assert!(html.contains("<strong>Preview</strong>") && html.contains(TOKEN), "{html}");
    site.pay(&fast()).await;
    assert_eq!(site.asked()[0].0["x-fader-preview"], TOKEN);
    let over = site.get("/?preview=1000.abc.def").await;
    assert!(!over.headers().contains_key(header::SET_COOKIE), "one that is over is not kept");
}
