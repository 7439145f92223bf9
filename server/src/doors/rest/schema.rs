//! `/api/v1/attributes` and `/api/v1/metrics`: what a workspace knows of its people, and what it measures.

use axum::Json;
use engine::{AttributeDefinition, AttributeName, AttributeType, MetricDefinition, MetricKey, MetricKind};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::AttributeUse;
use utoipa::ToSchema;

use super::{
    document::{AttributeTypeWord, MetricKindWord},
    error::{Problem, RestError},
    frame::{Asked, Names, Parameters, Writing},
    paging::{self, Part},
};

/// The attribute schema, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttributeList {
    attributes: Vec<AttributeView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AttributeView {
    name: String,
    #[serde(rename = "type")]
    #[schema(value_type = AttributeTypeWord)]
    value_type: AttributeType,
    description: String,
    /// A browser cannot set it: it comes from stored traits or from a server.
    trusted: bool,
    /// Says who somebody is: shown only to roles that look people up.
    personal: bool,
}

/// One attribute, and what uses it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttributeDetail {
    #[serde(flatten)]
    attribute: AttributeView,
    used_by: Vec<AttributeUser>,
    /// Rollouts that a browser could enter by what it says of itself, if the attribute were not trusted.
    would_open: Vec<Entered>,
}

/// What tests an attribute, buckets by it or saves a value of it.
#[derive(Serialize, ToSchema)]
struct AttributeUser {
    /// `rollout`, `group` or `persona`.
    kind: &'static str,
    environment: Option<String>,
    /// Of the flag or the group.
    key: Option<String>,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Entered {
    environment: String,
    flag: String,
    name: String,
}

/// What an attribute is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttributeBody {
    /// Stays while something uses the attribute.
    #[serde(rename = "type")]
    #[schema(value_type = AttributeTypeWord)]
    value_type: AttributeType,
    #[serde(default)]
    description: String,
    #[serde(default)]
    trusted: bool,
    #[serde(default)]
    personal: bool,
}

/// What is measured, by key.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetricList {
    metrics: Vec<MetricView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct MetricView {
    key: String,
    name: String,
    description: String,
    #[schema(value_type = MetricKindWord)]
    kind: MetricKind,
    /// Can be renamed and described, and nothing else.
    built_in: bool,
    unit: String,
    lower_is_better: bool,
}

/// What a metric is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricBody {
    #[schema(min_length = 1)]
    name: String,
    #[serde(default)]
    description: String,
    /// Never changes.
    #[schema(value_type = MetricKindWord)]
    kind: MetricKind,
    /// Behind numbers.
    #[serde(default)]
    unit: String,
    lower_is_better: bool,
}

/// The attribute schema.
#[utoipa::path(
    get,
    path = "/api/v1/attributes",
    tag = "schema",
    params(Part),
    responses((status = 200, body = AttributeList), (status = 422, body = Problem)),
)]
pub(crate) async fn attributes(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<AttributeList>, RestError> {
    let limit = paging::limit(part.limit)?;
    let mut all: Vec<_> = definitions(&asked);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let is_after = |name: &AttributeName| part.cursor.as_deref().is_none_or(|cursor| name.as_str() > cursor);
    let (all, next) = paging::part(all, |it| it.name.clone(), is_after, limit);
    Ok(Json(AttributeList { attributes: all.into_iter().map(attribute).collect(), next }))
}

/// One attribute, and what uses it. For admins.
#[utoipa::path(
    get,
    path = "/api/v1/attributes/{name}",
    tag = "schema",
    params(("name" = String, Path, description = "The attribute")),
    responses((status = 200, body = AttributeDetail)),
)]
pub(crate) async fn get_attribute(
    asked: Asked,
    Names(name): Names<String>,
) -> Result<Json<AttributeDetail>, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let name = attribute_name(&name)?;
    let found = definitions(&asked).into_iter().find(|it| it.name == name);
    let definition = found.ok_or(RestError::NotFound("attribute"))?;
    let uses = asked.store.attribute_uses(&administrator).await?.remove(name.as_str()).unwrap_or_default();
    let would_open = asked.store.entries_by(&administrator, &name);
    let entered = |it: store::RolloutEntry| Entered {
        environment: it.environment.to_string(),
        flag: it.flag.to_string(),
        name: it.name,
    };
    Ok(Json(AttributeDetail {
        attribute: attribute(definition),
        used_by: uses.into_iter().map(user).collect(),
        would_open: would_open.into_iter().map(entered).collect(),
    }))
}

/// Adds an attribute, or replaces what it is. For admins.
#[utoipa::path(
    put,
    path = "/api/v1/attributes/{name}",
    tag = "schema",
    params(("name" = String, Path, description = "The attribute")),
    request_body = AttributeBody,
    responses((status = 200, body = AttributeView), (status = 409, body = Problem)),
)]
pub(crate) async fn put_attribute(
    Names(name): Names<String>,
    asked: Writing,
) -> Result<Json<AttributeView>, RestError> {
    let administrator = asked.asked.manager.principal.administrator()?;
    let (asked, sent) = asked.read::<AttributeBody>().await?;
    let AttributeBody { value_type, description, trusted, personal } = sent.value;
    let name =
        AttributeName::try_from(name).map_err(|error| RestError::Refused(format!("the name {error}")))?;
    let definition = AttributeDefinition { name: name.clone(), value_type, description, trusted, personal };
    asked.store.put_attribute(&administrator, definition).await?;
    let found = definitions(&asked).into_iter().find(|it| it.name == name);
    Ok(Json(attribute(found.ok_or(RestError::NotFound("attribute"))?)))
}

/// Takes an attribute out of the schema, unless something uses it. For admins.
#[utoipa::path(
    delete,
    path = "/api/v1/attributes/{name}",
    tag = "schema",
    params(("name" = String, Path, description = "The attribute")),
    responses((status = 204), (status = 409, body = Problem)),
)]
pub(crate) async fn delete_attribute(
    asked: Asked,
    Names(name): Names<String>,
) -> Result<StatusCode, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    asked.store.delete_attribute(&administrator, &attribute_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the workspace measures.
#[utoipa::path(
    get,
    path = "/api/v1/metrics",
    tag = "schema",
    params(Part),
    responses((status = 200, body = MetricList), (status = 422, body = Problem)),
)]
pub(crate) async fn metrics(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<MetricList>, RestError> {
    let limit = paging::limit(part.limit)?;
    let mut all: Vec<MetricDefinition> = asked.store.live().metrics().to_vec();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    let is_after = |key: &MetricKey| part.cursor.as_deref().is_none_or(|cursor| key.as_str() > cursor);
    let (all, next) = paging::part(all, |it| it.key.clone(), is_after, limit);
    Ok(Json(MetricList { metrics: all.into_iter().map(metric).collect(), next }))
}

/// Adds a metric, or changes how it is called and described. For admins.
#[utoipa::path(
    put,
    path = "/api/v1/metrics/{key}",
    tag = "schema",
    params(("key" = String, Path, description = "The metric")),
    request_body = MetricBody,
    responses((status = 200, body = MetricView)),
)]
pub(crate) async fn put_metric(
    Names(key): Names<String>,
    asked: Writing,
) -> Result<Json<MetricView>, RestError> {
    let administrator = asked.asked.manager.principal.administrator()?;
    let (asked, sent) = asked.read::<MetricBody>().await?;
    let MetricBody { name, description, kind, unit, lower_is_better } = sent.value;
    let key = MetricKey::try_from(key).map_err(|error| RestError::Refused(format!("the key {error}")))?;
    let definition = MetricDefinition { key: key.clone(), name, description, kind, unit, lower_is_better };
    asked.store.put_metric(&administrator, definition).await?;
    let found = asked.store.live().metrics().iter().find(|it| it.key == key).cloned();
    Ok(Json(metric(found.ok_or(RestError::NotFound("metric"))?)))
}

/// Takes a metric of the workspace's own away; what was counted stays. For admins.
#[utoipa::path(
    delete,
    path = "/api/v1/metrics/{key}",
    tag = "schema",
    params(("key" = String, Path, description = "The metric")),
    responses((status = 204), (status = 422, body = Problem)),
)]
pub(crate) async fn delete_metric(asked: Asked, Names(key): Names<String>) -> Result<StatusCode, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let key = MetricKey::parse(&key).map_err(|_| RestError::NotFound("metric"))?;
    asked.store.delete_metric(&administrator, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn attribute_name(text: &str) -> Result<AttributeName, RestError> {
    AttributeName::parse(text).map_err(|_| RestError::NotFound("attribute"))
}

/// As they are in force; every environment has the same.
fn definitions(asked: &Asked) -> Vec<AttributeDefinition> {
    let live = asked.store.live();
    let first = live.environments().first().and_then(|it| live.snapshot(it.key.as_str()));
    first.map(|snapshot| snapshot.attributes().definitions().to_vec()).unwrap_or_default()
}

fn attribute(it: AttributeDefinition) -> AttributeView {
    let AttributeDefinition { name, value_type, description, trusted, personal } = it;
    AttributeView { name: name.to_string(), value_type, description, trusted, personal }
}

fn user(it: AttributeUse) -> AttributeUser {
    match it {
        AttributeUse::Rollout { environment, flag, name } => AttributeUser {
            kind: "rollout",
            environment: Some(environment.to_string()),
            key: Some(flag.to_string()),
            name,
        },
        AttributeUse::Group { key, name } => {
            AttributeUser { kind: "group", environment: None, key: Some(key.to_string()), name }
        }
        AttributeUse::Persona { name } => {
            AttributeUser { kind: "persona", environment: None, key: None, name }
        }
    }
}

fn metric(it: MetricDefinition) -> MetricView {
    MetricView {
        key: it.key.to_string(),
        name: it.name,
        description: it.description,
        kind: it.kind,
        built_in: it.kind.is_built_in(),
        unit: it.unit,
        lower_is_better: it.lower_is_better,
    }
}
