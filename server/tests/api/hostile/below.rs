//! Below a path of a proxy: every page of the router, and no address on it leads out of there.

use reqwest::Method;
use server::Config;

use super::{World, dom::Page};
use crate::app::TestApp;

const BASE: &str = "/tools/fader";

/// Every path that a browser would ask for: what stands in attributes, in the scripts of the page, and in what islands are
/// given.
fn addresses(html: &str) -> Vec<&str> {
    let named = ["href=\"", "src=\"", "action=\"", "data-worker=\"", "import(\"", "from \"", "'"];
    let found = named.iter().flat_map(|before| html.split(before).skip(1));
    let paths = found.filter(|rest| {
        let mut chars = rest.chars();
        chars.next() == Some('/') && chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
    });
    paths.map(|rest| rest.split(['"', '\'', '&', '?', '#']).next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn no_address_leads_out_of_the_path_that_a_proxy_shows() {
    let mut world = World::build().await;
    let public_url = format!("http://tools.test{BASE}/").parse().expect("an address");
    let config = Config { public_url: Some(public_url), ..Config::default() };
    let (url, clock) = (world.app.database_url.clone(), world.app.clock.clone());
    world.app = TestApp::start_on(&url, config, clock).await;
    let inside = |path: &str| path == BASE || path.starts_with(&format!("{BASE}/"));
    let (mut looked_at, mut leads_out) = (Vec::new(), Vec::new());
    world
        .crawl(|address, page: Page| {
            let actions = page.forms.iter().map(|form| &form.action).filter(|action| !action.is_empty());
            let outside = page.links.iter().chain(actions).filter(|link| {
                link.starts_with('/') && !inside(link.split(['?', '#']).next().unwrap_or_default())
            });
            leads_out.extend(outside.map(|link| format!("{address}: {link}")));
            looked_at.push(address.to_owned());
        })
        .await;
    let check = |address: &str, html: &str| -> (usize, Vec<String>) {
        let all = addresses(html);
        let outside = all.iter().filter(|path| !inside(path)).map(|path| format!("{address}: {path}"));
        (all.len(), outside.collect())
    };
    // With the path and without it: a proxy may take it off.
    let (mut pages, mut seen) = (0, 0);
    for address in looked_at.iter().filter(|address| inside(address.split('?').next().unwrap_or_default())) {
        let html = world.get(address).await.text().await.expect("a text");
        let (count, outside) = check(address, &html);
        leads_out.extend(outside);
        seen += count;
        pages += 1;
    }
    leads_out.sort();
    leads_out.dedup();
    assert!(leads_out.is_empty(), "{leads_out:#?}");
    assert!(pages > 40 && seen > 1000, "{pages} pages with {seen} addresses");
    for path in ["/no/such/page", "/sign-in"] {
        let html = world.app.get(path).await.text().await.expect("a text");
        let (count, outside) = check(path, &html);
        assert!(count > 0 && outside.is_empty(), "{outside:?}: {html}");
    }
    let too_long = format!("/?q={}", "x".repeat(30_000));
    let html = world.app.get(&too_long).await.text().await.expect("a text");
    let (count, outside) = check("a refusal of the edge", &html);
    assert!(count > 0 && outside.is_empty(), "{outside:?}: {html}");
}

#[tokio::test]
async fn forms_cookies_files_and_apis_stay_below_the_path() {
    let public_url = format!("http://tools.test{BASE}").parse().expect("an address");
    let app = TestApp::start_with(Config { public_url: Some(public_url), ..Config::default() }).await;
    let cookie = app.sign_in(store::Role::Admin).await;
    let text = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
    };
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let form = app.form(path, Some(&cookie), fields).header("Sec-Fetch-Site", "same-origin");
        form.send().await.expect("an answer")
    };
    for before in ["", BASE] {
        let key = format!("pay{}", before.len());
        let made =
            post(&format!("{before}/flags/new"), &[("name", "Pay"), ("key", &key), ("type", "boolean")])
                .await;
        assert_eq!((made.status().as_u16(), text(&made, "location")), (303, format!("{BASE}/flags/{key}")));
        assert!(text(&made, "set-cookie").contains(&format!("; Path={BASE};")), "{:?}", made.headers());
        // Signed out, one comes back to where one was.
        let away = app.get(&format!("{before}/flags/{key}?span=week")).await;
        let next = format!("{BASE}/sign-in?next=%2Fflags%2F{key}%3Fspan%3Dweek");
        assert_eq!(text(&away, "location"), next);
        let wrong = app.request(Method::GET, &format!("{before}/api/v1/nothing")).send().await;
        assert_eq!(wrong.expect("an answer").status(), 404);
        assert_eq!(app.get(&format!("{before}/healthz")).await.status(), 200);
        assert_eq!(app.get(&format!("{before}/widget.js")).await.status(), 200);
    }
    assert_eq!(app.get(BASE).await.status(), 303, "to the sign-in");
    assert_eq!(app.get("/tools/faders").await.status(), 404);
    let referred = app.form("/theme", None, &[("theme", "dark"), ("back", "/audit?q=x")]);
    let referred = referred.header("Sec-Fetch-Site", "same-origin").send().await.expect("an answer");
    assert_eq!(text(&referred, "location"), format!("{BASE}/audit?q=x"));
    let server = app.server_token().await;
    let all = app.evaluate_all(&server, &serde_json::json!({"targetingKey": "ada"})).send().await;
    let all: serde_json::Value = all.expect("an answer").json().await.expect("JSON");
    assert!(all.to_string().contains(&format!("\"{BASE}/ofrep/v1/stream/")), "{all}");
    let document: serde_json::Value = app.get("/api/v1/openapi.json").await.json().await.expect("JSON");
    assert_eq!(document["servers"][0]["url"], BASE);
}
