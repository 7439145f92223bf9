//! Pages and changes in turn: whoever keeps a request open is in nobody's way.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use store::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::app::TestApp;

/// Far less than the ten seconds that a body may take.
const AT_ONCE: Duration = Duration::from_secs(4);
/// More than are answered at the same time.
const MANY: usize = 64;

/// A request that the server has begun to answer, and whose body does not come.
async fn hang(app: &TestApp, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.expect("connects");
    let host = app.address;
    // The answer to `Expect` comes when somebody waits for the body.
    let head = format!(
        "{head}Host: {host}\r\nOrigin: http://{host}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut start = [0; 12];
    let read = stream.read_exact(&mut start);
    tokio::time::timeout(AT_ONCE, read).await.expect("its turn").expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 100");
    stream
}

async fn pages_and_changes_are_answered(app: &TestApp, cookie: &str, token: &str) {
    let page = app.request(Method::GET, "/").header("cookie", cookie).send();
    let page = tokio::time::timeout(AT_ONCE, page).await.expect("a page at once").expect("an answer");
    assert_eq!(page.status(), 200);
    let stop = app.form("/flags/pay/stop", Some(cookie), &[("environment", "production")]).send();
    let stop = tokio::time::timeout(AT_ONCE, stop).await.expect("a change at once").expect("an answer");
    assert!(!stop.status().is_server_error(), "{}", stop.status());
    let post =
        app.request(Method::POST, "/api/v1/people").bearer_auth(token).json(&json!({"people": []})).send();
    let post = tokio::time::timeout(AT_ONCE, post).await.expect("management at once").expect("an answer");
    assert!(!post.status().is_server_error(), "{}", post.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_strangers_that_never_come_keep_nobody_waiting() {
    let app = TestApp::start().await;
    let (token, cookie) = (app.writing_token().await, app.sign_in(Role::Admin).await);
    let mut hanging = Vec::new();
    for _ in 0..MANY {
        hanging.push(hang(&app, "POST /sign-in HTTP/1.1\r\n").await);
    }
    pages_and_changes_are_answered(&app, &cookie, &token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_tokens_and_members_that_never_come_keep_nobody_waiting() {
    let app = TestApp::start().await;
    let (token, cookie) = (app.writing_token().await, app.sign_in(Role::Admin).await);
    let mut hanging = Vec::new();
    for _ in 0..MANY {
        let of_token = format!("POST /api/v1/people HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
        hanging.push(hang(&app, &of_token).await);
        let of_member = format!("POST /flags/pay/stop HTTP/1.1\r\nCookie: {cookie}\r\n");
        hanging.push(hang(&app, &of_member).await);
    }
    pages_and_changes_are_answered(&app, &cookie, &token).await;
}
