//! HTTP/2 on the same port, as proxies speak it: the same answers, shares, deadlines and reserves.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt as _, channel::mpsc};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::{Config, limits};
use store::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use crate::app::TestApp;

const PATIENCE: Duration = Duration::from_secs(5);
/// The preface and an empty SETTINGS.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const GOAWAY: u8 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

type Sent = BoxBody<Bytes, std::convert::Infallible>;

/// One connection, begun with HTTP/2 because the client knows that the server speaks it.
struct Client {
    sender: SendRequest<Sent>,
    connection: JoinHandle<()>,
    host: String,
}

fn whole(body: impl Into<Bytes>) -> Sent {
    Full::new(body.into()).boxed()
}

/// A body that does not come, and what it would be sent with.
fn hanging() -> (mpsc::UnboundedSender<Bytes>, Sent) {
    let (sender, parts) = mpsc::unbounded();
    let parts = parts.map(|part| Ok::<_, std::convert::Infallible>(Frame::data(part)));
    (sender, BodyExt::boxed(StreamBody::new(Box::pin(parts))))
}

impl Client {
    async fn connect(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.address).await.expect("connects");
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        let connection = tokio::spawn(async move { drop(connection.await) });
        Self { sender, connection, host: app.address.to_string() }
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Sent) -> Request<Sent> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).expect("a request")
    }

    /// Begins a request without waiting for its answer.
    fn begin(&self, request: Request<Sent>) -> JoinHandle<Response<Incoming>> {
        let mut sender = self.sender.clone();
        tokio::spawn(async move {
            sender.ready().await.expect("open");
            sender.send_request(request).await.expect("an answer")
        })
    }

    async fn send(&self, request: Request<Sent>) -> Response<Incoming> {
        tokio::time::timeout(PATIENCE, self.begin(request)).await.expect("in time").expect("runs")
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        self.send(self.request(Method::GET, path, headers, whole(""))).await
    }

    fn decision(&self, token: &str) -> Request<Sent> {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = json!({"context": {"targetingKey": "u-1"}}).to_string();
        self.request(Method::POST, "/ofrep/v1/evaluate/flags/fast-payment", &headers, whole(body))
    }

    /// A sign-in whose password never comes.
    fn hang(&self) -> (mpsc::UnboundedSender<Bytes>, JoinHandle<Response<Incoming>>) {
        let (sender, body) = hanging();
        let origin = format!("http://{}", self.host);
        let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        (sender, self.begin(self.request(Method::POST, "/sign-in", &headers, body)))
    }

    async fn ends(self) {
        let Self { sender, connection, .. } = self;
        tokio::time::timeout(PATIENCE, connection).await.expect("closed in time").expect("runs");
        drop(sender);
    }
}

async fn text(response: Response<Incoming>) -> String {
    let bytes = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.expect("in time");
    String::from_utf8(bytes.expect("whole").to_bytes().to_vec()).expect("text")
}

#[tokio::test]
async fn decisions_pages_forms_and_streams_are_the_same_over_http2() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.client_token().await;
    let cookie = app.sign_in(Role::Product).await;
    let client = Client::connect(&app).await;
    assert!(text(client.send(client.decision(&token)).await).await.contains("\"value\":false"));

    let desk = client.get("/", &[("cookie", &cookie)]).await;
    assert_eq!(desk.status(), StatusCode::OK);
    assert!(text(desk).await.contains("/flags/fast-payment"));

    // Where a form comes from is held against the address of the request, which HTTP/2 says elsewhere.
    let stop = |origin: &str| {
        let headers = [
            ("cookie", cookie.as_str()),
            ("origin", origin),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        client.request(Method::POST, "/flags/fast-payment/stop", &headers, whole("reason=x"))
    };
    assert_eq!(client.send(stop("http://evil.test")).await.status(), StatusCode::FORBIDDEN);

    let bulk: Json = app
        .evaluate_all(&token, &json!({"targetingKey": "u-1"}))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path").to_owned();
    let stream = client.get(&path, &[]).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let stopped = client.send(stop(&format!("http://{}", client.host))).await;
    assert_eq!(stopped.status(), StatusCode::SEE_OTHER);
    let mut body = pin!(stream.into_body());
    let heard = async {
        let mut heard = String::new();
        while !heard.contains("refetchEvaluation") {
            let frame = body.frame().await.expect("goes on").expect("is open");
            heard.push_str(std::str::from_utf8(&frame.into_data().expect("data")).expect("text"));
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("told in time");
}

#[tokio::test]
async fn each_request_beside_another_takes_the_place_of_a_connection() {
    let config = Config { connections_max: 8, connections_per_address_max: Some(4), ..Config::default() };
    let app = TestApp::start_with(config).await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let client = Client::connect(&app).await;
    let mut hanging: Vec<_> = (0..4).map(|_| client.hang()).collect();
    let refused = async {
        loop {
            let answer = client.send(client.decision(&token)).await;
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                break answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("four are under way");
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert!(refused.headers().contains_key("x-request-id"));

    // One that is taken back gives its place back.
    let (sender, answer) = hanging.pop().expect("one");
    answer.abort();
    drop(sender);
    let answered = async {
        while client.send(client.decision(&token)).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("there is room again");
}

#[tokio::test]
async fn a_slow_body_has_its_deadline_over_http2_too() {
    let config = Config { body_read_max: Duration::from_millis(300), ..Config::default() };
    let app = TestApp::start_with(config).await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let client = Client::connect(&app).await;
    let (sender, answer) = client.hang();
    sender.unbounded_send(Bytes::from_static(b"x")).expect("open");
    let decided = client.send(client.decision(&token)).await;
    assert_eq!(decided.status(), StatusCode::OK, "others on the same connection do not wait");
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("in time").expect("runs");
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let app = TestApp::start().await;
    let client = Client::connect(&app).await;
    let long = "x".repeat(limits::HEADER_BYTES_MAX);
    let request = client.request(Method::GET, "/readyz", &[("x-long", &long)], whole(""));
    let mut sender = client.sender.clone();
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.expect("in time");
    // The client knows the limit, or the server says so.
    assert!(answer.map_or(true, |it| it.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    assert_eq!(client.get("/readyz", &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn idle_connections_and_half_a_greeting_are_closed() {
    let config = Config {
        idle_max: Duration::from_millis(400),
        head_read_max: Duration::from_millis(400),
        ..Config::default()
    };
    let app = TestApp::start_with(config).await;
    let client = Client::connect(&app).await;
    assert_eq!(client.get("/readyz", &[]).await.status(), StatusCode::OK);
    client.ends().await;

    for begun in [&HELLO[..10], HELLO] {
        let mut stream = TcpStream::connect(app.address).await.expect("connects");
        stream.write_all(begun).await.expect("sent");
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "closed after {} bytes", begun.len());
    }
}

#[tokio::test]
async fn when_the_server_stops_what_is_under_way_is_answered() {
    let mut app = TestApp::start().await;
    let client = Client::connect(&app).await;
    let cookie = app.sign_in(Role::Viewer).await;
    let live = client.get("/live?since=0", &[("cookie", &cookie)]).await;
    assert_eq!(live.status(), StatusCode::OK);
    let started = Instant::now();
    app.stop().await;
    assert!(started.elapsed() < PATIENCE, "no stream keeps it");
    client.ends().await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Requests that are taken back at once, thousands of them, cost the sender its connection and nobody else anything.
#[tokio::test]
async fn whoever_takes_back_thousands_of_requests_is_closed() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    // `GET http://x/`, as HPACK: three entries of the static table, and a literal authority.
    let head = b"\x82\x86\x84\x41\x01x";
    let mut bytes = HELLO.to_vec();
    for at in 0..5_000 {
        let stream = at * 2 + 1;
        bytes.extend(frame(1, 0b101, stream, head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut stream = TcpStream::connect(app.address).await.expect("connects");
    // It may be closed before it has all.
    drop(stream.write_all(&bytes).await);
    let other = app.evaluate(&token, "fast-payment", &json!({"targetingKey": "u-1"})).send();
    let other = tokio::time::timeout(PATIENCE, other).await.expect("at once").expect("an answer");
    assert_eq!(other.status(), 200);

    let mut answer = Vec::new();
    let mut part = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            answer.extend_from_slice(&part[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("it is closed");
    let mut rest = answer.as_slice();
    let mut reason = None;
    while let [a, b, c, kind, _, _, _, _, _, tail @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((payload, tail)) = tail.split_at_checked(length) else { break };
        if *kind == GOAWAY {
            reason = payload.get(4..8).map(|it| u32::from_be_bytes(it.try_into().expect("four")));
        }
        rest = tail;
    }
    assert_eq!(reason, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn no_header_of_http1_alone_is_sent() {
    let app = TestApp::start().await;
    let client = Client::connect(&app).await;
    let answer = client.get("/sign-in", &[]).await;
    let headers = answer.headers();
    assert!(!headers.contains_key(header::CONNECTION) && !headers.contains_key(header::TRANSFER_ENCODING));
    assert_eq!(answer.version(), http::Version::HTTP_2);
}
