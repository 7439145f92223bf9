//! `/api/v1/personas`: a subject and attributes under a name, to try flags with. `/api/v1/environments`: where flags are
//! rolled out, and for how long each keeps what it was told.

use std::collections::BTreeMap;

use axum::{Json, response::Response};
use engine::SubjectKey;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Invalid, Kept, Persona, PersonaId, limits::RETENTION_DAYS_MAX};
use utoipa::ToSchema;

use super::{
    document::{self, Subject},
    error::{Problem, RestError},
    fields,
    frame::{Asked, Names, Parameters, Writing, at, made},
    paging::{self, Part},
    people::traits,
};

/// Personas, in the order in which they were made.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonaList {
    personas: Vec<PersonaView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct PersonaView {
    id: i64,
    name: String,
    subject: Option<String>,
    #[schema(value_type = Object)]
    attributes: Value,
}

/// A persona; one that has the name already is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonaBody {
    #[schema(min_length = 1)]
    name: String,
    #[schema(value_type = Option<Subject>)]
    subject: Option<String>,
    #[serde(default)]
    #[schema(value_type = document::Traits)]
    attributes: BTreeMap<String, Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SavedPersona {
    id: i64,
}

/// Where flags are rolled out, in the order of the workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentList {
    environments: Vec<EnvironmentView>,
}

#[derive(Serialize, ToSchema)]
struct EnvironmentView {
    key: String,
    name: String,
    /// Changes ask for more care here.
    protected: bool,
    /// +1 at every change that can alter a decision.
    revision: u64,
    changed_at: String,
}

/// For how many days an environment keeps what it was told.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Who was served what.
    #[schema(minimum = 1, maximum = 3650)]
    exposures_days: Option<u32>,
    /// What users told.
    #[schema(minimum = 1, maximum = 3650)]
    feedback_days: Option<u32>,
}

/// Saved personas.
#[utoipa::path(
    get,
    path = "/api/v1/personas",
    tag = "personas",
    params(Part),
    responses((status = 200, body = PersonaList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<PersonaList>, RestError> {
    let (limit, after) = (paging::limit(part.limit)?, paging::number::<i64>(part.cursor.as_deref())?);
    let mut all = asked.store.list_personas(&asked.manager.principal.viewer()).await?;
    all.sort_by_key(|it| it.id.get());
    let is_after = |id: &i64| after.is_none_or(|after| *id > after);
    let (all, next) = paging::part(all, |it| it.id.get(), is_after, limit);
    Ok(Json(PersonaList { personas: all.into_iter().map(view).collect(), next }))
}

/// Saves a persona.
#[utoipa::path(
    post,
    path = "/api/v1/personas",
    tag = "personas",
    request_body = PersonaBody,
    responses((status = 201, body = SavedPersona)),
)]
pub(crate) async fn save(asked: Writing) -> Result<Response, RestError> {
    let reader = asked.asked.manager.principal.people_reader()?;
    let (asked, sent) = asked.read::<PersonaBody>().await?;
    let PersonaBody { name, subject, attributes } = sent.value;
    let subject = subject.map(SubjectKey::try_from).transpose();
    let subject = subject.map_err(|error| fields::wrong("/subject", error))?;
    let attributes =
        traits("the persona", attributes).map_err(|error| fields::wrong("/attributes", error))?;
    let id = asked.store.save_persona(&reader, &name, subject, attributes).await?;
    Ok(made(SavedPersona { id: id.get() }))
}

/// Deletes a persona.
#[utoipa::path(
    delete,
    path = "/api/v1/personas/{id}",
    tag = "personas",
    params(("id" = String, Path, description = "Its number")),
    responses((status = 204)),
)]
pub(crate) async fn delete(asked: Asked, Names(id): Names<String>) -> Result<StatusCode, RestError> {
    let reader = asked.manager.principal.people_reader()?;
    let id: PersonaId = id.parse().map_err(|_| RestError::NotFound("persona"))?;
    asked.store.delete_persona(&reader, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The environments that the token reaches.
#[utoipa::path(
    get,
    path = "/api/v1/environments",
    tag = "environments",
    responses((status = 200, body = EnvironmentList)),
)]
pub(crate) async fn environments(asked: Asked) -> Result<Json<EnvironmentList>, RestError> {
    let live = asked.store.live();
    let all = live.environments();
    let theirs = all.iter().filter(|it| asked.manager.reaches(&it.key));
    let environments = theirs.map(|it| EnvironmentView {
        key: it.key.to_string(),
        name: it.name.clone(),
        protected: it.protected,
        revision: it.revision,
        changed_at: at(it.changed_ms),
    });
    Ok(Json(EnvironmentList { environments: environments.collect() }))
}

/// For how long an environment keeps what it was told. For admins.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{key}/retention",
    tag = "environments",
    params(("key" = String, Path, description = "The environment")),
    responses((status = 200, body = Retention)),
)]
pub(crate) async fn retention(asked: Asked, Names(key): Names<String>) -> Result<Json<Retention>, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let environment = require_environment(&asked, &key)?;
    let mut days = [None, None];
    for (kept, days) in [Kept::Exposures, Kept::Feedback].into_iter().zip(&mut days) {
        *days = asked.store.retention_days(&administrator, kept).await?.get(&environment).copied();
    }
    let [exposures_days, feedback_days] = days;
    Ok(Json(Retention { exposures_days, feedback_days }))
}

/// Changes for how long an environment keeps what it was told; what is older is deleted. What is left out stays. For admins.
#[utoipa::path(
    put,
    path = "/api/v1/environments/{key}/retention",
    tag = "environments",
    params(("key" = String, Path, description = "The environment")),
    request_body = Retention,
    responses((status = 204)),
)]
pub(crate) async fn set_retention(
    Names(key): Names<String>,
    asked: Writing,
) -> Result<StatusCode, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<Retention>().await?;
    let Retention { exposures_days, feedback_days } = sent.value;
    let environment = require_environment(&asked, &key)?;
    let sent = [
        (Kept::Exposures, "/exposures_days", exposures_days),
        (Kept::Feedback, "/feedback_days", feedback_days),
    ];
    let wrong =
        sent.iter().filter(|(.., days)| days.is_some_and(|it| !(1..=RETENTION_DAYS_MAX).contains(&it)));
    let wrong: Vec<_> =
        wrong.map(|(_, pointer, _)| fields::InField::new(*pointer, Invalid::Retention)).collect();
    if !wrong.is_empty() {
        return Err(RestError::Fields(wrong));
    }
    let mut changed = Vec::new();
    for (kept, pointer, days) in sent {
        let now = asked.store.retention_days(&administrator, kept).await?.get(&environment).copied();
        changed.extend(days.filter(|it| Some(*it) != now).map(|days| (kept, pointer, days)));
    }
    // Each is a change of its own: half of what was asked is never done.
    if let [_, (_, pointer, _)] = changed[..] {
        return Err(fields::wrong(pointer, "change one of the two at a time"));
    }
    for (kept, _, days) in changed {
        asked.store.set_retention(&administrator, kept, &environment, days).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn require_environment(asked: &Asked, key: &str) -> Result<engine::EnvironmentKey, RestError> {
    let found = asked.store.live().environment(key);
    found.map(|it| it.key).ok_or(RestError::NotFound("environment"))
}

fn view(it: Persona) -> PersonaView {
    PersonaView {
        id: it.id.get(),
        name: it.name,
        subject: it.subject.map(|it| it.to_string()),
        attributes: serde_json::to_value(&it.attributes).unwrap_or_default(),
    }
}
