//! What surrounds the pages: headers, sessions, writes from other sites, bodies that are too large or too slow.

use std::{io, time::Duration};

use reqwest::{Method, Response, header};
use serde_json::json;
use server::Config;
use store::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::app::{PASSWORD, TestApp};

fn header<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn pages_carry_the_headers_that_protect_them() {
    let app = TestApp::start().await;
    app.sign_in(Role::Viewer).await;
    for path in ["/sign-in", "/no/such/page"] {
        let page = app.get(path).await;
        assert_eq!(header(&page, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&page, "x-frame-options"), "DENY");
        assert_eq!(header(&page, "cross-origin-opener-policy"), "same-origin");
        assert!(header(&page, "permissions-policy").contains("camera=()"));
        assert_eq!(header(&page, "strict-transport-security"), "", "no TLS, no HSTS");
        assert_eq!(header(&page, "x-request-id").len(), 16);
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let scripts =
            policy.split(';').find(|part| part.trim_start().starts_with("script-src")).unwrap_or_default();
        assert!(!scripts.contains("'unsafe-inline'"), "{scripts}");
    }
    let (one, two) = (app.get("/sign-in").await, app.get("/sign-in").await);
    assert_ne!(header(&one, "x-request-id"), header(&two, "x-request-id"));
    assert_ne!(
        header(&one, "content-security-policy"),
        header(&two, "content-security-policy"),
        "a nonce each"
    );
}

#[tokio::test]
async fn under_tls_the_browser_is_told_to_stay_there() {
    let public_url = Some("https://fader.test".parse().expect("an address"));
    let app = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    assert!(header(&app.get("/sign-in").await, "strict-transport-security").contains("max-age="));
}

#[tokio::test]
async fn an_admin_sets_how_long_feedback_is_kept() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    for (days, status, shown) in [("400", 303, "400"), ("0", 422, "0"), ("long", 422, "long")] {
        let fields = [("environment", "staging"), ("days", "180"), ("feedback_days", days)];
        let answer =
            app.form("/settings/environments", Some(&cookie), &fields).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{days}");
        let page = if status == 303 {
            let page = app.request(Method::GET, "/settings/environments").header("Cookie", &cookie);
            page.send().await.expect("a page").text().await.expect("text")
        } else {
            answer.text().await.expect("text")
        };
        assert!(page.contains(&format!("value=\"{shown}\"")) && page.contains("value=\"730\""), "{page}");
    }
}

#[tokio::test]
async fn an_admin_sets_how_long_an_environment_keeps_its_ledger() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let save = async |days| {
        let fields = [("environment", "staging"), ("days", days)];
        let answer =
            app.form("/settings/environments", Some(&cookie), &fields).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    let page = async || {
        let page = app.request(Method::GET, "/settings/environments").header("Cookie", &cookie);
        page.send().await.expect("a page").text().await.expect("text")
    };
    assert!(page().await.contains(r#"value="180""#), "as long as usual");
    assert_eq!(save("90").await.0, 303);
    assert!(page().await.contains(r#"value="90""#) && page().await.contains(r#"value="180""#), "one of two");
    for wrong in ["0", "9999", "-1", "long", ""] {
        let (status, page) = save(wrong).await;
        assert_eq!(status, 422, "{wrong}");
        assert!(page.contains("Keep this for 1 to 3650 days.") && page.contains(r#"value="180""#), "{page}");
    }
    assert!(page().await.contains(r#"value="90""#), "nothing was changed");
}

#[tokio::test]
async fn pages_are_compressed_and_health_is_plain() {
    let app = TestApp::start().await;
    app.sign_in(Role::Viewer).await;
    for encoding in ["br", "gzip"] {
        let page = app.request(Method::GET, "/sign-in").header("Accept-Encoding", encoding).send().await;
        assert_eq!(header(&page.expect("a page"), "content-encoding"), encoding);
    }
    assert_eq!(app.get("/healthz").await.text().await.expect("text"), "ok\n");
    assert_eq!(app.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn a_write_from_another_site_is_refused() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let post = || app.request(Method::POST, "/sign-out").header("Cookie", &cookie);
    for (name, request) in [
        ("another site", post().header("Sec-Fetch-Site", "cross-site").header("Origin", &app.url)),
        ("a sibling", post().header("Sec-Fetch-Site", "same-site").header("Origin", &app.url)),
        ("another origin", post().header("Origin", "http://evil.test")),
        ("no word of where from", post()),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{name}");
        assert!(header(&answer, "content-type").starts_with("text/html"), "{name}");
    }
    let own = post().header("Sec-Fetch-Site", "same-origin").send().await.expect("an answer");
    assert_ne!(own.status(), 403);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Viewer).await;
    let desk = async || {
        let answer = app.request(Method::GET, "/").header("Cookie", &cookie).send().await.expect("an answer");
        (answer.status().as_u16(), header(&answer, "location").to_owned())
    };
    assert_eq!(desk().await.0, 200);
    app.clock.advance(400 * 24 * 3_600_000);
    let (status, location) = desk().await;
    assert_eq!(status, 303);
    assert!(location.starts_with("/sign-in"), "{location}");
}

#[tokio::test]
async fn a_form_sent_after_the_session_ended_says_that_nothing_was_saved() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Product).await;
    app.clock.advance(400 * 24 * 3_600_000);
    let page = format!("{}/flags/new", app.url);
    let request = app.form("/flags/new", Some(&cookie), &[("name", "Late"), ("key", "late")]);
    let answer = request.header("Referer", page).send().await.expect("an answer");
    assert_eq!(answer.status(), 303, "from a browser that nobody signed in with before, nothing is read");
    let location = header(&answer, "location");
    assert_eq!(location, "/sign-in?next=%2Fflags%2Fnew&unsaved=1");
    let text = app.get(location).await.text().await.expect("a text");
    assert!(text.contains("nothing was saved"), "{text}");
    assert!(!app.get("/sign-in").await.text().await.expect("a text").contains("nothing was saved"));
}

#[tokio::test]
async fn addresses_and_forms_that_cannot_be_are_refused_as_pages() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Product).await;
    app.boolean_flag("a").await;
    let signed_in = |method: Method, path: &str| app.request(method, path).header("Cookie", &cookie);
    let post = |path: &str, fields: &[(&str, &str)]| app.form(path, Some(&cookie), fields);
    for (name, request, status) in [
        ("a number that is none", signed_in(Method::GET, "/audit/first"), 404),
        ("a number that is too large", post("/audit/99999999999999999999/revert", &[]), 404),
        ("bytes that are no text", signed_in(Method::GET, "/flags/%ff"), 404),
        ("a rollout without strips", post("/flags/a", &[("intent", "save"), ("expected", "1")]), 422),
        ("a type that is none", post("/flags/new", &[("name", "B"), ("key", "b"), ("type", "blob")]), 422),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}");
        assert!(header(&answer, "content-type").starts_with("text/html"), "{name}");
    }
}

#[tokio::test]
async fn signing_in_and_out_through_the_forms() {
    let app = TestApp::start().await;
    app.sign_in(Role::Product).await;
    let fields = [("email", "product@example.test"), ("password", PASSWORD)];
    let answer = app.form("/sign-in", None, &fields).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let desk = app.request(Method::GET, "/").header("Cookie", &cookie).send().await.expect("an answer");
    assert_eq!(desk.status(), 200);
    app.form("/sign-out", Some(&cookie), &[]).send().await.expect("an answer");
    let desk = app.request(Method::GET, "/").header("Cookie", &cookie).send().await.expect("an answer");
    assert_eq!(desk.status(), 303);
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_with_a_page() {
    let app = TestApp::start().await;
    let large = "x".repeat(5 * 1024 * 1024);
    let answer = app.form("/sign-in", None, &[("email", &large)]).send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    assert!(header(&answer, "content-type").starts_with("text/html"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() -> io::Result<()> {
    let app = TestApp::start().await;
    let mut stream = TcpStream::connect(app.address).await?;
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nContent-Length: 10\r\n\r\nx",
        app.address
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut answer)).await;
    read.expect("an answer in time")?;
    assert_eq!(&answer, b"HTTP/1.1 408");
    Ok(())
}

/// Browsers fill forms again when somebody goes back: the list would be another one than its filters say.
#[tokio::test]
async fn fields_that_filter_are_filled_by_the_address_alone() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.testers("beta", "ada", None, None).await;
    app.person("ada", json!({"name": "Ada"})).await;
    let cookie = app.sign_in(Role::Admin).await;
    let mut forms = 0;
    for path in [
        "/groups",
        "/groups/beta",
        "/groups/beta?tab=testers",
        "/people?q=ada",
        "/people/ada",
        "/feedback",
        "/audit?kind=flag",
        "/search?q=fast",
        "/flags/fast-payment/exposures",
        "/flags/fast-payment/try",
    ] {
        let page =
            app.request(Method::GET, path).header(header::COOKIE, &cookie).send().await.expect("a page");
        assert_eq!(page.status(), 200, "{path}");
        let html = page.text().await.expect("HTML");
        for form in html.split("<form").skip(1).filter_map(|rest| rest.split('>').next()) {
            if form.contains("method=\"get\"") {
                forms += 1;
                assert!(form.contains("autocomplete=\"off\""), "{path}: {form}");
            }
        }
    }
    assert!(forms >= 7, "{forms}");
}
