//! `/api/v1/tokens`: the tokens of the workspace. A secret stands in the answer that makes it and nowhere else; a token
//! that makes another makes one of its owner, which may no more than they may.

use axum::{Json, response::Response};
use engine::EnvironmentKey;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{
    Lifetime, NewToken, Role, Rotation, TokenHash, TokenId, TokenKind, TokenRow, TokenScope, TokenState,
    limits::TOKEN_OVERLAP_HOURS_DEFAULT,
};
use utoipa::ToSchema;

use super::{
    document::{Key, RoleWord, TokenKindWord},
    error::{Problem, RestError},
    fields,
    frame::{Asked, Names, Parameters, Writing, at, made_secret},
    paging::{self, Part},
};

/// The tokens of the workspace, newest first, without their secrets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenList {
    tokens: Vec<TokenView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TokenView {
    id: i64,
    name: String,
    #[schema(value_type = TokenKindWord)]
    kind: &'static str,
    /// Of a management token: it may what this role and its owner's may.
    #[schema(value_type = Option<RoleWord>)]
    role: Option<Role>,
    /// Null: it counts in the whole workspace.
    environment: Option<String>,
    origins: Vec<String>,
    stores_people: bool,
    owner: Option<TokenOwnerView>,
    /// The end of its secret.
    hint: String,
    state: TokenWord,
    created_at: String,
    created_by: String,
    /// Null: never.
    expires_at: Option<String>,
    last_used_at: Option<String>,
    /// A secret that was replaced works until then.
    replaced_until_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TokenOwnerView {
    name: String,
    email: String,
}

/// Whether a token works.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenWord {
    Active,
    ExpiresSoon,
    Expired,
    OwnerDisabled,
    Revoked,
}

/// A token to be made. It belongs to whoever makes it.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewToken)]
#[serde(deny_unknown_fields)]
pub(crate) struct Making {
    #[schema(min_length = 1)]
    name: String,
    #[schema(value_type = TokenKindWord)]
    kind: String,
    /// Of a management token (`admin`), which needs one.
    #[schema(value_type = Option<RoleWord>)]
    role: Option<String>,
    /// Null or left out: the whole workspace, for management tokens.
    #[schema(value_type = Option<Key>)]
    environment: Option<String>,
    /// Of a client token: at least one origin, or `*`.
    #[serde(default)]
    origins: Vec<String>,
    /// Of a server token.
    #[serde(default)]
    stores_people: bool,
    /// How long its secret works; 365 without it.
    #[schema(minimum = 1, maximum = 730)]
    expires_in_days: Option<u32>,
    /// For server and client tokens, on purpose: `expires_in_days` does not count then.
    #[serde(default)]
    never_expires: bool,
}

/// Another secret for a token.
#[derive(Deserialize, Default, ToSchema)]
#[schema(as = TokenRotation)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotating {
    /// How long the old secret works on; 24 without it, 0 ends it at once.
    #[schema(minimum = 0, maximum = 720)]
    overlap_hours: Option<u32>,
    /// How long its secret works; 365 without it.
    #[schema(minimum = 1, maximum = 730)]
    expires_in_days: Option<u32>,
    /// For server and client tokens, on purpose: `expires_in_days` does not count then.
    #[serde(default)]
    never_expires: bool,
}

/// A secret, which is told here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    id: i64,
    token: String,
    expires_at: Option<String>,
}

/// Whether a server token stores people.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    stores_people: bool,
}

/// The tokens of the workspace. For admins.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "tokens",
    params(Part),
    responses((status = 200, body = TokenList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<TokenList>, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let (limit, before) = (paging::limit(part.limit)?, paging::number::<i64>(part.cursor.as_deref())?);
    let mut all = asked.store.list_tokens(&administrator).await?;
    all.sort_by_key(|it| std::cmp::Reverse(it.id.get()));
    let is_after = |id: &i64| before.is_none_or(|before| *id < before);
    let (all, next) = paging::part(all, |it| it.id.get(), is_after, limit);
    let now_ms = asked.store.clock().now_ms();
    Ok(Json(TokenList { tokens: all.into_iter().map(|it| view(it, now_ms)).collect(), next }))
}

/// Makes a token. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "tokens",
    request_body = Making,
    responses((status = 201, body = MadeToken), (status = 404, body = Problem)),
)]
pub(crate) async fn create(asked: Writing) -> Result<Response, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<Making>().await?;
    let Making { name, kind, role, environment, origins, stores_people, expires_in_days, never_expires } =
        sent.value;
    let scope = match environment {
        None => TokenScope::Workspace,
        Some(key) => {
            let key = EnvironmentKey::try_from(key).map_err(|error| fields::wrong("/environment", error))?;
            TokenScope::from(key)
        }
    };
    let kind = TokenKind::parse(&kind, role.as_deref()).ok_or_else(|| {
        fields::wrong("/role", "a management token has one of the roles admin, product, qa, support, viewer")
    })?;
    let token = NewToken {
        origins,
        writes_traits: stores_people,
        lifetime: lifetime(expires_in_days, never_expires),
        ..NewToken::new(name, kind, scope)
    };
    let secret = asked.store.create_token(&administrator, token).await?;
    told(&asked, secret).await
}

/// Gives a token another secret; the old one works on for a while. Of a management token only its owner does. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{id}/rotate",
    tag = "tokens",
    params(("id" = String, Path, description = "Its number")),
    request_body(content = Option<Rotating>),
    responses((status = 201, body = MadeToken)),
)]
pub(crate) async fn rotate(Names(id): Names<String>, asked: Writing) -> Result<Response, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read_or_default::<Rotating>().await?;
    let Rotating { overlap_hours, expires_in_days, never_expires } = sent.value;
    let rotation = Rotation {
        overlap_hours: overlap_hours.unwrap_or(TOKEN_OVERLAP_HOURS_DEFAULT),
        lifetime: lifetime(expires_in_days, never_expires),
    };
    let secret = asked.store.rotate_token(&administrator, token_id(&id)?, rotation).await?;
    told(&asked, secret).await
}

/// Says whether a server token stores people. For admins.
#[utoipa::path(
    put,
    path = "/api/v1/tokens/{id}/grant",
    tag = "tokens",
    params(("id" = String, Path, description = "Its number")),
    request_body = Grant,
    responses((status = 204)),
)]
pub(crate) async fn grant(Names(id): Names<String>, asked: Writing) -> Result<StatusCode, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<Grant>().await?;
    asked.store.grant_traits(&administrator, token_id(&id)?, sent.value.stores_people).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a token: whatever is asked with it is refused from now on. For admins.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "tokens",
    params(("id" = String, Path, description = "Its number")),
    responses((status = 204)),
)]
pub(crate) async fn revoke(asked: Asked, Names(id): Names<String>) -> Result<StatusCode, RestError> {
    let administrator = asked.recent_administrator()?;
    asked.store.revoke_token(&administrator, token_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn token_id(text: &str) -> Result<TokenId, RestError> {
    text.parse().map_err(|_| RestError::NotFound("token"))
}

fn lifetime(days: Option<u32>, never: bool) -> Lifetime {
    match (never, days) {
        (true, _) => Lifetime::Never,
        (false, Some(days)) => Lifetime::Days(days),
        (false, None) => Lifetime::default(),
    }
}

/// With the number by which it is listed.
async fn told(asked: &Asked, secret: String) -> Result<Response, RestError> {
    let found = asked.store.live().token(&TokenHash::of(&secret), asked.store.clock().now_ms());
    let found = found.map_err(|_| RestError::NotFound("token"))?;
    Ok(made_secret(MadeToken { id: found.id.get(), expires_at: found.expires_ms.map(at), token: secret }))
}

fn view(it: TokenRow, now_ms: i64) -> TokenView {
    let state = match it.state(now_ms) {
        TokenState::Active => TokenWord::Active,
        TokenState::ExpiresSoon { .. } => TokenWord::ExpiresSoon,
        TokenState::Expired { .. } => TokenWord::Expired,
        TokenState::OwnerDisabled => TokenWord::OwnerDisabled,
        TokenState::Revoked { .. } => TokenWord::Revoked,
    };
    TokenView {
        id: it.id.get(),
        name: it.name,
        kind: it.kind.as_str(),
        role: it.kind.role(),
        environment: it.scope.environment().map(ToString::to_string),
        origins: it.origins,
        stores_people: it.writes_traits,
        owner: it.owner.map(|owner| TokenOwnerView { name: owner.name, email: owner.email }),
        hint: it.hint,
        state,
        created_at: at(it.created_ms),
        created_by: it.created_by,
        expires_at: it.expires_ms.map(at),
        last_used_at: it.last_used_ms.map(at),
        replaced_until_at: it.replaced_until_ms.map(at),
        revoked_at: it.revoked_ms.map(at),
    }
}
