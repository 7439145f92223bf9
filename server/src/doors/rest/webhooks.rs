//! `/api/v1/webhooks`: addresses that are told what the guard and the plans do.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::WebhookId;
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    frame::{Asked, Names, Parameters, Writing, at, made_secret},
    paging::{self, Part},
};
use crate::Config;

/// Webhooks, in the order in which they were added.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookList {
    webhooks: Vec<WebhookView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct WebhookView {
    id: i64,
    /// Scheme and host: the rest of the address may be a secret.
    place: String,
    created_at: String,
    created_by: String,
    /// When the last message arrived.
    last_arrived_at: Option<String>,
    /// Why the last one did not.
    last_problem: Option<String>,
    /// Messages that are still being tried.
    waiting: u64,
}

/// An address to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// `https://hooks.example.org/fader`
    url: String,
}

/// A webhook, with the secret that its messages are signed with: it is told here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeWebhook {
    id: i64,
    secret: String,
}

/// Who is told. For admins.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    params(Part),
    responses((status = 200, body = WebhookList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<WebhookList>, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let (limit, after) = (paging::limit(part.limit)?, paging::number::<i64>(part.cursor.as_deref())?);
    let all = asked.store.list_webhooks(&administrator).await?;
    let is_after = |id: &i64| after.is_none_or(|after| *id > after);
    let (all, next) = paging::part(all, |it| it.id.get(), is_after, limit);
    let view = |it: store::Webhook| WebhookView {
        id: it.id.get(),
        place: it.place,
        created_at: at(it.created_ms),
        created_by: it.created_by,
        last_arrived_at: it.last_done_ms.map(at),
        last_problem: it.last_problem,
        waiting: it.waiting,
    };
    Ok(Json(WebhookList { webhooks: all.into_iter().map(view).collect(), next }))
}

/// Adds a webhook. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    request_body = NewWebhook,
    responses((status = 201, body = MadeWebhook)),
)]
pub(crate) async fn create(State(config): State<Arc<Config>>, asked: Writing) -> Result<Response, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<NewWebhook>().await?;
    let (id, secret) = asked.store.create_webhook(&administrator, &sent.value.url, config.webhooks).await?;
    Ok(made_secret(MadeWebhook { id: id.get(), secret }))
}

/// Deletes a webhook, with what still waits to be sent there. For admins.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "Its number")),
    responses((status = 204)),
)]
pub(crate) async fn delete(asked: Asked, Names(id): Names<String>) -> Result<StatusCode, RestError> {
    let administrator = asked.recent_administrator()?;
    asked.store.delete_webhook(&administrator, webhook(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test message. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{id}/test",
    tag = "webhooks",
    params(("id" = String, Path, description = "Its number")),
    responses((status = 202, description = "It is on its way"), (status = 422, body = Problem)),
)]
pub(crate) async fn test(asked: Asked, Names(id): Names<String>) -> Result<StatusCode, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    asked.store.test_webhook(&administrator, webhook(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}

fn webhook(text: &str) -> Result<WebhookId, RestError> {
    text.parse().map_err(|_| RestError::NotFound("webhook"))
}
