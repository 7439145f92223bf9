//! The desk as HTML: what needs somebody, a page of flags at a time, and where one is.

use engine::{Flag, FlagKey, Lifecycle};
use reqwest::Method;
use serde_json::json;
use store::Role;

use crate::{
    app::{TestApp, editor},
    fixtures::{boolean, everyone},
};

const DAY_MS: i64 = 24 * 3_600_000;

impl TestApp {
    /// A page that has to be there.
    pub async fn html(&self, cookie: &str, path: &str) -> String {
        let answer = self.request(Method::GET, path).header("Cookie", cookie).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a page")
    }

    /// A flag that somebody owns and nobody has.
    async fn owned_flag(&self, key: &str) {
        let flag = Flag { owner: "Payments".into(), ..boolean(key) };
        self.store.create_flag(&editor(), flag).await.expect("a flag");
    }

    async fn edit(&self, key: &str, change: impl FnOnce(&mut Flag)) {
        let (by, key) = (editor(), FlagKey::parse(key).expect("a key"));
        let found = self.store.find_flag(&by.viewer(), &key).await.expect("reads").expect("a flag");
        let mut flag = found.value;
        change(&mut flag);
        self.store.update_flag(&by, found.version, flag, "").await.expect("saved");
    }
}

/// The part of a page between two texts.
pub fn between<'h>(html: &'h str, from: &str, to: &str) -> &'h str {
    let start = html.find(from).unwrap_or_else(|| panic!("no {from} in {html}"));
    let rest = &html[start..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

fn needs(html: &str) -> &str {
    between(html, "id=\"needs\"", "</section>")
}

/// The keys of the rows, in their order.
fn keys(html: &str) -> Vec<String> {
    let table = between(html, "<table class=\"desk\"", "</table>");
    table.split("data-key=\"").skip(1).filter_map(|it| Some(it.split_once('"')?.0.to_owned())).collect()
}

#[tokio::test]
async fn when_nothing_needs_anybody_the_desk_says_so() {
    let app = TestApp::start().await;
    let viewer = app.sign_in(Role::Viewer).await;
    app.owned_flag("fast-payment").await;
    let html = app.html(&viewer, "/").await;
    assert!(needs(&html).contains("Nothing needs anybody right now."), "{html}");
    assert!(!html.contains("nav-count"), "{html}");
}

#[tokio::test]
async fn flags_without_owner_or_traffic_and_completed_ones_are_told_with_what_to_do() {
    let app = TestApp::start().await;
    for key in ["asked", "quiet", "done"] {
        app.owned_flag(key).await;
    }
    app.boolean_flag("nobodys").await;
    app.everyone("asked").await;
    app.everyone("quiet").await;
    app.edit("done", |flag| flag.lifecycle = Lifecycle::Completed).await;
    app.clock.advance(2 * DAY_MS);
    let (product, viewer) = (app.sign_in(Role::Product).await, app.sign_in(Role::Viewer).await);
    let server = app.server_token().await;
    app.decision(&server, "asked", json!({"targetingKey": "u-1"})).await;

    let found = async || needs(&app.html(&product, "/").await).to_owned();
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            // What was served is in the ledger a moment later, and remembered for a minute.
            app.clock.advance(60_000);
            let html = found().await;
            if !html.contains("/flags/asked") {
                return html;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    let html = told.await.expect("what is asked for leaves the list");
    for (sentence, action) in [
        (
            "nobody was served it in the last 7 days, as far as applications tell",
            "href=\"/flags/quiet/connect\"",
        ),
        (
            "It is completed, and nobody was served it in the last 7 days.",
            "href=\"/flags/done/settings#lifecycle\"",
        ),
        ("Nobody is named as its owner.", "href=\"/flags/nobodys/settings#field-owner\""),
    ] {
        assert!(html.contains(sentence) && html.contains(action), "{sentence}: {html}");
    }
    assert!(html.contains("2 days ago"), "since when: {html}");
    let html = needs(&app.html(&viewer, "/").await).to_owned();
    let whom = "Admin, Product manager and QA may create and edit flags and groups.";
    assert!(html.contains(whom), "{html}");
    assert!(!html.contains("Archive") && !html.contains("Name an owner"), "{html}");
    assert!(!app.html(&viewer, "/").await.contains("nav-count"), "none of it is urgent");

    let html = app.html(&product, "/?need=unowned").await;
    assert_eq!(keys(&html), ["nobodys"]);
    assert!(needs(&html).contains("Nobody is named") && !needs(&html).contains("It is completed"), "{html}");
    app.edit("nobodys", |flag| flag.owner = "Priya".into()).await;
    assert!(!found().await.contains("Nobody is named"));
}

#[tokio::test]
async fn five_hundred_flags_stand_on_pages_that_keep_their_order() {
    let app = TestApp::start().await;
    let viewer = app.sign_in(Role::Viewer).await;
    for n in 0..120 {
        app.owned_flag(&format!("flag-{n:03}")).await;
    }
    let first = app.html(&viewer, "/?sort=name").await;
    assert!(first.contains(">1 to 50 of 120 flags<") && first.contains("Page 1 of 3"), "{first}");
    assert!(first.contains("href=\"/?sort=name&amp;page=2\"") && !first.contains("Previous"), "{first}");
    let mut all = keys(&first);
    for page in [2, 3] {
        all.extend(keys(&app.html(&viewer, &format!("/?sort=name&page={page}")).await));
    }
    let expected: Vec<_> = (0..120).map(|n| format!("flag-{n:03}")).collect();
    assert_eq!(all, expected, "each once, by name");
    let beyond = app.html(&viewer, "/?sort=name&page=99").await;
    assert!(beyond.contains(">101 to 120 of 120 flags<") && !beyond.contains("Next"), "{beyond}");

    app.stop_flag("flag-007").await;
    let found = app.html(&viewer, "/?q=FLAG-00&state=stopped").await;
    assert_eq!(keys(&found), ["flag-007"]);
    assert!(found.contains(">1 flag, 1 stopped<"), "{found}");
    // Each choice says what it would show, with everything else as it is.
    assert!(found.contains("Nobody has it (9)") && found.contains("Any state (10)"), "{found}");
    assert!(found.contains("Payments (1)") && found.contains("value=\"FLAG-00\""), "{found}");
}

#[tokio::test]
async fn nobody_has_a_stopped_flag_at_once() {
    let app = TestApp::start().await;
    let viewer = app.sign_in(Role::Viewer).await;
    app.owned_flag("fast-payment").await;
    for n in 0..30 {
        app.person(&format!("u-{n}"), json!({})).await;
    }
    app.rules("fast-payment", json!([everyone(100)])).await;
    // People who have it, and how often it was served.
    let numbers = async || {
        let html = app.html(&viewer, "/").await;
        ["30", "0"].map(|number| html.matches(&format!("<td class=\"num\">{number}</td>")).count())
    };
    assert_eq!(numbers().await, [1, 1]);
    app.stop_flag("fast-payment").await;
    assert_eq!(numbers().await, [0, 2]);
}

#[tokio::test]
async fn an_environment_that_is_not_protected_looks_unlike_production() {
    let app = TestApp::start().await;
    let viewer = app.sign_in(Role::Viewer).await;
    let draft = Flag { lifecycle: Lifecycle::Draft, ..boolean("fast-payment") };
    app.store.create_flag(&editor(), draft).await.expect("a flag");
    app.rules("fast-payment", json!([everyone(20)])).await;
    assert!(app.html(&viewer, "/").await.contains("added everyone at 20"));
    for path in ["/", "/flags/fast-payment", "/groups"] {
        let production = app.html(&viewer, path).await;
        assert!(
            production.contains("data-place=\"protected\"") && !production.contains("place-mark"),
            "{path}"
        );
        let staging = app.html(&viewer, &format!("{path}?env=staging")).await;
        assert!(
            staging.contains("data-place=\"open\"") && staging.contains(" · Staging · Fader</title>"),
            "{path}"
        );
        let mark = between(&staging, "class=\"place-mark\"", "</p>");
        assert!(mark.contains("<strong>Staging</strong>, not in Production."), "{mark}");
    }
    let staging = app.html(&viewer, "/?env=staging").await;
    assert!(!staging.contains("everyone at 20"), "what happened in production is not told: {staging}");
}

#[tokio::test]
async fn the_navigation_counts_feedback_that_nobody_has_looked_at() {
    let app = TestApp::start().await;
    let (support, viewer) = (app.sign_in(Role::Support).await, app.sign_in(Role::Viewer).await);
    let server = app.server_token().await;
    for n in 0..2 {
        let told = json!({"id": format!("f-{n}"), "subject": "ada", "rating": 2, "comment": "It hangs"});
        let (status, body) = app.rest(&server, Method::POST, "/api/v1/feedback", Some(told)).await;
        assert_eq!(status, 201, "{body}");
    }
    let told = async |number: &str| {
        let asked = async {
            while !app.html(&support, "/groups").await.contains(number) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), asked).await.expect(number);
    };
    told("2 items that nobody has looked at").await;
    assert!(!app.html(&viewer, "/groups").await.contains("nobody has looked at"), "not theirs to triage");
    assert!(!app.html(&support, "/groups?env=staging").await.contains("nobody has looked at"));
    let fields = [("version", "1"), ("state", "looking"), ("assignee", ""), ("note", "")];
    let answer = app.form("/feedback/1", Some(&support), &fields).send().await.expect("an answer");
    assert_eq!(answer.status(), 303, "{}", answer.text().await.expect("a text"));
    told("1 item that nobody has looked at").await;
}
