//! The Plan tab and the list of approvals, as forms without scripts.

use store::Role;

use crate::app::TestApp;

const PLAN: &str = "/flags/fast-payment/plan";
const MOVE: &str = "/flags/fast-payment/plan/move";

impl TestApp {
    async fn page(&self, path: &str, cookie: &str) -> (u16, String) {
        let answer = self.request(reqwest::Method::GET, path).header("Cookie", cookie).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    async fn press(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let answer = self.form(path, Some(cookie), fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }
}

#[tokio::test]
async fn a_template_is_started_approved_by_somebody_else_and_drawn() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let (author, other) = (app.sign_in(Role::Product).await, app.sign_in(Role::Admin).await);
    let viewer = app.sign_in(Role::Viewer).await;
    let (status, empty) = app.page(PLAN, &author).await;
    assert_eq!(status, 200);
    assert!(empty.contains("No release plan yet") && empty.contains("template.careful"), "{empty}");
    assert!(!app.page(PLAN, &viewer).await.1.contains("template.careful"), "a viewer starts nothing");

    let begun = app.press(PLAN, &author, &[("intent", "template.careful"), ("version", "0")]).await;
    assert_eq!(begun.0, 303, "{}", begun.1);
    let (_, draft) = app.page(PLAN, &author).await;
    assert!(draft.contains("Not started") && draft.contains("Everyone 1 % for 1 day"), "{draft}");
    assert_eq!(app.press(MOVE, &author, &[("do", "start"), ("version", "1")]).await.0, 303);
    let (_, running) = app.page(PLAN, &viewer).await;
    assert!(running.contains("At step 1 of 5") && running.contains("data-place=\"now\""), "{running}");
    assert!(running.contains("1 % of everyone"), "the rollout has the first step");

    let (status, late) = app.press(MOVE, &author, &[("do", "pause"), ("version", "1")]).await;
    assert_eq!(status, 409, "{late}");
    let step = [("do", "approve"), ("version", "2"), ("step", "5")];
    let (status, own) = app.press(MOVE, &author, &step).await;
    assert!(status == 422 && own.contains("omebody else"), "{status} {own}");
    assert!(app.page("/approvals", &other).await.1.contains("Approve step 5 of"));
    assert!(app.page("/approvals", &author).await.1.contains("You wrote or started this plan"));
    assert_eq!(app.page("/approvals", &viewer).await.0, 403);
    let fields = [("flag", "fast-payment"), ("environment", "production"), ("version", "2"), ("step", "5")];
    assert_eq!(app.press("/approvals", &other, &fields).await.0, 303);
    assert!(app.page("/approvals", &other).await.1.contains("Nothing waits for an approval"));
}

#[tokio::test]
async fn an_edit_that_comes_second_keeps_what_was_typed() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let author = app.sign_in(Role::Product).await;
    app.press(PLAN, &author, &[("intent", "template.fast"), ("version", "0")]).await;
    let typed = |version: &'static str, name: &'static str| {
        [
            ("intent", "save"),
            ("version", version),
            ("name", name),
            ("steps", "1"),
            ("step.0.to.everyone", "30"),
            ("step.0.hold", "2"),
            ("step.0.unit", "hours"),
        ]
    };
    assert_eq!(app.press(PLAN, &author, &typed("1", "First")).await.0, 303);
    let (status, clash) = app.press(PLAN, &author, &typed("1", "Second")).await;
    assert_eq!(status, 409);
    assert!(clash.contains("value=\"Second\"") && clash.contains("meanwhile"), "{clash}");
    assert_eq!(app.press(PLAN, &author, &typed("2", "Second")).await.0, 303);
    let (_, page) = app.page(PLAN, &author).await;
    assert!(page.contains("Everyone 30 % for 2 hours"), "{page}");
}

#[tokio::test]
async fn a_date_that_cannot_be_read_is_kept_beside_the_reason() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let author = format!("{}; fader_zone=Europe/Berlin", app.sign_in(Role::Product).await);
    app.press(PLAN, &author, &[("intent", "template.fast"), ("version", "0")]).await;
    let start =
        async |at: &str| app.press(MOVE, &author, &[("do", "start_at"), ("version", "1"), ("at", at)]).await;
    let (status, page) = start("2027-10-31T02:30").await;
    assert!(status == 422 && page.contains("02:30 comes twice on 31 Oct 2027 in Europe/Berlin"), "{page}");
    assert!(page.contains("id=\"plan-start-at-error\""), "{page}");
    assert!(page.contains("<details open class=\"confirm\""), "{page}");
    assert!(
        page.contains("type=\"text\" value=\"2027-10-31T02:30\""),
        "where the answer can be typed: {page}"
    );
    let (status, page) = start("on Monday").await;
    assert!(status == 422 && page.contains("value=\"on Monday\""), "{page}");
    let (status, page) = start("2027-10-31T02:30+01").await;
    assert_eq!(status, 303, "{page}");
    assert!(app.page(PLAN, &author).await.1.contains("31 Oct 2027, 02:30 CET"));
}
