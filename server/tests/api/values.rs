//! Values arrive as they were sent, whichever door they come through: whole numbers to the last digit, texts as texts, and
//! what nobody touched as it was.

use engine::position;
use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::app::{NOW_MS, TestApp};

const DAY_MS: i64 = 24 * 3_600_000;

/// Beyond 2^53, where floats have gaps.
const BEYOND: i64 = 9_007_199_254_740_993;

impl TestApp {
    /// A flag for whoever meets the test.
    async fn flag_for(&self, flag: &str, test: Json) {
        self.boolean_flag(flag).await;
        let audience = json!({"matching": {"groups": [], "condition": {"test": test}}});
        self.rules(flag, json!([{"id": "r", "audience": audience, "percentage": 100_000}])).await;
    }

    async fn is_on(&self, token: &str, flag: &str, context: Json) -> bool {
        self.decision(token, flag, context).await["value"] == json!(true)
    }
}

#[tokio::test]
async fn a_whole_number_in_a_context_matches_itself_and_not_its_neighbour() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    let list =
        json!({"attribute": "account", "operator": {"one_of": ["9007199254740992", "18446744073709551615"]}});
    app.flag_for("listed", list).await;
    app.flag_for("equal", json!({"attribute": "account", "operator": {"number_equals": BEYOND}})).await;
    for (account, listed, equal) in [
        (json!(BEYOND), false, true),
        (json!(BEYOND - 1), true, false),
        (json!(BEYOND + 1), false, false),
        (json!(u64::MAX), true, false),
        (json!([1, BEYOND - 1]), true, false),
        (json!("9007199254740993"), false, true),
    ] {
        let context = json!({"targetingKey": "u-1", "account": account});
        assert_eq!(app.is_on(&token, "listed", context.clone()).await, listed, "{account}");
        assert_eq!(app.is_on(&token, "equal", context).await, equal, "{account}");
    }
}

#[tokio::test]
async fn neighbouring_tenants_are_drawn_one_by_one() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.boolean_flag("drawn").await;
    let by_tenant = json!([{"id": "r", "audience": "everyone", "percentage": 50_000, "bucket_by": {"attribute": "tenant"}}]);
    let mut seed = String::new();
    app.change_rollout("production", "drawn", |rollout| {
        rollout.rules = serde_json::from_value(by_tenant).expect("rules");
        seed.clone_from(&rollout.seed);
    })
    .await;
    let mut inside = 0;
    for tenant in BEYOND..BEYOND + 40 {
        let wanted = position(&seed, &tenant.to_string()).get() < 50_000;
        let context = json!({"targetingKey": "u-1", "tenant": tenant});
        assert_eq!(app.is_on(&token, "drawn", context).await, wanted, "{tenant}");
        inside += usize::from(wanted);
    }
    assert!((5..=35).contains(&inside), "{inside} of 40 at 50 %");
}

#[tokio::test]
async fn traits_come_back_over_rest_as_they_were_sent() {
    let app = TestApp::start().await;
    let manager = app.workspace_token(Role::Admin).await;
    let sent = r#"{"account":9007199254740993,"half":0.5,"last":18446744073709551615,"n":12,"zip":"00501"}"#;
    let traits: Json = serde_json::from_str(sent).expect("JSON");
    let put = app.rest(&manager, Method::PUT, "/api/v1/people/u-1", Some(json!({"traits": traits}))).await;
    assert_eq!(put.0, 200, "{}", put.1);
    let (_, answer) =
        app.rest(&manager, Method::GET, "/api/v1/people/u-1?environment=production", None).await;
    assert_eq!(answer["traits"].to_string(), sent);
    let again = app.rest(&manager, Method::PUT, "/api/v1/people/u-1", Some(json!({"traits": traits}))).await;
    assert_eq!(again.1["unchanged"], 1);
}

/// The fields of the form of traits, as a browser sends them.
fn fields(page: &str) -> Vec<(String, String)> {
    let form = page.split("class=\"person-edit\"").nth(1).expect("the form");
    let form = form.split("</form>").next().expect("its end");
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        let plain = value.replace("&quot;", "\"").replace("&#x27;", "'").replace("&#39;", "'");
        Some(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    };
    let tags = form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}

#[tokio::test]
async fn saving_the_form_of_a_person_rewrites_nothing_that_was_not_touched() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    app.flag_for("norway", json!({"attribute": "phone", "operator": {"starts_with": "+47"}})).await;
    app.person(
        "ada",
        json!({"zip": "00501", "phone": "+4712345678", "account": "9007199254740993", "id": BEYOND, "said": "true",
            "quoted": "\"x\"", "marks": "<&'>", "list": ["a, b", "c"], "tier": "vip"}),
    )
    .await;
    let stored = || {
        let people = app.store.live().people();
        serde_json::to_value(people.traits("ada").expect("known")).expect("JSON")
    };
    let before = stored();
    let page =
        app.request(Method::GET, "/people/ada").header("Cookie", &cookie).send().await.expect("a page");
    let mut fields = fields(&page.text().await.expect("a text"));
    let save = async |fields: &[(String, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let fields = [&fields[..], &[("intent", "traits")]].concat();
        app.form("/people/ada", Some(&cookie), &fields).send().await.expect("an answer").status()
    };
    assert_eq!(save(&fields).await, 303);
    assert_eq!(stored(), before, "nothing was touched");

    let zip = fields.iter().position(|(name, value)| name == "a" && value == "zip").expect("the field");
    assert_eq!(fields[zip + 2], ("v".to_owned(), "00501".to_owned()));
    fields[zip + 2].1 = "00502".to_owned();
    assert_eq!(save(&fields).await, 303);
    let mut wanted = before;
    wanted["zip"] = json!("00502");
    assert_eq!(stored(), wanted, "and only what was touched changed");
    let token = app.server_token().await;
    assert!(app.is_on(&token, "norway", json!({"targetingKey": "ada"})).await, "no flag flipped");
}

#[tokio::test]
async fn a_key_with_characters_that_nobody_sees_is_no_second_person() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    let manager = app.workspace_token(Role::Admin).await;
    app.flag_for("vip", json!({"attribute": "tier", "operator": {"equals": "vip"}})).await;
    for id in ["ada.moreau", "%E2%80%8Bada.moreau", "%E2%80%AAada.moreau%E2%80%AC"] {
        let path = format!("/api/v1/people/{id}");
        let put = app.rest(&manager, Method::PUT, &path, Some(json!({"traits": {"tier": "vip"}}))).await;
        assert_eq!(put.0, 200, "{id}: {}", put.1);
    }
    assert_eq!(app.store.live().people().len(), 1);
    for key in ["ada.moreau", "\u{200b}ada.moreau", "\u{202a}ada.moreau\u{202c}"] {
        assert!(app.is_on(&token, "vip", json!({"targetingKey": key})).await, "{key:?}");
    }
    let nobody =
        app.rest(&manager, Method::PUT, "/api/v1/people/%E2%80%8B", Some(json!({"traits": {}}))).await;
    assert_eq!(nobody.0, 422, "{}", nobody.1);
}

#[tokio::test]
async fn try_it_says_what_was_found_and_what_was_expected() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Product).await;
    app.flag_for("newer", json!({"attribute": "client", "operator": {"version_below": "2.10.0"}})).await;
    let ask = async |query: &str| {
        let path = format!("/flags/newer/try?subject=u-1&{query}");
        let page = app.request(Method::GET, &path).header("Cookie", &cookie).send().await.expect("a page");
        page.text().await.expect("a text")
    };
    assert!(ask("a=client&v=latest").await.contains("a text, where a version like 2.10.0 is expected"));
    assert!(ask("a=client&v=V2.9").await.contains("Gets"));
    let nested = ask("json=%7B%22client%22%3A%7B%22version%22%3A%222.9%22%7D%7D").await;
    assert!(nested.contains("the object “client” that was sent is not looked into"), "{nested}");
}

#[tokio::test]
async fn what_follows_the_clock_changes_without_a_change_and_answers_that_are_kept_soon_after() {
    let app = TestApp::start().await;
    let token = app.server_token().await;
    app.flag_for("newcomers", json!({"attribute": "since", "operator": {"after": "30 days ago"}})).await;
    let context = json!({"targetingKey": "u-1", "since": NOW_MS - 30 * DAY_MS + 1});
    let kept = app.evaluate_all(&token, &context).send().await.expect("an answer");
    let etag = kept.headers()["etag"].to_str().expect("text").to_owned();
    assert!(app.is_on(&token, "newcomers", context.clone()).await);
    app.clock.advance(1);
    assert!(!app.is_on(&token, "newcomers", context.clone()).await, "counted in milliseconds");
    app.clock.advance(engine::CLOCK_STEP_MS);
    let again =
        app.evaluate_all(&token, &context).header("If-None-Match", &etag).send().await.expect("an answer");
    assert_eq!(again.status(), 200, "what was kept holds no longer");
    let bulk: Json = again.json().await.expect("JSON");
    assert_eq!(bulk["flags"][0]["value"], json!(false));
}
