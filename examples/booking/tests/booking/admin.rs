//! What the site reports, for partners, for staff, and previews.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::{
    PARTNER_KEY, STAFF, TRIP, VIP,
    site::{TestSite, fast, says},
};

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
    assert_eq!((&asked["subject"], &asked["attributes"]), (&json!("visitor-1"), &json!({"tier": "vip"})));
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
