//! One tester and one flag of an environment: keeping them from it, and showing them a variant before anybody else.

use axum::{Json, response::Response};
use engine::{Preview, SubjectKey, VariantKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    at_flag::AtFlag,
    document::{Comment, Key, Subject},
    error::{Problem, RestError},
    fields,
    frame::{self, Names, Parameters, made_secret},
};
use crate::edge::body::Unread;

/// Why somebody is kept from a flag.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exclusion {
    /// Why; for the audit log. It has to be said.
    #[schema(value_type = Comment)]
    comment: String,
}

/// Why they are let in again.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Readmission {
    /// Why; for the audit log. It has to be said.
    #[serde(default)]
    #[param(value_type = Option<Comment>)]
    comment: String,
}

/// The rollout that says it.
#[derive(Serialize, ToSchema)]
pub(crate) struct TesterExclusion {
    flag: String,
    environment: String,
    subject: String,
    excluded: bool,
    /// Of the rollout that is in force now.
    version: u64,
}

/// Whom a variant is shown to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPreview {
    #[schema(value_type = Subject)]
    subject: String,
    #[schema(value_type = Key)]
    variant: String,
    /// How long it holds.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: i64,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// A preview: for one subject, and for nobody else. It is told here and nowhere else, and ends by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadePreview {
    /// Sent along with an evaluation in the header `X-Fader-Preview`.
    token: String,
    until_at: String,
}

/// Keeps somebody from a flag in an environment, whatever its rules say.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{key}/exclusions/{subject}",
    tag = "testers",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("subject" = String, Path, description = "The targeting key, percent-encoded"),
    ),
    request_body = Exclusion,
    responses((status = 200, body = TesterExclusion)),
)]
pub(crate) async fn exclude(
    at: AtFlag,
    Names((_, subject)): Names<(String, String)>,
    body: Unread,
) -> Result<Json<TesterExclusion>, RestError> {
    let excluder = at.there.excluder()?;
    let sent = at.body::<Exclusion>(body).await?;
    let subject = require_subject(&subject)?;
    let comment = &sent.value.comment;
    let version = at.store.exclude_tester(&excluder, &at.environment, &at.flag, &subject, comment).await?;
    Ok(answer(&at, &subject, true, version))
}

/// Lets somebody in again who was kept from a flag.
#[utoipa::path(
    delete,
    path = "/api/v1/flags/{key}/exclusions/{subject}",
    tag = "testers",
    params(
        ("key" = String, Path, description = "The flag's key"),
        ("subject" = String, Path, description = "The targeting key, percent-encoded"),
        Readmission,
    ),
    responses((status = 200, body = TesterExclusion), (status = 422, body = Problem)),
)]
pub(crate) async fn readmit(
    at: AtFlag,
    Names((_, subject)): Names<(String, String)>,
    Parameters(Readmission { comment }): Parameters<Readmission>,
) -> Result<Json<TesterExclusion>, RestError> {
    let excluder = at.there.excluder()?;
    let subject = require_subject(&subject)?;
    let version = at.store.readmit_tester(&excluder, &at.environment, &at.flag, &subject, &comment).await?;
    Ok(answer(&at, &subject, false, version))
}

fn answer(at: &AtFlag, subject: &SubjectKey, excluded: bool, version: u64) -> Json<TesterExclusion> {
    Json(TesterExclusion {
        flag: at.flag.to_string(),
        environment: at.environment.to_string(),
        subject: subject.to_string(),
        excluded,
        version,
    })
}

/// Makes a preview of a variant for one subject.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/previews",
    tag = "testers",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = NewPreview,
    responses((status = 201, body = MadePreview)),
)]
pub(crate) async fn preview(at: AtFlag, body: Unread) -> Result<Response, RestError> {
    let excluder = at.there.excluder()?;
    let NewPreview { subject, variant, minutes, comment } = at.body(body).await?.value;
    let preview = Preview {
        flag: at.flag.clone(),
        subject: SubjectKey::try_from(subject).map_err(|error| fields::wrong("/subject", error))?,
        variant: VariantKey::try_from(variant).map_err(|error| fields::wrong("/variant", error))?,
    };
    let holds_ms = minutes.saturating_mul(60_000);
    let made = at.store.make_preview(&excluder, &at.environment, preview, holds_ms, &comment).await?;
    let (token, until_ms) = made;
    Ok(made_secret(MadePreview { token, until_at: frame::at(until_ms) }))
}

/// The subject of the path.
pub(super) fn require_subject(text: &str) -> Result<SubjectKey, RestError> {
    SubjectKey::parse(text).map_err(|error| RestError::Refused(format!("the id of a person {error}")))
}
