//! A server of its own on a free port, with a SQLite file in a temporary folder.

use std::{net::SocketAddr, num::NonZeroU32};

use axum::{Json, Router, body::Bytes, routing::post};
use engine::{EnvironmentKey, Flag, FlagKey, Group, Rule};
use serde_json::json;
use server::{Config, Server};
use store::{
    Clock, Denied, FlagEditor, NewToken, Principal, RecentAdministrator, Store, StoreError, TokenKind,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub struct Installation {
    pub store: Store,
    pub server: Server,
    pub app: Router,
    pub address: SocketAddr,
    pub database_url: String,
    files: TempDir,
}

/// What a route of this server can do at best: it reads a body and answers with an empty object.
pub const EMPTY_ROUTE: &str = "/bench/empty";

impl Installation {
    pub async fn new() -> Result<Self, Error> {
        let files = tempfile::tempdir()?;
        let database_url = format!("sqlite://{}", files.path().join("fader.db").display());
        Self::open(database_url, files).await
    }

    /// Another server on the same database, after something was written behind the back of the first.
    pub async fn on(first: Self) -> Result<Self, Error> {
        first.store.close().await;
        Self::open(first.database_url, first.files).await
    }

    async fn open(database_url: String, files: TempDir) -> Result<Self, Error> {
        let store = Store::open(&database_url, Clock::System).await?;
        let config = Config { evaluations_per_second: NonZeroU32::MAX, ..Config::default() };
        let server = Server::start(store.clone(), config).await?;
        let empty = Router::new().route(EMPTY_ROUTE, post(|_: Bytes| async { Json(json!({})) }));
        let app = server::app(&server).merge(server::surround(&server, empty));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (served, serving) = (app.clone(), server.clone());
        tokio::spawn(async move {
            server::serve(listener, &serving, served, std::future::pending()).await;
        });
        Ok(Self { store, server, app, address, database_url, files })
    }

    pub async fn token(&self, kind: TokenKind) -> Result<String, Error> {
        let origins = match kind {
            TokenKind::Server | TokenKind::Admin(_) => Vec::new(),
            TokenKind::Client => vec!["*".to_owned()],
        };
        let new = NewToken { origins, ..NewToken::new("bench", kind, production()?) };
        Ok(self.store.create_token(&administrator()?, new).await?)
    }

    /// A group with three conditions.
    pub async fn group(&self, key: &str) -> Result<(), Error> {
        let test = |attribute: &str, operator: serde_json::Value| json!({"test": {"attribute": attribute, "operator": operator}});
        let group: Group = serde_json::from_value(json!({
            "key": key, "name": key,
            "condition": {"all": [
                test("tier", json!({"equals": "vip"})),
                test("country", json!({"one_of": ["NO", "SE", "DK"]})),
                test("transactions_30d", json!({"at_least": 30.0})),
            ]},
        }))?;
        self.store.create_group(&editor()?, group, "").await?;
        Ok(())
    }

    pub async fn flag(&self, key: &str) -> Result<(), Error> {
        let mut flag = Flag::boolean(FlagKey::parse(key)?, key);
        flag.lifecycle = engine::Lifecycle::Active;
        self.store.create_flag(&editor()?, flag).await?;
        Ok(())
    }

    /// The group's members at 100 %, then everyone at this share.
    pub async fn roll_out(&self, flag: &str, group: &str, per_cent: u32) -> Result<(), Error> {
        let rules: Vec<Rule> = serde_json::from_value(json!([
            {"id": "group", "audience": {"matching": {"groups": [group]}}, "percentage": 100_000},
            {"id": "everyone", "audience": "everyone", "percentage": per_cent * 1000},
        ]))?;
        let (environment, flag) = (production()?, FlagKey::parse(flag)?);
        let viewer = Principal::command_line().viewer();
        let found = self.store.find_rollout(&viewer, &environment, &flag).await?;
        let mut rollout = found.ok_or("the flag has no rollout")?;
        rollout.value.rules = rules;
        let editor = editor()?;
        self.store.save_rollout(&editor, &environment, &flag, rollout.version, rollout.value, "").await?;
        Ok(())
    }
}

pub fn production() -> Result<EnvironmentKey, Error> {
    Ok(EnvironmentKey::parse("production")?)
}

pub fn editor() -> Result<FlagEditor, Denied> {
    Principal::command_line().flag_editor()
}

pub fn administrator() -> Result<RecentAdministrator, StoreError> {
    Ok(Principal::command_line().recent_administrator(Clock::System.now_ms())?)
}
