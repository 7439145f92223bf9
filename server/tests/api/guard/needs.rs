//! What the guard and plans leave to people, as the desk and the navigation tell them.

use serde_json::json;
use store::Role;

use super::{FINE, FLAG, OUTAGE, app, ceiling, eventually, guardrail};
use crate::{app::TestApp, desk::between, fixtures::everyone};

fn needs(html: &str) -> &str {
    between(html, "id=\"needs\"", "</section>")
}

const PLAN: &str = "/flags/fast-payment/plan";
const MOVE: &str = "/flags/fast-payment/plan/move";

impl TestApp {
    async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) {
        let answer = self.form(path, Some(cookie), fields).send().await.expect("an answer");
        assert_eq!(answer.status(), 303, "{path}: {}", answer.text().await.expect("a page"));
    }
}

#[tokio::test]
async fn what_the_guard_stopped_waits_for_a_person_and_says_why() {
    let app = app().await;
    let (product, viewer) = (app.sign_in(Role::Product).await, app.sign_in(Role::Viewer).await);
    app.rules(FLAG, json!([everyone(50)])).await;
    app.clock.advance(1_000);
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    // What it stopped for is written down by the end of its look.
    app.look().await;
    let html = app.html(&product, "/").await;
    let told = needs(&html);
    assert!(
        told.contains("Stopped by the guard") && told.contains("Errors 75\u{a0}% (150 of 200)"),
        "{told}"
    );
    assert!(told.contains("href=\"/flags/fast-payment?confirm=resume\""), "{told}");
    assert!(html.contains("1 flag waits for a decision"), "{html}");
    let html = app.html(&viewer, "/").await;
    let told = needs(&html);
    assert!(told.contains("href=\"/flags/fast-payment/health\"") && told.contains(">See why<"), "{told}");
    let whom = "Admin, Product manager and QA may change rollouts, plans and guardrails of flags, or resume them in Production.";
    assert!(told.contains(whom), "{told}");
    assert!(app.html(&viewer, "/groups").await.contains("1 flag waits for a decision"), "on every page");
    assert!(!app.html(&viewer, "/groups?env=staging").await.contains("waits for a decision"));

    app.clock.advance(1_000);
    app.resume().await;
    let html = app.html(&product, "/").await;
    assert!(!needs(&html).contains("Stopped by the guard"), "{html}");
    assert!(!html.contains("waits for a decision"), "{html}");
}

#[tokio::test]
async fn what_the_guard_stopped_waits_whatever_else_is_changed() {
    let app = app().await;
    let product = app.sign_in(Role::Product).await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.clock.advance(1_000);
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    app.clock.advance(1_000);
    app.rules(FLAG, json!([everyone(5)])).await;
    app.measure(FLAG, FINE).await;
    app.look().await;
    let html = app.html(&product, "/").await;
    assert!(needs(&html).contains("Stopped by the guard"), "{html}");
    assert!(html.contains("1 flag waits for a decision"), "{html}");
    app.resume().await;
    app.stop_flag(FLAG).await;
    let html = app.html(&product, "/").await;
    assert!(!needs(&html).contains("Stopped by the guard"), "a person did: {html}");
}

#[tokio::test]
async fn a_flag_that_a_person_stopped_needs_nobody() {
    let app = app().await;
    let product = app.sign_in(Role::Product).await;
    app.everyone(FLAG).await;
    app.stop_flag(FLAG).await;
    let html = app.html(&product, "/").await;
    assert!(!needs(&html).contains("Stopped by the guard") && !html.contains("nav-count"), "{html}");
}

#[tokio::test]
async fn a_step_that_waits_for_an_approval_is_told_to_those_who_may_give_it() {
    let app = app().await;
    let (author, other) = (app.sign_in(Role::Product).await, app.sign_in(Role::Admin).await);
    let qa = app.sign_in(Role::Qa).await;
    let plan = [
        ("intent", "save"),
        ("version", "0"),
        ("name", "Agency by agency"),
        ("steps", "2"),
        ("step.0.to.everyone", "30"),
        ("step.1.to.everyone", "60"),
        ("step.1.approval", "on"),
    ];
    app.post(PLAN, &author, &plan).await;
    assert!(!app.html(&other, "/").await.contains("nav-count"), "nothing was started");
    app.post(MOVE, &author, &[("do", "start"), ("version", "1")]).await;
    let html = app.html(&other, "/").await;
    let told = needs(&html);
    assert!(told.contains("Step 2 of “Agency by agency”: everyone 60\u{a0}% after an approval."), "{told}");
    assert!(
        told.contains("href=\"/flags/fast-payment/plan#plan-controls\"") && told.contains(">Approve<"),
        "{told}"
    );
    assert!(html.contains("1 step waits for your approval"), "{html}");
    let html = app.html(&author, "/").await;
    assert!(needs(&html).contains("You wrote or started this plan, so somebody else approves it."), "{html}");
    assert!(!needs(&html).contains(">Approve<") && !html.contains("your approval"), "{html}");
    let html = app.html(&qa, "/").await;
    let whom = "Admin and Product manager may approve what somebody else proposed in Production.";
    assert!(needs(&html).contains(whom), "{html}");
    assert!(html.contains("1 flag waits for a decision") && !html.contains("your approval"), "{html}");

    app.post(MOVE, &other, &[("do", "approve"), ("version", "2"), ("step", "2")]).await;
    let html = app.html(&other, "/").await;
    assert!(!needs(&html).contains("Agency by agency") && !html.contains("waits for"), "{html}");
}

#[tokio::test]
async fn a_plan_that_was_rolled_back_waits_and_one_that_starts_soon_is_told() {
    let app = app().await;
    let product = app.sign_in(Role::Product).await;
    let token = app.management_token(Role::Product).await;
    app.guard_with(&token, json!([guardrail("step_back", ceiling())])).await;
    let plan = [
        ("intent", "save"),
        ("version", "0"),
        ("name", "Step by step"),
        ("steps", "2"),
        ("step.0.to.everyone", "50"),
        ("step.1.to.everyone", "100"),
        ("step.1.hold", "1"),
        ("step.1.unit", "days"),
    ];
    app.post(PLAN, &product, &plan).await;
    app.post(MOVE, &product, &[("do", "start"), ("version", "1")]).await;
    app.clock.advance(1_000);
    app.measure(FLAG, OUTAGE).await;
    let rolled_back = async || needs(&app.html(&product, "/").await).contains("Plan rolled back");
    eventually("it is told", rolled_back).await;
    let html = app.html(&product, "/").await;
    let told = needs(&html);
    assert!(
        told.contains("Went back from step ") && told.contains("Errors 75\u{a0}% (150 of 200)"),
        "{told}"
    );
    assert!(told.contains(">Decide<") && told.contains("#plan-controls"), "{told}");
    assert!(html.contains("1 flag waits for a decision"), "{html}");
}
