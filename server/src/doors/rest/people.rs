//! `/api/v1/people`: what an application says of its users, and what support asks about them.

mod answer;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use engine::{AttributeValue, Attributes, SubjectKey};
use http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{PeopleWriter, Store, StoreError};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::{self, Subject},
    error::{Problem, RestError},
    manager::Manager,
};
use crate::{
    edge::{
        access::{Access, Caller, request_origin},
        body::{Bodies, Unread},
    },
    intake::Intake,
    limits::PEOPLE_BODY_BYTES_MAX,
};
use answer::{PersonExposures, PersonView};

/// What is stored with one person.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PersonBody {
    /// Texts, numbers, booleans or lists, of the types in the attribute schema; they replace what is stored.
    #[schema(value_type = document::Traits)]
    traits: BTreeMap<String, Value>,
}

/// People to store at once.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PeopleBody {
    /// At most 10,000; all are stored or none.
    #[schema(max_items = 10_000)]
    people: Vec<PersonItem>,
    /// Say what would be done and do nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, ToSchema)]
struct PersonItem {
    /// The targeting key.
    #[schema(value_type = Subject)]
    id: String,
    #[schema(value_type = document::Traits)]
    traits: BTreeMap<String, Value>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stored {
    new: usize,
    changed: usize,
    /// Stored already just as they were sent: nothing was written.
    unchanged: usize,
}

impl From<store::Compared> for Stored {
    fn from(compared: store::Compared) -> Self {
        let store::Compared { new, changed, unchanged } = compared;
        Self { new, changed, unchanged }
    }
}

/// What was erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erased {
    /// Rows, in all tables and environments.
    rows: u64,
}

#[derive(Deserialize, IntoParams)]
pub(crate) struct AsOf {
    /// An instant: epoch milliseconds, or RFC 3339. Without it: now.
    as_of: Option<String>,
}

/// A server token that was granted it, or a management token for the whole workspace whose role may.
fn writer(access: &Access, parts: &Parts) -> Result<PeopleWriter, RestError> {
    let token = Caller::identify(access, parts).map_err(|(_, error)| error)?.token;
    Ok(PeopleWriter::of_token(&token, access.store.live(), request_origin(parts))?)
}

fn subject(id: &str) -> Result<SubjectKey, RestError> {
    SubjectKey::parse(id).map_err(|error| RestError::Refused(format!("the id of a person {error}")))
}

/// Null leaves a trait out; an object is refused.
pub(super) fn traits(id: &str, members: BTreeMap<String, Value>) -> Result<Attributes, RestError> {
    let mut traits = Attributes::default();
    for (name, value) in members {
        match AttributeValue::from_json(&value) {
            Some(value) => traits.set(&name, value),
            None if value.is_null() => {}
            None => {
                let what = engine::NotAnAttribute;
                return Err(RestError::Malformed(format!("{name} of {id}: {what}")));
            }
        }
    }
    Ok(traits)
}

/// Stores one person's traits in place of what was stored.
#[utoipa::path(
    put,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key.")),
    request_body = PersonBody,
    responses(
        (status = 200, body = Stored),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "A value is not of its attribute's type."),
    ),
)]
pub(crate) async fn put(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    Path(id): Path<String>,
    parts: Parts,
    body: Unread,
) -> Result<Json<Stored>, RestError> {
    let writer = writer(&access, &parts)?;
    let sent = body.json(&bodies, &writer, PEOPLE_BODY_BYTES_MAX, RestError::Malformed).await?;
    let body: PersonBody = sent.value;
    let people = vec![(subject(&id)?, traits(&id, body.traits)?)];
    Ok(Json(access.store.put_people(&writer, people).await?.into()))
}

/// Stores many people at once, all or none.
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    request_body = PeopleBody,
    responses(
        (status = 200, body = Stored),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "A value is not of its attribute's type, or there are too many people."),
    ),
)]
pub(crate) async fn post(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    parts: Parts,
    body: Unread,
) -> Result<Json<Stored>, RestError> {
    let writer = writer(&access, &parts)?;
    let sent = body.json(&bodies, &writer, PEOPLE_BODY_BYTES_MAX, RestError::Malformed).await?;
    let body: PeopleBody = sent.value;
    let person = |item: PersonItem| Ok((subject(&item.id)?, traits(&item.id, item.traits)?));
    let people = body.people.into_iter().map(person).collect::<Result<Vec<_>, RestError>>()?;
    let stored = if body.dry_run {
        access.store.compare_people(&writer, &people)?
    } else {
        access.store.put_people(&writer, people).await?
    };
    Ok(Json(stored.into()))
}

/// What one person saw, what they would see now, and why, for every flag of an environment. Audited.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key.")),
    responses(
        (status = 200, body = PersonView),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn get(
    State(store): State<Store>,
    manager: Manager,
    Path(id): Path<String>,
) -> Result<Json<PersonView>, RestError> {
    let reader = manager.principal.people_reader().map_err(RestError::Denied)?;
    let subject = subject(&id)?;
    let environment = manager.environment()?;
    store.look_up(&reader, &subject).await?;
    let answer = store.answer_person(&reader, environment, &subject, None).await?;
    Ok(Json(PersonView::of(&subject, answer)))
}

/// What one person was served: everything, or around an instant, with what the configuration of that instant decides.
/// Audited.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}/exposures",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key."), AsOf),
    responses(
        (status = 200, body = PersonExposures),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn exposures(
    State(store): State<Store>,
    manager: Manager,
    Path(id): Path<String>,
    Query(query): Query<AsOf>,
) -> Result<Json<PersonExposures>, RestError> {
    let reader = manager.principal.people_reader().map_err(RestError::Denied)?;
    let subject = subject(&id)?;
    let as_of_ms = query.as_of.as_deref().map(instant).transpose()?;
    let environment = manager.environment()?;
    store.look_up(&reader, &subject).await?;
    let answer = store.answer_person(&reader, environment, &subject, as_of_ms).await?;
    Ok(Json(PersonExposures::of(&subject, answer)))
}

/// Erases one person everywhere: traits and their history, and what they were served. The audit entry does not name
/// them.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Subject, Path, description = "The targeting key.")),
    responses(
        (status = 200, body = Erased),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn delete(
    State(store): State<Store>,
    State(intake): State<Arc<Intake>>,
    manager: Manager,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Erased>), RestError> {
    let now_ms = store.clock().now_ms();
    let administrator = manager.principal.recent_administrator(now_ms).map_err(StoreError::from)?;
    let subject = subject(&id)?;
    // What is still on its way to the ledger would come back a second later.
    intake.exposures.flush().await;
    let erased = store.erase_subject(&administrator, &subject).await?;
    Ok((StatusCode::OK, Json(Erased { rows: erased.rows })))
}

fn instant(text: &str) -> Result<i64, RestError> {
    let ms = text.parse().ok().or_else(|| engine::parse_date_ms(text).ok());
    let wrong = || RestError::Refused("as_of is epoch milliseconds or RFC 3339".to_owned());
    ms.ok_or_else(wrong)
}
