//! Times in the zone of whoever reads and types them; UTC for everybody else.

use reqwest::{Method, header};
use serde_json::json;
use store::{FeedbackFilter, Principal, Role};

use crate::app::{NOW_MS, TestApp};

/// 15 January 2027, 08:00 in UTC.
const BERLIN: &str = "15 Jan 2027, 09:00";

impl TestApp {
    async fn page_in(&self, cookie: &str, path: &str) -> (u16, String) {
        let answer = self.request(Method::GET, path).header(header::COOKIE, cookie).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    async fn choose_zone(&self, cookie: &str, zone: &str) -> (u16, String) {
        let answer = self.form("/account", Some(cookie), &[("do", "zone"), ("zone", zone)]).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }
}

#[tokio::test]
async fn a_member_reads_times_in_the_zone_they_chose_else_in_their_browsers() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let cookie = app.sign_in(Role::Product).await;
    let (_, page) = app.page_in(&cookie, "/audit/1").await;
    assert!(page.contains("15 Jan 2027, 08:00:00 UTC</time>"), "nobody says where they are: {page}");
    let browser = format!("{cookie}; fader_zone=America/New_York");
    let (_, page) = app.page_in(&browser, "/audit/1").await;
    assert!(page.contains("15 Jan 2027, 03:00:00 EST</time>") && page.contains("08:00:00 UTC\""), "{page}");
    let (_, page) = app.page_in(&browser, "/account").await;
    assert!(page.contains("as your browser says: America/New_York."), "{page}");

    let (status, page) = app.choose_zone(&browser, "Europe/Atlantis").await;
    assert!(status == 422 && page.contains("Choose a zone of the list"), "{page}");
    assert!(page.contains("value=\"Europe/Atlantis\""), "what was typed is kept");
    assert_eq!(app.choose_zone(&browser, "europe/berlin").await.0, 303);
    let (_, page) = app.page_in(&browser, "/audit/1").await;
    assert!(page.contains(&format!("{BERLIN}:00 CET</time>")), "theirs comes before the browser's: {page}");
    assert!(!page.contains("data-again"), "and the page is not made again for the browser's");
    let (_, page) = app.page_in(&browser, "/account").await;
    assert!(page.contains("value=\"Europe/Berlin\"") && page.contains("09:00 CET (Europe/Berlin)"), "{page}");
    assert_eq!(app.choose_zone(&browser, "").await.0, 303);
    assert!(app.page_in(&browser, "/audit/1").await.1.contains("03:00:00 EST</time>"));
    let nonsense = format!("{cookie}; fader_zone=Mars/Olympus");
    assert!(app.page_in(&nonsense, "/audit/1").await.1.contains("08:00:00 UTC</time>"));
}

#[tokio::test]
async fn typed_times_are_the_readers_and_what_is_stored_and_linked_is_utc() {
    let app = TestApp::start().await;
    app.person("ada", json!({"name": "Ada"})).await;
    let cookie = format!("{}; fader_zone=Europe/Berlin", app.sign_in(Role::Support).await);
    let (_, page) = app.page_in(&cookie, "/feedback/new?subject=ada").await;
    assert!(page.contains("When it happened (Europe/Berlin)") && page.contains("2027-01-15T09:00"), "{page}");
    for (at, shown) in [
        ("2026-03-01T14%3A10", "2026-03-01T14:10"),
        ("2026-03-01T14%3A10%3A00Z", "2026-03-01T15:10"),
        ("2026-03-01", "2026-03-01T00:00"),
        ("60000", "1970-01-01T01:01"),
    ] {
        let (_, page) = app.page_in(&cookie, &format!("/feedback/new?subject=ada&at={at}")).await;
        assert!(page.contains(&format!("value=\"{shown}\"")), "{at}: {page}");
    }
    let log = async |at: &str| {
        let fields = [("subject", "ada"), ("at", at), ("comment", "The button is gone")];
        let answer = app.form("/feedback/new", Some(&cookie), &fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    };
    let (status, page) = log("2026-03-29T02:30").await;
    assert!(status == 422 && page.contains("02:30 does not exist on 29 Mar 2026 in Europe/Berlin"), "{page}");
    let (status, page) = log("2026-10-25T02:30").await;
    assert!(status == 422 && page.contains("02:30 comes twice on 25 Oct 2026 in Europe/Berlin"), "{page}");
    assert!(
        page.contains("type=\"text\" value=\"2026-10-25T02:30\""),
        "where the answer can be typed: {page}"
    );
    assert_eq!(log("2027-01-15T08:30").await.0, 303);
    let reader = Principal::command_line().people_reader().expect("may");
    let production = crate::app::environment_key("production");
    let all = FeedbackFilter { limit: 10, ..FeedbackFilter::default() };
    let items = app.store.list_feedback(&reader, &production, &all).await.expect("read");
    assert_eq!(items[0].at_ms, NOW_MS - 30 * 60_000);

    let typed = app.request(Method::GET, "/people/ada?at=2027-01-15T08%3A30").header(header::COOKIE, &cookie);
    let answer = typed.send().await.expect("an answer");
    let location = answer.headers()[header::LOCATION].to_str().expect("ascii").to_owned();
    assert_eq!(location, "/people/ada?at=2027-01-15T07%3A30%3A00Z", "a link means one moment");
    let (_, page) = app.page_in(&cookie, &location).await;
    assert!(page.contains("As of (Europe/Berlin)") && page.contains("value=\"2027-01-15T08:30\""), "{page}");
    assert!(page.contains("15 Jan 2027, 08:30 CET"), "{page}");
}

#[tokio::test]
async fn days_in_an_address_name_the_zone_whose_days_they_are() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    let cookie = app.sign_in(Role::Admin).await;
    let tokyo = format!("{cookie}; fader_zone=Asia/Tokyo");
    app.clock.advance(8 * 3_600_000);
    app.boolean_flag("late").await;
    // 16 January, 01:00 in Tokyo.
    let of = async |cookie: &str, query: &str| {
        let (_, page) = app.page_in(cookie, &format!("/audit?from=2027-01-16&{query}")).await;
        (page.contains("change 2") || page.contains("late"), page)
    };
    let (found, page) = of(&tokyo, "zone=Asia%2FTokyo").await;
    assert!(found && page.contains("Until (Asia/Tokyo)"), "{page}");
    let (found, page) = of(&cookie, "zone=Asia%2FTokyo").await;
    assert!(found && page.contains("Until (Asia/Tokyo)"), "the same for whoever gets the link: {page}");
    let (found, page) = of(&tokyo, "").await;
    assert!(!found && page.contains("Until (UTC)"), "links of before mean what they meant: {page}");
}
