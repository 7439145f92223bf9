//! The whole server in this process, on a database of its own with the demo in it: doors are fuzzed as clients find them.

use std::{net::SocketAddr, num::NonZeroU32, sync::LazyLock};

use axum::{Router, body::Body, extract::ConnectInfo};
use engine::EnvironmentKey;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use server::{Config, Server};
use store::{Clock, NewToken, Principal, Store, TokenKind};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

const NOW_MS: i64 = 1_800_000_000_000;
const ENVIRONMENT: &str = "production";
/// Where pages of the client token are.
const ORIGIN: &str = "https://shop.test";
/// What a request takes beside its body: headers, the router's state, an answer that lists every flag of the demo.
const REQUEST_BYTES_MAX: usize = 512 * 1024;

pub static WORLD: LazyLock<World> = LazyLock::new(World::start);

/// Whose token a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Server,
    Client,
}

pub struct World {
    runtime: Runtime,
    app: Router,
    server_token: String,
    client_token: String,
    /// The demo's flags, without archived ones.
    pub flags: Vec<String>,
}

/// What a door said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an answer in JSON")
    }

    /// Not now: says nothing about what was sent.
    pub fn is_later(&self) -> bool {
        let later = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            !later || self.headers.contains_key(header::RETRY_AFTER),
            "{} without Retry-After",
            self.status
        );
        later
    }
}

impl World {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (app, server_token, client_token, flags) = runtime.block_on(start());
        Self { runtime, app, server_token, client_token, flags }
    }

    /// Posts `body`, within what one request may take for a body that is `decoded_bytes` long when it is unpacked.
    pub fn post(
        &self,
        sender: Sender,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: &[u8],
        decoded_bytes: usize,
    ) -> Answer {
        let token = match sender {
            Sender::Server => &self.server_token,
            Sender::Client => &self.client_token,
        };
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        if sender == Sender::Client {
            request = request.header(header::ORIGIN, ORIGIN);
        }
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        let answer = crate::memory::within(REQUEST_BYTES_MAX + 4 * decoded_bytes, || {
            self.runtime.block_on(async {
                let (parts, body) = self.app.clone().oneshot(request).await.expect("an answer").into_parts();
                let body = body.collect().await.expect("a whole answer").to_bytes().to_vec();
                Answer { status: parts.status, headers: parts.headers, body }
            })
        });
        assert_ne!(
            answer.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        answer
    }
}

async fn start() -> (Router, String, String, Vec<String>) {
    // It is removed with the folder for temporary files that the script gives to every run.
    let folder = tempfile::tempdir().expect("a folder").keep();
    let url = format!("sqlite://{}", folder.join("fader.db").display());
    let store = Store::open(&url, Clock::manual(NOW_MS)).await.expect("a database");
    let administrator = Principal::command_line().recent_administrator(NOW_MS).expect("may");
    store.seed_demo(&administrator).await.expect("the demo");
    let environment = EnvironmentKey::parse(ENVIRONMENT).expect("a key");
    let token = |kind, origins: &[&str]| NewToken {
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        ..NewToken::new(format!("{kind:?}"), kind, environment.clone())
    };
    let server_token =
        store.create_token(&administrator, token(TokenKind::Server, &[])).await.expect("a token");
    let client_token =
        store.create_token(&administrator, token(TokenKind::Client, &[ORIGIN])).await.expect("a token");
    // Allowances would make every input the same.
    let config = Config {
        evaluations_per_second: NonZeroU32::MAX,
        client_events_per_second: NonZeroU32::MAX,
        client_events_per_address_per_minute: NonZeroU32::MAX,
        ..Config::default()
    };
    let server = Server::start(store.clone(), config).await.expect("a server");
    let snapshot = store.live().snapshot(ENVIRONMENT).expect("the environment");
    let answered = snapshot.flags().filter(|flag| !flag.is_archived());
    let mut flags: Vec<_> = answered.map(|flag| flag.flag().key.to_string()).collect();
    flags.sort();
    (server::app(&server), server_token, client_token, flags)
}
