//! How many known people a group would reach, and what that does to the flags that use it: as the census counts.

use std::{sync::Arc, time::Duration};

use axum::Json;
use engine::{CompiledGroup, Count, Group, GroupKey, Impact, Sample};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{GroupUse, Patience};
use utoipa::ToSchema;

use super::{definition, require_group};
use crate::{
    doors::rest::{
        document::{self, Key},
        error::{Problem, RestError},
        fields,
        frame::{Asked, Writing},
    },
    edge::fault::Fault,
};

/// Flags whose change one preview counts.
const FLAGS_MAX: usize = 20;
/// A program waits longer than somebody who is typing.
const PATIENCE: Patience = Patience { exact: Duration::from_secs(1), first: Duration::from_secs(4) };

/// A condition, and the group that would have it.
#[derive(Deserialize, ToSchema)]
#[schema(as = GroupPreviewRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    /// A group that there is: its testers count too, and the answer says what changes. Left out: a group of the condition
    /// alone.
    #[schema(value_type = Option<Key>)]
    group: Option<String>,
    /// Who is in it besides its testers; null or left out: nobody.
    #[schema(value_type = Option<document::Condition>)]
    condition: Option<Box<RawValue>>,
}

/// What a group would become. Of people who are known to Fader.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupPreview {
    environment: String,
    /// Known people.
    known: usize,
    /// How many of them were looked at: all, or a random sample of which the other numbers are an estimate.
    seen: usize,
    /// Who would be in the group.
    members: People,
    /// Who comes in.
    gained: People,
    /// Who falls out.
    lost: People,
    /// What that does to rollouts that name the group, at most 20.
    flags: Vec<FlagPreview>,
    /// As many more are not counted.
    flags_left: usize,
}

/// A number of people.
#[derive(Serialize, ToSchema)]
struct People {
    count: usize,
    /// Null: exact. Otherwise the true number is within so many of `count` in 95 of 100 samples.
    within: Option<usize>,
}

/// One rollout, with the group as it would be.
#[derive(Serialize, ToSchema)]
struct FlagPreview {
    environment: String,
    flag: String,
    before: People,
    after: People,
    gained: People,
    lost: People,
    /// Who would get another variant.
    switched: People,
}

/// Counts whom a condition reaches, and what changing a group does. Writes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/group-previews",
    tag = "groups",
    request_body = Sent,
    responses((status = 200, body = GroupPreview), (status = 404, body = Problem)),
)]
pub(crate) async fn preview(asked: Writing) -> Result<Json<GroupPreview>, RestError> {
    let viewer = asked.asked.manager.there()?.viewer();
    let (asked, sent) = asked.read::<Sent>().await?;
    let Sent { group, condition } = sent.value;
    let saved = match &group {
        Some(key) => Some(require_group(&asked, key).await?.value),
        None => None,
    };
    let key = saved.as_ref().map_or_else(|| GroupKey::parse("new"), |it| Ok(it.key.clone()));
    let key = key.map_err(|error| fields::wrong("/group", error))?;
    let after = definition(key, String::new(), String::new(), condition.as_deref())?;
    let enrolments = saved.as_ref().map(|it| it.enrolments.clone()).unwrap_or_default();
    let after = Arc::new(Group { enrolments, ..after });
    let environment = &asked.manager.environment()?.key;
    let live = asked.store.live();
    let snapshot = live.snapshot(environment.as_str()).ok_or(RestError::Fault(Fault::Internal))?;
    CompiledGroup::new(Arc::clone(&after), snapshot.attributes())
        .map_err(|problem| fields::wrong("/condition", problem))?;
    let used_by = match &saved {
        Some(group) if group.condition != after.condition => uses(&asked, group).await?,
        Some(_) | None => Vec::new(),
    };
    let counted = &used_by[..used_by.len().min(FLAGS_MAX)];
    let environments = live.environments();
    let is_used = |it: &&store::Environment| counted.iter().any(|used| used.environment == it.key);
    let snapshots: Vec<_> =
        environments.iter().filter(is_used).filter_map(|it| live.snapshot(it.key.as_str())).collect();
    let saved = saved.map(Arc::new);
    let change = asked
        .store
        .census()
        .group_change(
            &viewer,
            (&snapshot, &snapshots),
            (saved.as_ref(), &after),
            counted,
            None,
            (None, PATIENCE),
        )
        .await;
    let change = change.ok_or_else(|| RestError::Later {
        detail: "the known people are still being counted; ask again in a moment".to_owned(),
        retry_after_s: 2,
    })?;
    let impact = change.impact;
    Ok(Json(GroupPreview {
        environment: environment.to_string(),
        known: impact.sample.known,
        seen: impact.sample.seen,
        members: people(impact.sample, impact.after),
        gained: people(impact.sample, impact.gained),
        lost: people(impact.sample, impact.lost),
        flags: counted.iter().zip(change.flags).map(|(used, impact)| of_flag(used, &impact)).collect(),
        flags_left: used_by.len() - counted.len(),
    }))
}

/// In environments that are theirs to see.
async fn uses(asked: &Asked, group: &Group) -> Result<Vec<GroupUse>, RestError> {
    let uses = asked.store.group_use(&asked.manager.principal.viewer(), &group.key).await?;
    Ok(uses.into_iter().filter(|it| asked.manager.reaches(&it.environment)).collect())
}

fn of_flag(used: &GroupUse, impact: &Impact) -> FlagPreview {
    let of = |hits| people(impact.sample, hits);
    FlagPreview {
        environment: used.environment.to_string(),
        flag: used.flag.to_string(),
        before: of(impact.before),
        after: of(impact.after),
        gained: of(impact.gained),
        lost: of(impact.lost),
        switched: of(impact.switched),
    }
}

fn people(sample: Sample, hits: usize) -> People {
    match sample.count(hits) {
        Count::Exact(count) => People { count, within: None },
        Count::About { about, within } => People { count: about, within: Some(within) },
    }
}
