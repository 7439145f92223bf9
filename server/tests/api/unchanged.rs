//! What is read carries an ETag; whoever holds the answer is told so.

use reqwest::{Method, header};
use serde_json::json;
use store::Role;

use crate::{app::TestApp, fixtures::everyone};

#[tokio::test]
async fn an_answer_that_is_held_is_not_sent_again() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(20)])).await;
    let token = app.management_token(Role::Product).await;
    let read = async |path: &str, held: &str| {
        let request = app.request(Method::GET, path).bearer_auth(&token).header(header::IF_NONE_MATCH, held);
        let answer = request.send().await.expect("an answer");
        let tag = answer.headers().get(header::ETAG).map(|it| it.to_str().expect("text").to_owned());
        (answer.status().as_u16(), tag.unwrap_or_default(), answer.text().await.expect("a body"))
    };
    let rollout = "/api/v1/flags/fast-payment/rollout";
    for path in
        [rollout, "/api/v1/flags", "/api/v1/flags/fast-payment", "/api/v1/token", "/api/v1/openapi.json"]
    {
        let (status, tag, body) = read(path, "\"none\"").await;
        assert!(
            status == 200 && tag.len() == 34 && tag.starts_with('"') && !body.is_empty(),
            "{path}: {tag}"
        );
        assert_eq!(read(path, &tag).await, (304, tag.clone(), String::new()), "{path}");
        assert_eq!(read(path, &format!("\"a\", W/{tag}")).await.0, 304, "{path}");
    }
    let (_, tag, _) = read(rollout, "").await;
    app.rules("fast-payment", json!([everyone(30)])).await;
    let (status, other, _) = read(rollout, &tag).await;
    assert!(status == 200 && other != tag, "another rollout");
    let (status, tag, _) = read("/api/v1/flags/nothing/rollout", "*").await;
    assert_eq!((status, tag.as_str()), (404, ""), "a refusal is always told");
}
