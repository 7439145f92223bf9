//! `GET /api/v1/token`: what the token in hand is, for whoever sets up a program.

use axum::{Json, extract::State};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Problem, RestError};
use crate::edge::access::{Access, Caller};

/// The token of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenInfo {
    name: String,
    /// `server`, `client` or `admin`.
    kind: &'static str,
    /// Null: it counts in the whole workspace.
    environment: Option<String>,
    /// Of a management token: whose permissions it has.
    role: Option<&'static str>,
    /// Of a server token: whether it stores people.
    writes_traits: bool,
    /// The name of the member whose token it is.
    owner: Option<String>,
    /// Epoch milliseconds; null: it does not expire.
    expires_ms: Option<i64>,
}

/// What the token in hand is.
#[utoipa::path(
    get,
    path = "/api/v1/token",
    tag = "tokens",
    responses((status = 200, body = TokenInfo), (status = 401, body = Problem)),
)]
pub(crate) async fn get(State(access): State<Access>, parts: Parts) -> Result<Json<TokenInfo>, RestError> {
    let token = Caller::identify(&access, &parts).map_err(|(_, error)| error)?.token;
    Ok(Json(TokenInfo {
        name: token.name.clone(),
        kind: token.kind.as_str(),
        environment: token.environment().map(ToString::to_string),
        role: token.kind.role().map(store::Role::as_str),
        writes_traits: token.writes_traits,
        owner: token.owner.as_ref().map(|owner| owner.name.clone()),
        expires_ms: token.expires_ms,
    }))
}
