//! Whom a change moves, by name; how many each condition matches; a group that is made inside a rollout.

use reqwest::Method;
use serde_json::json;
use store::{AuditFilter, Role};

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

const ROLLOUT: &str = "/flags/pay";

impl TestApp {
    async fn with_pilots() -> (Self, String) {
        let app = Self::start().await;
        app.boolean_flag("pay").await;
        app.vip_agencies().await;
        for n in 0..70 {
            let tier = if n < 30 { "vip" } else { "standard" };
            app.person(&format!("person-{n:02}"), json!({"tier": tier})).await;
        }
        app.rules("pay", json!([group("vip-agencies")])).await;
        let cookie = app.sign_in(Role::Product).await;
        (app, cookie)
    }

    /// The rollout form as it stands: VIP agencies at 100 %, and everyone.
    async fn rollout_form(&self, cookie: &str, to: &str, more: &[(&str, &str)]) -> (u16, String) {
        let page = self.read_as(cookie, ROLLOUT).await;
        let expected = page.split("name=\"expected\" value=\"").nth(1).and_then(|it| it.split('"').next());
        let base = [
            ("expected", expected.expect("a version")),
            ("rule", "vip-agencies"),
            ("r.vip-agencies.audience", "matching"),
            ("r.vip-agencies.group", "vip-agencies"),
            ("r.vip-agencies.to", "100"),
            ("rule", "everyone"),
            ("r.everyone.audience", "everyone"),
            ("r.everyone.to", to),
        ];
        self.post_form(cookie, ROLLOUT, &[&base[..], more].concat()).await
    }

    async fn read_as(&self, cookie: &str, path: &str) -> String {
        let answer = self.request(reqwest::Method::GET, path).header("Cookie", cookie).send().await;
        answer.expect("an answer").text().await.expect("a page")
    }

    async fn post_form(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let answer = self.form(path, Some(cookie), fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    async fn looks(&self) -> Vec<String> {
        let by = store::Principal::command_line().audit_reader().expect("may");
        let entries = self
            .store
            .list_audit(&by, &AuditFilter { limit: 50, ..AuditFilter::default() })
            .await
            .expect("read");
        entries.into_iter().map(|entry| entry.sentence).filter(|it| it.contains("looked at")).collect()
    }
}

#[tokio::test]
async fn a_change_names_whom_it_moves_and_why_page_by_page() {
    let (app, cookie) = TestApp::with_pilots().await;
    let (_, plain) = app.rollout_form(&cookie, "100", &[("intent", "preview")]).await;
    assert!(!plain.contains("person-30"), "nobody is named unasked");
    assert!(app.looks().await.is_empty());

    let (status, page) = app.rollout_form(&cookie, "100", &[("intent", "who")]).await;
    assert!(status == 200 && page.contains("40 people gain it"), "{page}");
    assert!(page.contains("person-30") && page.contains("through everyone") && page.contains("and 20 more"));
    assert!(
        !page.contains("person-00") && !page.contains("person-50"),
        "those who have it, and the next page"
    );
    assert_eq!(app.looks().await, ["looked at whom a change of pay would move"]);
    let (_, all) = app.rollout_form(&cookie, "100", &[("intent", "who:gained:0")]).await;
    assert!(all.contains("person-69") && all.contains("1–40 of 40"), "{all}");

    let beyond = format!("who:gained:{}", u64::MAX);
    let (status, page) = app.rollout_form(&cookie, "100", &[("intent", &beyond)]).await;
    assert!(status == 200 && page.contains("40 people gain it") && !page.contains("person-69"), "{page}");

    let excluded = [("excluded", "person-00"), ("intent", "who")];
    let (_, page) = app.rollout_form(&cookie, "0", &excluded).await;
    assert!(page.contains("1 person loses it") && page.contains("excluded by name"), "{page}");
    let (_, page) = app.rollout_form(&cookie, "0", &[("intent", "who")]).await;
    assert!(page.contains("Nobody gains it, and nobody loses it."), "{page}");
    assert_eq!(app.looks().await.len(), 1, "once in ten minutes");
}

#[tokio::test]
async fn a_step_of_a_plan_names_them_to_those_who_may_look_people_up() {
    let (app, cookie) = TestApp::with_pilots().await;
    app.rules("pay", json!([group("vip-agencies"), everyone(0)])).await;
    let plan = "/flags/pay/plan";
    let begun = app.post_form(&cookie, plan, &[("intent", "template.fast"), ("version", "0")]).await;
    assert_eq!(begun.0, 303, "{}", begun.1);
    let page = app.read_as(&cookie, plan).await;
    assert!(page.contains("href=\"/flags/pay/plan?step=1\""), "{page}");
    let steps = (1..10).map(|step| format!("{plan}?step={step}")).collect::<Vec<_>>();
    let (mut named, mut beyond) = (String::new(), 0);
    for address in &steps {
        let answer =
            app.request(Method::GET, address).header("Cookie", &cookie).send().await.expect("an answer");
        match answer.status().as_u16() {
            200 => named.push_str(&answer.text().await.expect("a page")),
            303 => {
                assert_eq!(answer.headers()["location"], plan, "after the last step");
                beyond += 1;
            }
            other => panic!("{address}: {other}"),
        }
    }
    assert!(named.contains("person-3") && named.contains("Back to the plan"), "{named}");
    assert!(beyond > 0);
    let viewer = app.sign_in(Role::Viewer).await;
    let page = app.read_as(&viewer, &steps[0]).await;
    assert!(page.contains("may look people up") && !page.contains("person-"), "{page}");
}

#[tokio::test]
async fn a_changed_group_names_who_comes_and_who_leaves() {
    let (app, cookie) = TestApp::with_pilots().await;
    let fields = [
        ("version", "1"),
        ("name", "VIP agencies"),
        ("cond.mode", "all"),
        ("cond.0.attribute", "tier"),
        ("cond.0.operator", "equals"),
        ("cond.0.value", "standard"),
    ];
    let with = |intent| [&fields[..], &[("intent", intent)]].concat();
    let (_, page) = app.post_form(&cookie, "/groups/vip-agencies", &with("cond.refresh")).await;
    assert!(page.contains("+40 / −30 people") && page.contains("value=\"who\""), "{page}");
    let (_, page) = app.post_form(&cookie, "/groups/vip-agencies", &with("who")).await;
    assert!(page.contains("40 people come in") && page.contains("30 people leave"), "{page}");
    assert!(page.contains("tier = vip") && page.contains("value=\"who:lost:0\""), "{page}");
}

#[tokio::test]
async fn each_condition_says_how_many_it_matches_and_what_occurs_nowhere() {
    let (app, cookie) = TestApp::with_pilots().await;
    let fields = [
        ("name", "New"),
        ("intent", "cond.refresh"),
        ("cond.mode", "all"),
        ("cond.0.attribute", "tier"),
        ("cond.0.operator", "equals"),
        ("cond.0.value", "vip"),
        ("cond.1.attribute", "tier"),
        ("cond.1.operator", "equals"),
        ("cond.1.value", "standart"),
        ("cond.2.attribute", "teir"),
        ("cond.2.operator", "exists"),
    ];
    let (status, page) = app.post_form(&cookie, "/groups/new", &fields).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Matches 30 of 70 known people"), "{page}");
    assert!(page.contains("No known person has tier “standart”; known: standard, vip."), "{page}");
    assert!(page.contains(
        "No known person has teir: only what an application sends can meet this. Did you mean tier?"
    ));
    let rule = [
        ("r.vip-agencies.if.mode", "all"),
        ("r.vip-agencies.if.0.attribute", "tier"),
        ("r.vip-agencies.if.0.operator", "not_equals"),
        ("r.vip-agencies.if.0.value", "vip"),
        ("intent", "preview"),
    ];
    let (_, page) = app.rollout_form(&cookie, "0", &rule).await;
    assert!(page.contains("Matches 40 of 70 known people"), "{page}");
}

#[tokio::test]
async fn a_group_is_made_inside_a_rollout_and_nothing_typed_is_lost() {
    let (app, cookie) = TestApp::with_pilots().await;
    let typed = [("comment", "For the pilot"), ("excluded", "person-07")];
    let with = |more: &[(&'static str, &'static str)]| [&typed[..], more].concat();
    let open = [("intent", "new-group:vip-agencies")];
    let (_, page) = app.rollout_form(&cookie, "20", &with(&open)).await;
    assert!(page.contains("r.vip-agencies.new.name") && page.contains("value=\"For the pilot\""), "{page}");

    let new = |name: &'static str| {
        [
            ("r.vip-agencies.new", "1"),
            ("r.vip-agencies.new.name", name),
            ("r.vip-agencies.new.testers", "person-40\nperson-41\nnobody.known"),
            ("intent", "make-group:vip-agencies"),
        ]
    };
    let (status, page) = app.rollout_form(&cookie, "20", &with(&new(""))).await;
    assert!(status == 422 || status == 200, "{status}");
    assert!(page.contains("Give it a name.") && page.contains("person-41"), "{page}");
    let (status, page) = app.rollout_form(&cookie, "20", &with(&new("Gold agencies"))).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Gold agencies is saved with 2 testers. 1 other is not known"), "{page}");
    assert!(page.contains("value=\"gold-agencies\" checked"), "it is chosen: {page}");
    assert!(page.contains("value=\"For the pilot\"") && page.contains("person-07"), "nothing is lost");
    assert!(page.contains("id=\"r.everyone.to\" value=\"20\""), "{page}");
    let again = app.rollout_form(&cookie, "20", &new("Gold agencies")).await;
    assert!(again.1.contains("gold-agencies"), "{}", again.1);
    let rollout = app.read_as(&cookie, ROLLOUT).await;
    assert!(!rollout.contains("value=\"For the pilot\""), "the rollout was not saved");
    let group = app.read_as(&cookie, "/groups/gold-agencies?tab=testers").await;
    assert!(group.contains("person-40") && !group.contains("nobody.known"), "{group}");
}

#[tokio::test]
async fn a_rollout_is_not_saved_over_a_group_that_is_half_typed() {
    let (app, cookie) = TestApp::with_pilots().await;
    let typed = |field: &'static str, text: &'static str| {
        [("r.vip-agencies.new", "1"), (field, text), ("comment", "For the pilot"), ("intent", "save")]
    };
    for (field, text) in [
        ("r.vip-agencies.new.name", "Gold agencies"),
        ("r.vip-agencies.new.testers", "person-40"),
        ("r.vip-agencies.new.if.0.value", "gold"),
    ] {
        let (status, page) = app.rollout_form(&cookie, "20", &typed(field, text)).await;
        assert_eq!(status, 422, "{page}");
        assert!(page.contains("Save the new group, or cancel it, first."), "{page}");
        assert!(page.contains(text) && page.contains("value=\"For the pilot\""), "nothing is lost: {page}");
        assert!(page.contains("id=\"r.everyone.to\" value=\"20\""), "{page}");
    }
    let (status, page) = app.rollout_form(&cookie, "20", &typed("r.vip-agencies.new.name", " ")).await;
    assert_eq!(status, 303, "an empty one is no loss: {page}");
}
