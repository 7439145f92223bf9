//! `TestApp`: a server of its own on a free port, with a database of its own and a clock that the test moves.

use std::net::SocketAddr;

use engine::EnvironmentKey;
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value as Json, json};
use server::{Config, Server};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use store::{
    Clock, FlagEditor, NewToken, Principal, RecentAdministrator, RequestOrigin, Role, Store, TokenKind,
    TokenScope, Viewer,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub const NOW_MS: i64 = 1_800_000_000_000;
pub const PASSWORD: &str = "correct horse battery staple";

pub struct TestApp {
    pub store: Store,
    pub url: String,
    pub database_url: String,
    pub address: SocketAddr,
    pub clock: Clock,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _files: Option<TempDir>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    pub async fn start_with(config: Config) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", files.path().join("fader.db").display());
        Self { _files: Some(files), ..Self::start_on(&url, config, Clock::manual(NOW_MS)).await }
    }

    /// One copy of the server on a database that may have others.
    pub async fn start_on(database_url: &str, config: Config, clock: Clock) -> Self {
        let store = Store::open(database_url, clock.clone()).await.expect("a database");
        Self::start_over(store, database_url, config, clock).await
    }

    /// The server over a store that was opened in some way of its own.
    pub async fn start_over(store: Store, database_url: &str, config: Config, clock: Clock) -> Self {
        let server = Server::start(store.clone(), config).await.expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            server::serve(listener, &server, server::app(&server), async { drop(stopped.await) }).await;
        });
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self {
            store,
            url: format!("http://{address}"),
            database_url: database_url.to_owned(),
            address,
            clock,
            http,
            stop: Some(stop),
            serving: Some(serving),
            _files: None,
        }
    }

    /// SQL behind the store's back; on SQLite.
    pub async fn sql(&self, sql: &str) {
        let mut connection = SqliteConnection::connect(&self.database_url).await.expect("connects");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("works");
    }

    /// Tells the server to stop and waits until it has.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            serving.await.expect("stops");
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    pub async fn server_token(&self) -> String {
        self.token(TokenKind::Server, "production", &[]).await
    }

    pub async fn client_token(&self) -> String {
        self.token(TokenKind::Client, "production", &["https://shop.test"]).await
    }

    pub async fn token(&self, kind: TokenKind, environment: &str, origins: &[&str]) -> String {
        let new = NewToken {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            ..NewToken::new(format!("{kind:?} of a test"), kind, environment_key(environment))
        };
        self.store.create_token(&administrator(), new).await.expect("a token")
    }

    /// A management token for the whole workspace.
    pub async fn workspace_token(&self, role: Role) -> String {
        self.owned(role, TokenScope::Workspace).await
    }

    /// A management token of a member of its role.
    pub async fn owned(&self, role: Role, scope: TokenScope) -> String {
        let (email, name) =
            (format!("owner-{}@example.test", role.as_str()), format!("Owner {}", role.as_str()));
        // They may be there already.
        drop(self.store.invite_member(&administrator(), &email, &name, role).await);
        let new = NewToken {
            owner: Some(email),
            ..NewToken::new(format!("{role} for {scope} of a test"), TokenKind::Admin(role), scope)
        };
        self.store.create_token(&administrator(), new).await.expect("a token")
    }

    /// A server token that may store people.
    pub async fn writing_token(&self) -> String {
        let new = NewToken {
            writes_traits: true,
            ..NewToken::new("writing of a test", TokenKind::Server, environment_key("production"))
        };
        self.store.create_token(&administrator(), new).await.expect("a token")
    }

    pub async fn revoke(&self, name: &str) {
        let tokens = self.store.list_tokens(&administrator()).await.expect("tokens");
        let token = tokens.iter().find(|token| token.name.contains(name)).expect("that token");
        self.store.revoke_token(&administrator(), token.id).await.expect("revoked");
    }

    pub fn evaluate(&self, token: &str, flag: &str, context: &Json) -> RequestBuilder {
        let path = format!("/ofrep/v1/evaluate/flags/{flag}");
        self.request(Method::POST, &path).bearer_auth(token).json(&json!({ "context": context }))
    }

    pub fn evaluate_all(&self, token: &str, context: &Json) -> RequestBuilder {
        let path = "/ofrep/v1/evaluate/flags";
        self.request(Method::POST, path).bearer_auth(token).json(&json!({ "context": context }))
    }

    /// The decision on one flag; the answer has to be 200.
    pub async fn decision(&self, token: &str, flag: &str, context: Json) -> Json {
        let answer = self.evaluate(token, flag, &context).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{flag} for {context}");
        answer.json().await.expect("JSON")
    }

    /// A member of this role, signed in: the `Cookie` header.
    pub async fn sign_in(&self, role: Role) -> String {
        let email = format!("{}@example.test", role.as_str());
        let added = self.store.add_user(&administrator(), &email, "A member", role, PASSWORD).await;
        added.expect("a member");
        let session = self.store.sign_in(&email, PASSWORD, &RequestOrigin::default(), "test").await;
        format!("fader_session={}", session.expect("a session").token)
    }

    /// A form as the browser sends it from our own page.
    pub fn form(&self, path: &str, cookie: Option<&str>, fields: &[(&str, &str)]) -> RequestBuilder {
        let request = self.request(Method::POST, path).header(header::ORIGIN, &self.url);
        let request = cookie.into_iter().fold(request, |request, it| request.header(header::COOKIE, it));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
    }
}

pub fn editor() -> FlagEditor {
    Principal::command_line().flag_editor().expect("may")
}

pub fn administrator() -> RecentAdministrator {
    Principal::command_line().recent_administrator(NOW_MS).expect("may")
}

pub fn viewer() -> Viewer {
    Principal::command_line().viewer()
}

pub fn environment_key(key: &str) -> EnvironmentKey {
    EnvironmentKey::parse(key).expect("a key")
}
