//! `GET /api/v1/flags/{key}/exposures`: who was served a flag, page by page.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use engine::{Arm, FlagKey, RuleId, VariantKey, parse_date_ms};
use serde::{Deserialize, Serialize};
use store::{
    ExposureCursor, ExposureFilter, Seen, Store,
    limits::{EXPOSURE_PAGE_DEFAULT, EXPOSURE_PAGE_MAX},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::Key,
    error::{Problem, RestError},
    manager::Manager,
};

/// Which lines. Times are epoch milliseconds or RFC 3339, half-open.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExposureQuery {
    #[param(value_type = Option<Key>)]
    variant: Option<String>,
    #[param(value_type = Option<Key>)]
    rule: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 500; 50 without it.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The environment that this is about, with a token for the whole workspace.
    #[expect(dead_code, reason = "the manager has read it; no other name is taken for it")]
    environment: Option<String>,
}

/// Those that were first served last come first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExposureList {
    /// One per subject, variant, revision, rule, arm and UTC day. May be fewer than `limit`.
    exposures: Vec<ExposureLine>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// What one subject was served.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExposureLine {
    subject: String,
    flag: String,
    variant: String,
    revision: u64,
    rule: Option<String>,
    /// `treatment` or `control`.
    #[schema(value_type = Option<String>)]
    arm: Option<Arm>,
    /// Epoch ms.
    first: i64,
    /// Epoch ms.
    last: i64,
    /// How often.
    count: u64,
}

impl From<Seen> for ExposureLine {
    fn from(seen: Seen) -> Self {
        Self {
            subject: seen.subject.into(),
            flag: seen.flag.into(),
            variant: seen.variant.into(),
            revision: seen.revision,
            rule: seen.rule.map(Into::into),
            arm: seen.arm,
            first: seen.first_ms,
            last: seen.last_ms,
            count: seen.count,
        }
    }
}

/// Who was served a flag in the token's environment.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}/exposures",
    tag = "exposures",
    params(("key" = String, Path, description = "The flag's key"), ExposureQuery),
    responses(
        (status = 200, body = ExposureList),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn of_flag(
    manager: Manager,
    State(store): State<Store>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<ExposureQuery>, QueryRejection>,
) -> Result<Json<ExposureList>, RestError> {
    let reader = manager.principal.ledger_reader()?;
    let flag = FlagKey::parse(&key?.0).map_err(|_| RestError::NotFound("flag"))?;
    let filter = filter(query?.0)?;
    let page = store.exposures_of_flag(&reader, &manager.environment()?.key, &flag, &filter).await?;
    Ok(Json(ExposureList {
        exposures: page.lines.into_iter().map(Into::into).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

fn filter(query: ExposureQuery) -> Result<ExposureFilter, RestError> {
    let refused = |name: &str, error: &dyn std::fmt::Display| RestError::Refused(format!("{name}: {error}"));
    let variant = query.variant.map(VariantKey::try_from).transpose();
    let rule = query.rule.map(RuleId::try_from).transpose();
    let cursor = query.cursor.map(|text| text.parse::<ExposureCursor>()).transpose();
    Ok(ExposureFilter {
        variant: variant.map_err(|error| refused("variant", &error))?,
        rule: rule.map_err(|error| refused("rule", &error))?,
        from_ms: query.from.map(|text| time("from", &text)).transpose()?,
        until_ms: query.to.map(|text| time("to", &text)).transpose()?,
        cursor: cursor.map_err(|error| refused("cursor", &error))?,
        limit: limit(query.limit)?,
    })
}

fn limit(asked: Option<usize>) -> Result<usize, RestError> {
    let limit = asked.unwrap_or(EXPOSURE_PAGE_DEFAULT);
    if (1..=EXPOSURE_PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(RestError::Refused(format!("limit lies between 1 and {EXPOSURE_PAGE_MAX}")))
    }
}

/// Epoch milliseconds or a date.
fn time(name: &str, text: &str) -> Result<i64, RestError> {
    let read = text.parse().ok().map_or_else(|| parse_date_ms(text), Ok);
    read.map_err(|error| RestError::Refused(format!("{name}: {error}, or epoch milliseconds")))
}
