//! `/api/v1/flags/{key}/incidents`: links by which somebody without an account reads what the guard did.

use app::site::Site;
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    at_flag::AtFlag,
    error::{Problem, RestError},
    frame::{self, Names, made_secret},
};

/// A link that is told here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct SharedIncident {
    /// Whoever has it reads this incident, and nothing else.
    link: String,
    until_at: String,
}

/// Makes a link to one act of the guard, by which somebody without an account reads it.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/incidents/{seq}/share",
    tag = "health",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("seq" = String, Path, description = "The audit entry of the act"),
    ),
    responses((status = 201, body = SharedIncident), (status = 404, body = Problem)),
)]
pub(crate) async fn share(
    at: AtFlag,
    Names((_, seq)): Names<(String, String)>,
    State(site): State<Site>,
) -> Result<Response, RestError> {
    let reader = at.manager.principal.audit_reader()?;
    let missing = || RestError::NotFound("incident");
    let seq: u64 = seq.parse().map_err(|_| missing())?;
    let made = at.store.share_incident(&reader, &at.environment, &at.flag, seq).await?;
    let (token, until_ms) = made.ok_or_else(missing)?;
    let link = site.absolute(&app::flag::incident::shared::path(&token));
    Ok(made_secret(SharedIncident { link, until_at: frame::at(until_ms) }))
}
