//! The answer for the customer on a person's page: named for customers, nothing internal, nothing unreleased.

use reqwest::{Method, header};
use serde_json::json;
use store::Role;

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

const SETTINGS: &str = "/flags/pay/settings";

impl TestApp {
    async fn name_for_customers(&self, cookie: &str, name: &str, sentence: &str) -> (u16, String) {
        let page = self.read_page(cookie, SETTINGS).await;
        let expected = page.split("name=\"expected\" value=\"").nth(1).and_then(|it| it.split('"').next());
        let fields = [
            ("intent", "save"),
            ("expected", expected.expect("a version")),
            ("type", "boolean"),
            ("name", "Internal pay"),
            ("public_name", name),
            ("public_sentence", sentence),
            ("kind", "release"),
            ("variant.key", "on"),
            ("variant.value", "true"),
            ("variant.key", "off"),
            ("variant.value", "false"),
            ("off", "1"),
        ];
        let answer = self.form(SETTINGS, Some(cookie), &fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    async fn read_page(&self, cookie: &str, path: &str) -> String {
        let answer = self.request(Method::GET, path).header(header::COOKIE, cookie).send().await;
        answer.expect("an answer").text().await.expect("a page")
    }
}

/// What stands between the tags of an element with this id.
fn text_of(page: &str, id: &str) -> Option<String> {
    let rest = page.split(&format!("id=\"{id}\">")).nth(1)?;
    Some(rest.split('<').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_answer_names_what_they_have_and_nothing_internal() {
    let app = TestApp::start().await;
    app.boolean_flag("pay").await;
    app.boolean_flag("unnamed").await;
    app.vip_agencies().await;
    app.person("ada.moreau", json!({"tier": "vip", "name": "Ada Moreau"})).await;
    app.person("bo", json!({"tier": "standard"})).await;
    app.rules("pay", json!([group("vip-agencies")])).await;
    app.rules("unnamed", json!([everyone(100)])).await;
    let (editor, support) = (app.sign_in(Role::Product).await, app.sign_in(Role::Support).await);
    let before = app.read_page(&support, "/people/ada.moreau").await;
    assert!(text_of(&before, "customer-answer").is_none(), "no flag has a name for customers: {before}");

    let (status, page) = app.name_for_customers(&editor, "", "You pay with one press.").await;
    assert!(
        status == 422
            && page.contains("You pay with one press.")
            && page.contains("Give it a name for customers")
    );
    assert_eq!(app.name_for_customers(&editor, "One-press payment", "You pay with one press.").await.0, 303);
    let kept = app.read_page(&editor, SETTINGS).await;
    assert!(
        kept.contains("value=\"One-press payment\"") && kept.contains("value=\"You pay with one press.\"")
    );

    let token = app.server_token().await;
    app.decision(&token, "pay", json!({"targetingKey": "ada.moreau"})).await;
    app.decision(&token, "pay", json!({"targetingKey": "bo"})).await;
    let reader = store::Principal::command_line().people_reader().expect("may read");
    let environment = crate::app::environment_key("production");
    let subject = engine::SubjectKey::parse("ada.moreau").expect("a key");
    while app.store.exposures_of(&reader, &environment, &subject).await.expect("read").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = app.read_page(&support, "/people/ada.moreau").await;
    let letter = text_of(&page, "customer-answer").expect("an answer");
    assert!(
        letter
            .starts_with("Hello Ada Moreau,\n\nYou have One-press payment; you were shown it on 15 Jan 2027"),
        "{letter}"
    );
    assert!(letter.contains("It was opened to you early. You pay with one press."), "{letter}");
    for word in ["pay\"", "Internal", "unnamed", "vip", "VIP", "revision", "rule"] {
        assert!(!letter.contains(word), "{word}: {letter}");
    }
    let report = text_of(&page, "bug-report-text").expect("a report");
    assert!(report.contains("Internal pay (pay)") && report.contains("rule vip-agencies"), "{report}");
    assert!(
        report.contains(&format!("{}/people/ada.moreau?at=2027-01-15T08", app.url))
            || report.contains("/people/ada.moreau?at=2027-01-15T08"),
        "{report}"
    );

    let other = app.read_page(&support, "/people/bo").await;
    assert!(text_of(&other, "customer-answer").is_none(), "bo neither has nor had it: {other}");
    app.stop_flag("pay").await;
    let page = app.read_page(&support, "/people/ada.moreau").await;
    let letter = text_of(&page, "customer-answer").expect("an answer");
    assert!(
        letter.contains("You had One-press payment;") && letter.contains("We have paused it for everybody."),
        "{letter}"
    );
}
