//! `/api/v1/flags/{key}`: what a flag is, the same in every environment: read, created, changed, archived and restored.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use engine::{Flag, FlagKey, FlagKind, Lifecycle, ValueType, Variant, VariantKey};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use store::{FlagEditor, Store, Versioned};
use utoipa::ToSchema;

use super::{
    document::{self, Comment, FlagKindWord, FlagVariant, Key, LifecycleWord, ValueTypeWord, Version},
    error::{Problem, RestError},
    fields::wrong,
    frame::at,
    manager::Manager,
    pointer::{self, Sent},
};
use crate::{
    edge::body::{Bodies, Unread},
    limits::REST_BODY_BYTES_MAX,
};

/// What a flag is.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagInForce {
    key: String,
    name: String,
    /// Sent back with a change.
    version: u64,
    /// `draft`, `active`, `completed` or `archived`: then nobody is served anything.
    lifecycle: &'static str,
    changed_by: String,
    changed_ms: i64,
    /// The same in RFC 3339, UTC.
    changed_at: String,
    /// As it is sent back with a change.
    #[schema(value_type = document::Flag)]
    definition: Value,
}

/// A new flag. What is left out is as usual: a boolean release flag with the variants `on` and `off`, as a draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFlag {
    /// What programs ask for; it stays.
    #[schema(value_type = Key)]
    key: FlagKey,
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(max_length = 120)]
    owner: Option<String>,
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
    #[schema(value_type = Option<FlagKindWord>)]
    kind: Option<FlagKind>,
    #[schema(value_type = Option<ValueTypeWord>)]
    value_type: Option<ValueType>,
    /// Needed of all but boolean flags, with `off_variant`.
    #[schema(value_type = Option<Vec<FlagVariant>>, min_items = 2, max_items = 50)]
    variants: Option<Vec<Variant>>,
    /// Served to whoever does not get the feature.
    #[schema(value_type = Option<Key>)]
    off_variant: Option<VariantKey>,
    #[schema(value_type = Option<LifecycleWord>)]
    lifecycle: Option<Lifecycle>,
    /// What customers call it.
    #[schema(max_length = 120)]
    public_name: Option<String>,
    #[schema(max_length = 300)]
    public_sentence: Option<String>,
}

/// A whole definition in place of the one that was read.
#[derive(Deserialize, ToSchema)]
#[schema(as = FlagChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// As `definition` was answered; the key stays as it is.
    #[schema(value_type = document::Flag)]
    flag: Box<RawValue>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// Which version is archived or restored, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LifecycleChange {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

impl NewFlag {
    fn into_flag(self) -> Result<Flag, RestError> {
        let mut flag = Flag::boolean(self.key, &self.name);
        let is_usual = self.value_type.is_none_or(|it| it == ValueType::Boolean);
        flag.value_type = self.value_type.unwrap_or(flag.value_type);
        match (self.variants, self.off_variant) {
            (Some(variants), Some(off)) => (flag.variants, flag.off_variant) = (variants, off),
            (Some(_), None) => {
                let sentence = "name the variant that is served to whoever does not get the feature";
                return Err(wrong("/off_variant", sentence));
            }
            (None, _) if !is_usual => {
                let sentence = "send the variants, each with a key and a value of the flag's type";
                return Err(wrong("/variants", sentence));
            }
            (None, off) => flag.off_variant = off.unwrap_or(flag.off_variant),
        }
        flag.description = self.description.unwrap_or_default();
        flag.owner = self.owner.unwrap_or_default();
        flag.tags = self.tags.unwrap_or_default();
        flag.kind = self.kind.unwrap_or(flag.kind);
        flag.lifecycle = self.lifecycle.unwrap_or(flag.lifecycle);
        flag.public_name = self.public_name.unwrap_or_default();
        flag.public_sentence = self.public_sentence.unwrap_or_default();
        Ok(flag)
    }
}

/// Creates a flag, with a rollout for nobody in every environment.
#[utoipa::path(
    post,
    path = "/api/v1/flags",
    tag = "flags",
    request_body = NewFlag,
    responses(
        (status = 201, body = FlagInForce, headers(("Location" = String, description = "Where it is read"))),
        (status = 409, body = Problem, description = "The key is taken"),
    ),
)]
pub(crate) async fn create(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    body: Unread,
) -> Result<Response, RestError> {
    let editor = manager.principal.definition_editor()?;
    let sent = body.json::<Box<RawValue>, _>(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed);
    let flag = pointer::read::<NewFlag>(&sent.await?.value, "", "flag")?.into_flag()?;
    let created = store.create_flag(&editor, flag.clone()).await;
    created.map_err(|error| Sent::Flag(&flag, "").refusal(error))?;
    let mut response = answer(&store, &manager, &flag.key).await?.into_response();
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/flags/{}", flag.key)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// What a flag is.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{key}",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key")),
    responses((status = 200, body = FlagInForce)),
)]
pub(crate) async fn get(
    manager: Manager,
    State(store): State<Store>,
    Path(key): Path<String>,
) -> Result<Json<FlagInForce>, RestError> {
    answer(&store, &manager, &flag_key(&key)?).await
}

/// Replaces what a flag is. What others saved since the version that was read is answered with 409, and what they changed.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{key}",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = Change,
    responses((status = 200, body = FlagInForce), (status = 409, body = Problem)),
)]
pub(crate) async fn put(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    Path(key): Path<String>,
    body: Unread,
) -> Result<Json<FlagInForce>, RestError> {
    let editor = manager.principal.definition_editor()?;
    let sent = body.json::<Change, _>(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
    let Change { version, flag, comment } = sent.value;
    let key = flag_key(&key)?;
    let flag: Flag = pointer::read(&flag, "/flag", "flag")?;
    if flag.key != key {
        return Err(wrong("/flag/key", "a flag keeps its key; create another flag instead"));
    }
    let saved = store.update_flag(&editor, version, flag.clone(), &comment).await;
    saved.map_err(|error| Sent::Flag(&flag, "/flag").refusal(error))?;
    answer(&store, &manager, &key).await
}

/// Archives a flag: to whoever asks for it, it is not there any more. Its history and its rollouts stay.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/archive",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = LifecycleChange,
    responses((status = 200, body = FlagInForce), (status = 409, body = Problem)),
)]
pub(crate) async fn archive(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    Path(key): Path<String>,
    body: Unread,
) -> Result<Json<FlagInForce>, RestError> {
    let editor = manager.principal.definition_editor()?;
    let sent = body.json(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
    let (key, to) = (flag_key(&key)?, |_| Lifecycle::Archived);
    move_to(&store, (&manager, &editor), &key, sent.value, to).await
}

/// Brings an archived flag back, as active; one that is not archived stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/restore",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = LifecycleChange,
    responses((status = 200, body = FlagInForce), (status = 409, body = Problem)),
)]
pub(crate) async fn restore(
    manager: Manager,
    State(store): State<Store>,
    State(bodies): State<Arc<Bodies>>,
    Path(key): Path<String>,
    body: Unread,
) -> Result<Json<FlagInForce>, RestError> {
    let editor = manager.principal.definition_editor()?;
    let sent = body.json(&bodies, &manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
    let to = |now| if now == Lifecycle::Archived { Lifecycle::Active } else { now };
    let key = flag_key(&key)?;
    move_to(&store, (&manager, &editor), &key, sent.value, to).await
}

async fn move_to(
    store: &Store,
    (manager, editor): (&Manager, &FlagEditor),
    key: &FlagKey,
    LifecycleChange { version, comment }: LifecycleChange,
    to: impl FnOnce(Lifecycle) -> Lifecycle,
) -> Result<Json<FlagInForce>, RestError> {
    let now = find(store, manager, key).await?.value;
    let flag = Flag { lifecycle: to(now.lifecycle), ..now };
    let saved = store.update_flag(editor, version, flag.clone(), &comment).await;
    saved.map_err(|error| Sent::Flag(&flag, "").refusal(error))?;
    answer(store, manager, key).await
}

fn flag_key(key: &str) -> Result<FlagKey, RestError> {
    FlagKey::parse(key).map_err(|_| RestError::NotFound("flag"))
}

async fn find(store: &Store, manager: &Manager, key: &FlagKey) -> Result<Versioned<Flag>, RestError> {
    store.find_flag(&manager.principal.viewer(), key).await?.ok_or(RestError::NotFound("flag"))
}

async fn answer(store: &Store, manager: &Manager, key: &FlagKey) -> Result<Json<FlagInForce>, RestError> {
    let Versioned { value: flag, version, changed_ms, changed_by, .. } = find(store, manager, key).await?;
    Ok(Json(FlagInForce {
        key: flag.key.to_string(),
        name: flag.name.clone(),
        version,
        lifecycle: flag.lifecycle.as_str(),
        changed_by,
        changed_ms,
        changed_at: at(changed_ms),
        definition: serde_json::to_value(&flag).unwrap_or_default(),
    }))
}
