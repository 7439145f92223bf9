//! The page of what the guard did, and that the Health tab says everything once.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use store::Role;

use super::{FINE, FLAG, OUTAGE, app, ceiling, eventually, guardrail, key, plans::started};
use crate::{
    app::{TestApp, editor, environment_key, viewer},
    fixtures::everyone,
};

const HEALTH: &str = "/flags/fast-payment/health";

/// A flag that the guard has just stopped, a product manager who is signed in, and where it is read.
async fn stopped() -> (TestApp, String, String) {
    let app = app().await;
    app.rules(FLAG, json!([everyone(50)])).await;
    app.run(3, FINE).await;
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    let product = app.sign_in(Role::Product).await;
    let path = newest(&app, &product).await;
    (app, product, path)
}

/// Where the newest act is read.
async fn newest(app: &TestApp, cookie: &str) -> String {
    let html = app.html(cookie, HEALTH).await;
    let path = html.split("href=\"/flags/fast-payment/incidents/").nth(1).expect("a link");
    let seq = path.split('"').next().expect("a number");
    format!("/flags/fast-payment/incidents/{seq}")
}

#[tokio::test]
async fn what_the_guard_did_is_told_to_whoever_was_not_there() {
    let (app, product, path) = stopped().await;
    let viewer = app.sign_in(Role::Viewer).await;
    let html = app.html(&product, &path).await;
    for told in [
        "was stopped",
        "is a feature. Fader decides who gets it",
        "50 % of everyone, in Production.",
        "above the limit of 5 %",
        "Fader stopped it for everybody by itself.",
        "It is still stopped: nobody has it until somebody resumes it.",
        "<td class=\"num\">50 %</td><td class=\"num\">0 %</td>",
        "150 of 200",
        ">limit<",
        "href=\"/flags/fast-payment?confirm=resume\"",
        "id=\"incident-text\"",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let html = app.html(&viewer, &path).await;
    assert!(!html.contains("?confirm=resume"), "{html}");
    assert!(html.contains("may change rollouts"), "whom to ask: {html}");
    app.clock.advance(90_000);
    app.resume().await;
    let html = app.html(&viewer, &path).await;
    assert!(html.contains("resumed") && html.contains("90 s later") && html.contains("“fixed”"), "{html}");
}

#[tokio::test]
async fn how_it_stands_is_told_as_it_is_now() {
    let (app, product, path) = stopped().await;
    app.clock.advance(60_000);
    let (production, flag) = (environment_key("production"), key());
    let found = app.store.find_rollout(&viewer(), &production, &flag).await.expect("reads");
    let version = found.expect("a rollout").version;
    app.store.re_randomise(&editor(), &production, &flag, version, "drawn anew").await.expect("saved");
    let html = app.html(&product, &path).await;
    assert!(html.contains("re-randomised") && html.contains("60 s later"), "{html}");
    assert!(html.contains("It is stopped."), "{html}");
    app.archive(FLAG).await;
    let html = app.html(&product, &path).await;
    assert!(html.contains("It is archived: Fader gives it to nobody any more."), "{html}");
    assert!(!html.contains("It is stopped."), "{html}");
}

#[tokio::test]
async fn what_the_plan_changed_since_is_no_silence() {
    let app = app().await;
    let (token, product) = (app.management_token(Role::Product).await, app.sign_in(Role::Product).await);
    app.guard_with(&token, json!([guardrail("stop", ceiling())])).await;
    // Longer than the silence: at its end the plan could just as well go on.
    started(&app, &token, json!([{"hold": {"hold_ms": 500_000}}])).await;
    app.run(4, FINE).await;
    app.clock.advance(400_000);
    eventually("it holds", async || app.plan(&token).await["state"] == "holding").await;
    let latest = app.request(Method::GET, "/flags/fast-payment/incidents/latest").header("Cookie", &product);
    let latest = latest.send().await.expect("an answer");
    let path = latest.headers()["location"].to_str().expect("text").to_owned();
    let html = app.html(&product, &path).await;
    for told in [
        "is a feature that is given to more and more people, step by step",
        "Fader held its release plan by itself",
        "20 % of everyone, in Production.",
        "Its audiences and percentages are as they were then.",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let advances = async || {
        app.run(2, FINE).await;
        app.per_cent().await != "20"
    };
    eventually("it advances", advances).await;
    let html = app.html(&product, &path).await;
    assert!(html.contains("It was changed since. Now: "), "{html}");
    assert!(!html.contains("as they were then"), "{html}");
}

#[tokio::test]
async fn the_newest_act_has_an_address_of_its_own_and_others_have_none() {
    let (app, product, path) = stopped().await;
    let leads = async |address: &str| {
        let answer = app.request(Method::GET, address).header("Cookie", &product).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 303, "{address}");
        answer.headers()["location"].to_str().expect("text").to_owned()
    };
    assert_eq!(leads("/flags/fast-payment/incidents/latest").await, path);
    let there = leads(&format!("{path}?env=staging")).await;
    assert!(there.starts_with(&path), "a link from another environment: {there}");
    let nothing = leads("/flags/fast-payment/incidents/latest?env=staging").await;
    assert_eq!(nothing, format!("{HEALTH}?env=staging"), "nothing happened there");
    for missing in ["1", "999999", "x", "-1"] {
        let address = format!("/flags/fast-payment/incidents/{missing}");
        let answer = app.request(Method::GET, &address).header("Cookie", &product).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 404, "{address}");
        assert!(answer.text().await.expect("a page").contains("This incident"), "{address}");
    }
}

#[tokio::test]
async fn whoever_has_a_link_reads_one_incident_without_an_account() {
    let (app, product, path) = stopped().await;
    let share = format!("{path}/share");
    for (role, expected) in [(Role::Viewer, 403), (Role::Support, 200)] {
        let cookie = app.sign_in(role).await;
        let answer = app.form(&share, Some(&cookie), &[]).send().await.expect("an answer");
        assert_eq!(answer.status(), expected, "{role:?}");
    }
    let unknown = app.form("/flags/fast-payment/incidents/1/share", Some(&product), &[]).send().await;
    assert_eq!(unknown.expect("an answer").status(), 404);
    let html =
        app.form(&share, Some(&product), &[]).send().await.expect("an answer").text().await.expect("a page");
    let link = html.split("/shared/").nth(1).and_then(|it| it.split('"').next()).expect("a link");
    assert!(!app.html(&product, &path).await.contains("/shared/"), "shown once");

    let read = async |token: &str| {
        let answer = app.request(Method::GET, &format!("/shared/{token}")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.expect("a page"))
    };
    let (status, headers, html) = read(link).await;
    assert_eq!((status, headers["referrer-policy"].as_bytes()), (200, &b"no-referrer"[..]), "{html}");
    for told in ["was stopped", "above the limit of 5 %", "150 of 200", "It is still stopped"] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let body = html.split("<body").nth(1).expect("a body");
    assert!(!body.contains("href=\"/flags"), "no way further in: {body}");
    let audit = app.html(&app.sign_in(Role::Admin).await, "/audit?action=incident_shared").await;
    assert!(
        audit
            .contains("by the guard on fast-payment in production: whoever has the link reads it for 7 days"),
        "{audit}"
    );
    assert!(!audit.contains(link), "the log does not give it away");

    let seq = path.rsplit('/').next().expect("a number");
    let address = format!("/api/v1/flags/fast-payment/incidents/{seq}/share?environment=production");
    let token = app.workspace_token(Role::Support).await;
    let (status, shared) = app.rest(&token, Method::POST, &address, None).await;
    assert_eq!(status, 201, "{shared}");
    let by_rest = shared["link"].as_str().and_then(|it| it.rsplit('/').next()).expect("a link");
    assert_eq!(read(by_rest).await.0, 200);
    for forged in [seq, "x", "", &link[1..], &format!("9{link}"), &"y".repeat(5000)] {
        assert!([404, 410, 414].contains(&read(forged).await.0), "{forged}");
    }
    app.clock.advance(8 * 86_400_000);
    let (status, _, html) = read(link).await;
    assert_eq!(status, 410, "{html}");
    assert!(html.contains("This link has expired") && !html.contains("150 of 200"), "{html}");
}

/// What a page says in whole sentences, each with how often. What is drawn, and lists
/// of numbers, say none.
fn sentences(html: &str) -> BTreeMap<String, usize> {
    let body = html.split("<main").nth(1).and_then(|it| it.split("</main>").next()).expect("a page");
    let mut said = BTreeMap::new();
    let (mut text, mut skipped) = (String::new(), 0_i32);
    let mut end = |text: &mut String| {
        let sentence = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if sentence.split(' ').count() > 4 {
            *said.entry(sentence.trim_end_matches('.').to_owned()).or_insert(0) += 1;
        }
        text.clear();
    };
    for part in body.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').unwrap_or((part, ""));
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        if ["svg", "table", "dl", "select", "form"].contains(&name) {
            skipped += if tag.starts_with('/') { -1 } else { 1 };
        }
        if !["span", "b", "strong", "a", "small", "time", "code", "i"].contains(&name)
            && !tag.starts_with('!')
        {
            end(&mut text);
        }
        if skipped == 0 {
            text.push_str(rest);
        }
    }
    end(&mut text);
    said
}

#[tokio::test]
async fn the_health_tab_says_no_sentence_twice() {
    let app = app().await;
    let product = app.sign_in(Role::Product).await;
    let check = async |state: &str| {
        for address in [HEALTH.to_owned(), format!("{HEALTH}?span=week"), format!("{HEALTH}?env=staging")] {
            let said = sentences(&app.html(&product, &address).await);
            let twice: Vec<_> = said.iter().filter(|(_, count)| **count > 1).collect();
            assert!(twice.is_empty(), "{state}, {address}: {twice:#?}");
        }
    };
    check("not rolled out").await;
    app.rules(FLAG, json!([everyone(50)])).await;
    check("not measured").await;
    app.run(3, FINE).await;
    app.look().await;
    check("measured").await;
    app.measure(FLAG, OUTAGE).await;
    eventually("it stops", async || app.is_stopped().await).await;
    app.look().await;
    check("stopped").await;
    app.clock.advance(60_000);
    app.resume().await;
    check("resumed").await;
    app.run(3, FINE).await;
    app.look().await;
    check("measured again").await;
    app.clock.advance(600_000);
    app.look().await;
    check("silent").await;
}
