//! The site over a real socket, with a Fader that answers what each test wants.

mod admin;
mod site;

use std::time::{Duration, Instant};

use booking::BODY_BYTES_MAX;
use reqwest::{StatusCode, header};
use serde_json::json;

use site::{Behaviour, TestSite, card, fast, says};

const TRIP: &str = "leman.2026-05-14";
const VIP: &str = "ada.moreau";
const STAFF: &str = "sam.staff";
const PARTNER_KEY: &str = "partner-secret";

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
    assert_eq!((&body["subject"], &body["flag"]), (&json!(VIP), &json!("fast-payment")));
    assert_eq!(body["attributes"]["tier"], "vip");
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
        (Behaviour::Answers(StatusCode::OK, json!({ "reason": "SPLIT" })), StatusCode::SERVICE_UNAVAILABLE),
        (
            Behaviour::Answers(StatusCode::NOT_FOUND, json!({ "allowed": true })),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (Behaviour::Answers(StatusCode::UNAUTHORIZED, json!({})), StatusCode::SERVICE_UNAVAILABLE),
        (Behaviour::Answers(StatusCode::TOO_MANY_REQUESTS, json!({})), StatusCode::SERVICE_UNAVAILABLE),
        (Behaviour::Answers(StatusCode::FOUND, json!({ "allowed": true })), StatusCode::SERVICE_UNAVAILABLE),
        (
            Behaviour::Answers(StatusCode::OK, json!({ "allowed": true, "pad": "x".repeat(70_000) })),
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
