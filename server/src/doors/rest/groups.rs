//! `/api/v1/groups`: pilot groups. Who is in one by name stands below its enrolments.

pub(super) mod preview;

use axum::{Json, response::Response};
use engine::{EnrolmentState, Group, GroupKey};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use store::{GroupUse, Versioned};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::{self, Comment, Key, Version},
    error::{Problem, RestError},
    fields,
    frame::{Asked, Names, Parameters, Writing, at, made},
    manager::Manager,
    paging::{self, Part},
    pointer,
};

/// Groups, by key.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupList {
    groups: Vec<GroupView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// A pilot group.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupView {
    key: String,
    name: String,
    description: String,
    /// Sent back with a change. Who is in the group changes without it.
    version: u64,
    /// The condition in words; null: nobody is in the group but its testers.
    sentence: Option<String>,
    /// As it is sent back with a change.
    #[schema(value_type = Option<document::Condition>)]
    condition: Option<Value>,
    /// How many testers are enrolled at this moment.
    testers: usize,
    used_by: Vec<Use>,
    /// RFC 3339, in UTC.
    changed_at: String,
    changed_by: String,
}

/// A rollout that names the group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupUse)]
pub(crate) struct Use {
    environment: String,
    flag: String,
    flag_name: String,
}

/// The rollouts that name a group, by environment and flag.
#[derive(Serialize, ToSchema)]
pub(crate) struct UseList {
    uses: Vec<Use>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// What is deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Deletion {
    /// The version that was read.
    #[param(value_type = Version)]
    version: u64,
    /// Why; for the audit log.
    #[serde(default)]
    #[param(value_type = Option<Comment>)]
    comment: String,
}

/// A new group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    /// Never changes.
    #[schema(value_type = Key)]
    key: String,
    #[schema(max_length = 120)]
    name: String,
    #[serde(default)]
    description: String,
    /// Who is in it besides its testers; null or left out: nobody.
    #[schema(value_type = Option<document::Condition>)]
    condition: Option<Box<RawValue>>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// A group in place of the one that was read.
#[derive(Deserialize, ToSchema)]
#[schema(as = GroupChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    #[schema(max_length = 120)]
    name: String,
    #[serde(default)]
    description: String,
    /// Who is in it besides its testers; null or left out: nobody.
    #[schema(value_type = Option<document::Condition>)]
    condition: Option<Box<RawValue>>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// All pilot groups, by key.
#[utoipa::path(
    get,
    path = "/api/v1/groups",
    tag = "groups",
    params(Part),
    responses((status = 200, body = GroupList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<GroupList>, RestError> {
    let limit = paging::limit(part.limit)?;
    let mut rows = asked.store.list_groups(&asked.manager.principal.viewer()).await?;
    rows.sort_by(|a, b| a.group.key.cmp(&b.group.key));
    let is_after = |key: &GroupKey| part.cursor.as_deref().is_none_or(|cursor| key.as_str() > cursor);
    let (rows, next) = paging::part(rows, |row| row.group.key.clone(), is_after, limit);
    let now_ms = asked.store.clock().now_ms();
    let view = |row: store::GroupRow| {
        let changed = (row.version, row.changed_ms, row.changed_by);
        view(&asked.manager, &row.group, changed, row.used_by, now_ms)
    };
    Ok(Json(GroupList { groups: rows.into_iter().map(view).collect(), next }))
}

/// One pilot group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{key}",
    tag = "groups",
    params(("key" = String, Path, description = "The group")),
    responses((status = 200, body = GroupView)),
)]
pub(crate) async fn get(asked: Asked, Names(key): Names<String>) -> Result<Json<GroupView>, RestError> {
    Ok(Json(answer(&asked, &group_key(&key)?).await?))
}

/// The rollouts that name a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{key}/uses",
    tag = "groups",
    params(("key" = String, Path, description = "The group"), Part),
    responses((status = 200, body = UseList), (status = 422, body = Problem)),
)]
pub(crate) async fn uses(
    asked: Asked,
    Names(key): Names<String>,
    Parameters(part): Parameters<Part>,
) -> Result<Json<UseList>, RestError> {
    let limit = paging::limit(part.limit)?;
    let found = require_group(&asked, &key).await?;
    let used_by = asked.store.group_use(&asked.manager.principal.viewer(), &found.value.key).await?;
    let mut uses = told(&asked.manager, used_by);
    let place = |it: &Use| format!("{}/{}", it.environment, it.flag);
    uses.sort_by_key(place);
    let is_after = |key: &String| part.cursor.as_ref().is_none_or(|cursor| key > cursor);
    let (uses, next) = paging::part(uses, place, is_after, limit);
    Ok(Json(UseList { uses, next }))
}

/// Makes a pilot group.
#[utoipa::path(
    post,
    path = "/api/v1/groups",
    tag = "groups",
    request_body = NewGroup,
    responses((status = 201, body = GroupView), (status = 409, body = Problem)),
)]
pub(crate) async fn create(asked: Writing) -> Result<Response, RestError> {
    let editor = asked.asked.manager.principal.definition_editor()?;
    let (asked, sent) = asked.read::<NewGroup>().await?;
    let NewGroup { key, name, description, condition, comment } = sent.value;
    let key = GroupKey::try_from(key).map_err(|error| fields::wrong("/key", error))?;
    let group = definition(key.clone(), name, description, condition.as_deref())?;
    asked.store.create_group(&editor, group, &comment).await?;
    Ok(made(answer(&asked, &key).await?))
}

/// Changes what a group is. Who is in it by name stays.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{key}",
    tag = "groups",
    params(("key" = String, Path, description = "The group")),
    request_body = Change,
    responses((status = 200, body = GroupView), (status = 409, body = Problem)),
)]
pub(crate) async fn put(Names(key): Names<String>, asked: Writing) -> Result<Json<GroupView>, RestError> {
    let editor = asked.asked.manager.principal.definition_editor()?;
    let (asked, sent) = asked.read::<Change>().await?;
    let Change { version, name, description, condition, comment } = sent.value;
    let key = group_key(&key)?;
    let group = definition(key.clone(), name, description, condition.as_deref())?;
    asked.store.update_group(&editor, version, group, &comment).await?;
    Ok(Json(answer(&asked, &key).await?))
}

/// Deletes a group. One that a rollout names stays; a deleted one comes back when its deletion is reverted.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{key}",
    tag = "groups",
    params(("key" = String, Path, description = "The group"), Deletion),
    responses((status = 204), (status = 409, body = Problem), (status = 422, body = Problem)),
)]
pub(crate) async fn delete(
    asked: Asked,
    Names(key): Names<String>,
    Parameters(taken): Parameters<Deletion>,
) -> Result<StatusCode, RestError> {
    let editor = asked.manager.principal.definition_editor()?;
    let Deletion { version, comment } = taken;
    asked.store.delete_group(&editor, version, &group_key(&key)?, &comment).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The group of the path.
pub(super) fn group_key(text: &str) -> Result<GroupKey, RestError> {
    GroupKey::parse(text).map_err(|_| RestError::NotFound("group"))
}

pub(super) async fn require_group(asked: &Asked, key: &str) -> Result<Versioned<Group>, RestError> {
    let found = asked.store.find_group(&asked.manager.principal.viewer(), &group_key(key)?).await?;
    found.ok_or(RestError::NotFound("group"))
}

fn definition(
    key: GroupKey,
    name: String,
    description: String,
    condition: Option<&RawValue>,
) -> Result<Group, RestError> {
    let condition = condition.map(|sent| pointer::read(sent, "/condition", "condition")).transpose()?;
    let condition: Option<engine::Condition> = condition.flatten();
    let problems = condition.iter().flat_map(engine::Condition::problems);
    let wrong: Vec<_> = problems.map(|it| fields::InField::new("/condition", it)).collect();
    if !wrong.is_empty() {
        return Err(RestError::Fields(wrong));
    }
    Ok(Group { key, name, description, condition, enrolments: Vec::new() })
}

async fn answer(asked: &Asked, key: &GroupKey) -> Result<GroupView, RestError> {
    let Versioned { value: group, version, changed_ms, changed_by, .. } =
        require_group(asked, key.as_str()).await?;
    let used_by = asked.store.group_use(&asked.manager.principal.viewer(), key).await?;
    let now_ms = asked.store.clock().now_ms();
    Ok(view(&asked.manager, &group, (version, changed_ms, changed_by), used_by, now_ms))
}

fn view(
    manager: &Manager,
    group: &Group,
    (version, changed_ms, changed_by): (u64, i64, String),
    used_by: Vec<GroupUse>,
    now_ms: i64,
) -> GroupView {
    let is_in = |state| matches!(state, EnrolmentState::Active);
    GroupView {
        key: group.key.to_string(),
        name: group.name.clone(),
        description: group.description.clone(),
        version,
        sentence: group.condition.as_ref().map(engine::condition_phrase),
        condition: group.condition.as_ref().and_then(|it| serde_json::to_value(it).ok()),
        testers: group.enrolments.iter().filter(|it| is_in(it.state(now_ms))).count(),
        used_by: told(manager, used_by),
        changed_at: at(changed_ms),
        changed_by,
    }
}

/// Those in environments that are theirs to see.
fn told(manager: &Manager, used_by: Vec<GroupUse>) -> Vec<Use> {
    let theirs = used_by.into_iter().filter(|it| manager.reaches(&it.environment));
    let told = theirs.map(|it| Use {
        environment: it.environment.to_string(),
        flag: it.flag.to_string(),
        flag_name: it.flag_name,
    });
    told.collect()
}
