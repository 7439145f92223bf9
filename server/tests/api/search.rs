//! What the palette and its page find: commands, settings and flags by what they do, as far as the role may.

use engine::Flag;
use reqwest::{Method, header};
use serde_json::json;
use store::Role;

use crate::{
    app::{TestApp, editor, environment_key, viewer},
    desk::between,
    fixtures::{boolean, everyone},
};

const RECENT: &str = "fader_recent=";

impl TestApp {
    /// The hits of the search page, as HTML.
    async fn hits(&self, cookie: &str, query: &str) -> String {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let html = self.html(cookie, &format!("/search?q={query}")).await;
        between(&html, "class=\"hits\"", "</ul>").to_owned()
    }

    async fn loyalty(&self) {
        let flag = Flag {
            name: "Loyalty points".into(),
            description: "Collects points for every night booked".into(),
            tags: vec!["checkout".into()],
            ..boolean("loyalty")
        };
        self.store.create_flag(&editor(), flag).await.expect("a flag");
        self.rules("loyalty", json!([everyone(20)])).await;
    }
}

#[tokio::test]
async fn a_command_leads_to_where_somebody_presses_for_themselves() {
    let app = TestApp::start().await;
    app.loyalty().await;
    let (product, viewer_cookie) = (app.sign_in(Role::Product).await, app.sign_in(Role::Viewer).await);
    let hits = app.hits(&product, "stop loyalty").await;
    assert!(hits.contains("href=\"/flags/loyalty?confirm=stop\""), "{hits}");
    assert!(hits.contains("Stop Loyalty points in Production…"), "{hits}");
    let page = app.html(&product, "/flags/loyalty?confirm=stop").await;
    assert!(page.contains("Stop it now"), "{page}");
    let hits = app.hits(&product, "stop loyalty in staging").await;
    assert!(hits.contains("href=\"/flags/loyalty?confirm=stop&amp;env=staging\""), "{hits}");
    let hits = app.hits(&product, "50 % of loyalty").await;
    assert!(hits.contains("href=\"/flags/loyalty?set=everyone%3A50\""), "{hits}");
    let before = app.store.live().seq();
    let page = app.html(&product, "/flags/loyalty?set=everyone%3A50").await;
    assert!(page.contains("name=\"r.everyone.to\"") && page.contains("value=\"50\""), "{page}");
    assert_eq!(app.store.live().seq(), before, "a link changes nothing");
    let key = engine::FlagKey::parse("loyalty").expect("a key");
    let rollout =
        app.store.find_rollout(&viewer(), &environment_key("production"), &key).await.expect("reads");
    assert_eq!(rollout.expect("a rollout").value.rules[0].percentage.to_string(), "20");
    for command in ["stop loyalty", "50 % of loyalty", "roll back loyalty", "enrol", "new flag"] {
        let hits = app.hits(&viewer_cookie, command).await;
        for way in ["confirm=", "set=", "/history", "tab=testers", "/flags/new"] {
            assert!(!hits.contains(way), "{command}: {hits}");
        }
    }
    let hits = app.hits(&viewer_cookie, "health of loyalty").await;
    assert!(hits.contains("href=\"/flags/loyalty/health\""), "{hits}");
}

#[tokio::test]
async fn what_runs_is_stopped_and_what_is_stopped_is_resumed() {
    let app = TestApp::start().await;
    app.loyalty().await;
    let product = app.sign_in(Role::Product).await;
    assert!(!app.hits(&product, "resume loyalty").await.contains("confirm="));
    app.stop_flag("loyalty").await;
    assert!(!app.hits(&product, "stop").await.contains("confirm="));
    let hits = app.hits(&product, "resume loyalty").await;
    assert!(hits.contains("href=\"/flags/loyalty?confirm=resume\""), "{hits}");
}

#[tokio::test]
async fn pages_are_found_by_what_they_are_for() {
    let app = TestApp::start().await;
    app.loyalty().await;
    let (admin, viewer) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Viewer).await);
    let ways = [
        ("webhook", "/settings/webhooks"),
        ("api key", "/settings/tokens"),
        ("password", "/account"),
        ("retention", "/settings/environments"),
        ("traits", "/settings/attributes"),
        ("import people", "/import/people"),
        ("new group", "/groups/new"),
        ("switch to staging", "/?env=staging"),
        ("night booked", "/flags/loyalty"),
        ("checkout", "/flags/loyalty"),
    ];
    for (query, path) in ways {
        let hits = app.hits(&admin, query).await;
        assert!(hits.contains(&format!("href=\"{path}\"")), "{query}: {hits}");
    }
    for query in ["webhook", "api key", "retention", "import people", "new token"] {
        let hits = app.hits(&viewer, query).await;
        assert!(!hits.contains("/settings/") && !hits.contains("/import/"), "{query}: {hits}");
    }
    let hits = app.hits(&viewer, "sign out").await;
    assert!(hits.contains("<button form=\"leave\">"), "{hits}");
    let hits = app.hits(&viewer, "dark").await;
    assert!(hits.contains("<button form=\"theme\" name=\"theme\" value=\"dark\">"), "{hits}");
    let hits = app.hits(&viewer, "?").await;
    assert!(
        hits.contains("Ctrl K") && hits.contains("On a flag's rollout") && !hits.contains("href="),
        "{hits}"
    );
}

#[tokio::test]
async fn what_was_opened_lately_comes_first_and_never_a_person() {
    let app = TestApp::start().await;
    app.loyalty().await;
    let (product, other) = (app.sign_in(Role::Product).await, app.sign_in(Role::Qa).await);
    let opened = async |cookie: &str, path: &str| {
        let answer =
            app.request(Method::GET, path).header(header::COOKIE, cookie).send().await.expect("an answer");
        let set = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut recent = set.filter_map(|it| it.split(';').next()).filter(|it| it.starts_with(RECENT));
        recent.next().map(str::to_owned)
    };
    let recent = opened(&product, "/flags/loyalty/health").await.expect("remembered");
    let both = format!("{product}; {recent}");
    assert_eq!(opened(&both, "/flags/loyalty").await, None, "it is there already");
    assert_eq!(opened(&both, "/people/ada").await, None);
    let recent = opened(&both, "/audit").await.expect("remembered");
    let hits = app.hits(&format!("{product}; {recent}"), "").await;
    let (audit, loyalty) = (hits.find("href=\"/audit\""), hits.find("href=\"/flags/loyalty\""));
    assert!(audit.is_some() && audit < loyalty && loyalty < hits.find("href=\"/groups\""), "{hits}");
    let hits = app.hits(&format!("{other}; {recent}"), "").await;
    assert!(!hits.contains("Opened lately"), "somebody else's: {hits}");
}
