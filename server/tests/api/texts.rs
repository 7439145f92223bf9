//! What no text may be, at every door: a NUL, or longer than it can be used. And what a request says of its host, which
//! is not believed.

use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value as Json, json};
use server::Config;
use store::Role;

use crate::app::{PASSWORD, TestApp};

async fn text(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

#[tokio::test]
async fn a_nul_is_refused_at_every_door() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    app.boolean_flag("pay").await;
    for path in [
        "/audit?q=%00",
        "/audit?actor=a%00",
        "/audit?key=%00",
        "/feedback?q=%00",
        "/feedback?subject=%00",
        "/people?q=%00",
        "/people/a%00b",
        "/flags/pay/exposures?cursor=%00",
        "/testers/%00",
        "/join/%00",
        "/invite/%00",
        "/?q=%00&tag=%00",
        "/groups?q=%00",
        "/search?q=%00",
        "/audit/export.csv?actor=%00",
        "/widget.js?%00",
    ] {
        let answer =
            app.request(Method::GET, path).header(header::COOKIE, &cookie).send().await.expect("an answer");
        let (status, page) = text(answer).await;
        assert_eq!(status, 400, "{path}");
        assert!(page.contains("holds the character NUL"), "{path}: {page}");
    }
    for (path, field) in [
        ("/flags/new", "name"),
        ("/sign-in", "email"),
        ("/settings/members", "email"),
        ("/call/find", "query"),
    ] {
        let answer = app.form(path, Some(&cookie), &[(field, "a\0b"), ("do", "invite")]).send().await;
        let (status, page) = text(answer.expect("an answer")).await;
        assert_eq!(status, 400, "{path}");
        assert!(page.contains("holds the character NUL"), "{path}: {page}");
    }
    let file = "--x\r\nContent-Disposition: form-data; name=\"table\"\r\n\r\nid\na\0\r\n--x--\r\n";
    let upload = app.form("/import/people", Some(&cookie), &[]);
    let upload = upload.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x").body(file);
    assert_eq!(text(upload.send().await.expect("an answer")).await.0, 400);
    let token = app.writing_token().await;
    for (method, path, body) in [
        (Method::POST, "/api/v1/feedback", json!({"subject": "a", "comment": "\0", "rating": 1})),
        (Method::PUT, "/api/v1/people/a", json!({"traits": {"tier": "a\0"}})),
        (Method::POST, "/ofrep/v1/evaluate/flags/pay", json!({"context": {"targetingKey": "a\0"}})),
        (Method::GET, "/api/v1/flags/pay/exposures?variant=%00", json!(null)),
        (Method::GET, "/api/v1/people/%00", json!(null)),
    ] {
        let answer =
            app.request(method, path).bearer_auth(&token).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
        let problem: Json = answer.json().await.expect("JSON");
        assert!(problem.to_string().contains("NUL"), "{path}: {problem}");
    }
    for (comment, status) in [("it shows 100%00", 201), ("it shows \\u0000", 400)] {
        let body = format!("{{\"subject\": \"a\", \"rating\": 1, \"comment\": \"{comment}\"}}");
        let request = app.request(Method::POST, "/api/v1/feedback").bearer_auth(&token).body(body);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(request.send().await.expect("an answer").status(), status, "as curl sends it: {comment}");
    }
    let fine = app.evaluate(&token, "pay", &json!({"targetingKey": "a", "path": "C:\\u0000"})).send().await;
    assert_eq!(fine.expect("an answer").status(), 200, "a backslash and a number are no NUL");
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_any_work() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Viewer).await;
    let long = "x ".repeat(200_000);
    let search = [("environment", "production"), ("query", &*long)];
    let (status, answer) =
        text(app.form("/call/find", Some(&cookie), &search).send().await.expect("an answer")).await;
    assert_eq!((status, answer.contains("longer than 200 characters")), (422, true), "{answer}");
    for path in [
        "/search?q=",
        "/?q=",
        "/people?q=",
        "/groups?q=",
        "/audit?q=",
        "/feedback?q=",
        "/groups/a?tab=testers&q=",
    ] {
        let path = format!("{path}{}", "x".repeat(201));
        let answer =
            app.request(Method::GET, &path).header(header::COOKIE, &cookie).send().await.expect("an answer");
        let (status, page) = text(answer).await;
        assert_eq!(status, 414, "{path}");
        assert!(page.contains("at most 200 characters are looked at"), "{page}");
    }
    let name = "x".repeat(5_001);
    let (status, page) =
        text(app.form("/account", Some(&cookie), &[("name", &name)]).send().await.expect("an answer")).await;
    assert_eq!(status, 422);
    assert!(page.contains("5,001 characters, and 5,000 fit"), "{page}");
    let token = app.server_token().await;
    let path = format!("/api/v1/flags/a/exposures?variant={}", "x".repeat(4_001));
    let answer = app.request(Method::GET, &path).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 414);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_field_that_is_too_long_comes_back_to_be_shortened_with_all_the_others() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Product).await;
    let long = format!("\n<b>{}</b>", "å".repeat(5_000));
    let fields = [("key", "pay"), ("name", "Fast \"payment\""), ("description", &*long)];
    let (status, page) =
        text(app.form("/flags/new", Some(&cookie), &fields).send().await.expect("an answer")).await;
    assert_eq!(status, 422);
    let shown = format!(
        "<textarea name=\"description\" rows=\"12\" cols=\"80\">\n&#10;&lt;b&gt;{}",
        "å".repeat(5_000)
    );
    assert!(page.contains(&shown) && page.contains("Description: 5,008 characters, and 5,000 fit"), "{page}");
    for kept in [
        "<form method=\"post\" action=\"/flags/new\">",
        "<input type=\"hidden\" name=\"key\" value=\"pay\">",
        "value=\"Fast &quot;payment&quot;\"",
    ] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    let secret = [("old", "correct horse"), ("password", "a new one"), ("name", &*long)];
    let (_, page) = text(app.form("/account", Some(&cookie), &secret).send().await.expect("an answer")).await;
    assert!(page.contains("Go back in your browser") && !page.contains("correct horse"), "{page}");
}

#[tokio::test]
async fn links_never_lead_where_the_request_says() {
    let public_url = Some("https://fader.test".parse().expect("an address"));
    for (config, origin) in [
        (Config { public_url, ..Config::default() }, "https://fader.test"),
        (Config::default(), "http://127.0.0.1:3000"),
        (
            Config { listens_on: "0.0.0.0:8080".parse().expect("an address"), ..Config::default() },
            "http://localhost:8080",
        ),
    ] {
        let app = TestApp::start_with(config).await;
        let cookie = app.sign_in(Role::Admin).await.replace("fader_session", TestApp::session_name(origin));
        app.boolean_flag("pay").await;
        app.testers("testers", "u-1", None, None).await;
        let ask = |method: Method, path: &str, body: String| {
            app.request(method, path)
                .header(header::COOKIE, &cookie)
                .header("Sec-Fetch-Site", "same-origin")
                .header(header::HOST, "evil.test")
                .header("X-Forwarded-Host", "evil.test")
                .header("Forwarded", "host=evil.test")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body)
                .send()
        };
        let invite = "do=invite&email=new%40example.test&name=New&role=viewer";
        let join = "intent=invite&invite_purpose=a&capacity=5&closes=2030-01-01";
        for (method, path, body, link) in [
            (Method::POST, "/settings/members", invite, "/invite/"),
            (Method::POST, "/groups/testers?tab=testers", join, "/join/"),
            (Method::GET, "/feedback", "", "/widget.js"),
            (Method::GET, "/flags/pay/feedback", "", "/widget.js"),
        ] {
            let answer = ask(method, path, body.to_owned()).await.expect("an answer");
            let location = answer.headers().get(header::LOCATION).cloned();
            let (status, page) = text(answer).await;
            assert!(page.contains(&format!("{origin}{link}")), "{path}: {status} {location:?} {page}");
            assert!(!page.contains("evil.test"), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn every_cookie_is_secure_under_tls() {
    let public_url = Some("https://fader.test".parse().expect("an address"));
    let app = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    app.sign_in(Role::Admin).await;
    let (mut cookie, mut seen) = (String::new(), 0);
    let sign_in = [("email", "admin@example.test"), ("password", PASSWORD)];
    let person = [("name", "tier"), ("type", "text"), ("description", "")];
    for (path, fields) in [
        ("/sign-in", &sign_in[..]),
        ("/theme", &[("theme", "dark"), ("back", "/")]),
        ("/settings/attributes", &person),
        ("/sign-out", &[]),
    ] {
        let form = app.form(path, Some(&cookie), fields).header("Sec-Fetch-Site", "same-origin");
        let answer = form.send().await.expect("an answer");
        assert_eq!(answer.status(), 303, "{path}");
        for set in answer.headers().get_all(header::SET_COOKIE) {
            let set = set.to_str().expect("ascii");
            assert!(
                set.contains("; Secure") && set.contains("; HttpOnly") && set.contains("; SameSite="),
                "{set}"
            );
            seen += 1;
            if set.starts_with("__Host-") {
                set.split(';').next().expect("a pair").clone_into(&mut cookie);
            }
        }
    }
    assert!(seen >= 4, "the session, the theme, the toast, and the session's end: {seen}");
}

impl TestApp {
    /// `sign_in` says it as it is called over plain http.
    fn session_name(origin: &str) -> &'static str {
        if origin.starts_with("https") { "__Host-fader_session" } else { "fader_session" }
    }
}
