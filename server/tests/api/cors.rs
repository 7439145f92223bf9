//! Which pages may use a client token, and read what it is answered.

use reqwest::{Method, Response};
use serde_json::json;
use store::TokenKind;

use crate::app::TestApp;

fn header<'r>(answer: &'r Response, name: &str) -> Option<&'r str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn a_preflight_allows_what_clients_send() {
    let app = TestApp::start().await;
    let request = app.request(Method::OPTIONS, "/ofrep/v1/evaluate/flags");
    let request =
        request.header("Origin", "https://shop.test").header("Access-Control-Request-Method", "POST");
    let answer =
        request.header("Access-Control-Request-Headers", "authorization,content-type,if-none-match").send();
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("https://shop.test"));
    assert!(header(&answer, "access-control-allow-methods").is_some_and(|it| it.contains("POST")));
    let allowed = header(&answer, "access-control-allow-headers").expect("there").to_ascii_lowercase();
    for name in ["authorization", "x-api-key", "if-none-match", "content-type", "traceparent", "tracestate"] {
        assert!(allowed.contains(name), "{name}");
    }
    assert!(header(&answer, "access-control-max-age").is_some());
    assert!(header(&answer, "vary").is_some_and(|it| it.contains("Origin")));
    assert_eq!(header(&answer, "access-control-allow-credentials"), None);
}

#[tokio::test]
async fn only_the_origins_of_a_client_token_may_use_it() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let client = app.client_token().await;
    let anywhere = app.token(TokenKind::Client, "production", &["*"]).await;
    let server = app.server_token().await;
    let shop = "https://shop.test";
    for (name, token, origin, status, readable) in [
        ("its own page", &client, Some(shop), 200, true),
        ("another page", &client, Some("https://evil.test"), 403, false),
        ("a page with another port", &client, Some("https://shop.test:8443"), 403, false),
        ("a sandboxed page", &client, Some("null"), 403, false),
        ("no page at all", &client, None, 200, false),
        ("any page", &anywhere, Some("https://evil.test"), 200, true),
        ("a server token in a browser", &server, Some(shop), 200, false),
    ] {
        for request in [
            app.evaluate_all(token, &json!({"targetingKey": "u"})),
            app.evaluate(token, "fast-payment", &json!({"targetingKey": "u"})),
        ] {
            let request = origin.into_iter().fold(request, |request, it| request.header("Origin", it));
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{name}");
            let allowed = header(&answer, "access-control-allow-origin");
            assert_eq!(allowed, origin.filter(|_| readable), "{name}");
            assert!(answer.headers().get_all("vary").iter().any(|it| it == "Origin"), "{name}");
            if readable {
                let exposed = header(&answer, "access-control-expose-headers").expect("there");
                assert!(exposed.contains("ETag") && exposed.contains("Retry-After"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_can_read_why_it_is_refused() {
    let app = TestApp::start().await;
    let client = app.client_token().await;
    let shop = "https://shop.test";
    let unknown = app.evaluate(&client, "unknown", &json!({})).header("Origin", shop).send().await;
    let wrong = app.evaluate_all("wrong", &json!({})).header("Origin", shop).send().await;
    for answer in [unknown.expect("an answer"), wrong.expect("an answer")] {
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(shop), "{}", answer.status());
    }
}
