//! `GET /api/v1/flags`: the flags of an environment with their live state in words, filtered as at the desk, page by page.

use app::desk::filter::{Facts, Filter, State};
use axum::{
    Json,
    extract::{Query, State as Shared, rejection::QueryRejection},
};
use engine::{CompiledFlag, FlagKind, Snapshot, rollout_phrase};
use serde::{Deserialize, Serialize};
use store::Store;
use utoipa::{IntoParams, ToSchema};

use super::{
    document::{FlagKindWord, Key},
    error::{Problem, RestError},
    manager::Manager,
};
use crate::{edge::fault::Fault, limits::FLAG_PAGE_MAX};

engine::words! {
    /// What a rollout does, roughly.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub(crate) enum FlagStateWord: serde {
        Nobody = "nobody",
        Serving = "serving",
        Full = "full",
        Stopped = "stopped",
    }
}

engine::words! {
    /// Where flags are in their life.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub(crate) enum LifecycleFilter: serde {
        Draft = "draft",
        Active = "active",
        Completed = "completed",
        Archived = "archived",
        All = "all",
    }
}

/// Which flags; every one that is sent must agree.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FlagQuery {
    /// Words that stand in the name, the key, the owner or a tag, in any case; each has to be found.
    q: Option<String>,
    /// `serving` also finds those that everybody has.
    #[param(inline)]
    state: Option<FlagStateWord>,
    /// Exactly.
    tag: Option<String>,
    /// Exactly.
    owner: Option<String>,
    #[param(inline, value_type = Option<FlagKindWord>)]
    kind: Option<FlagKind>,
    /// Without it, all but archived ones.
    #[param(inline)]
    lifecycle: Option<LifecycleFilter>,
    /// 1 to 1000, and 1000 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    #[param(value_type = Option<Key>)]
    cursor: Option<String>,
    /// The environment that this is about, with a token for the whole workspace.
    #[expect(dead_code, reason = "the manager has read it; no other name is taken for it")]
    environment: Option<String>,
}

/// Flags of one environment, by key.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagList {
    environment: String,
    /// Grows with every change that can alter a decision.
    revision: u64,
    flags: Vec<FlagState>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// A flag and what its rollout does at this moment.
#[derive(Serialize, ToSchema)]
struct FlagState {
    key: String,
    name: String,
    owner: String,
    tags: Vec<String>,
    /// `release`, `operational` or `permission`.
    kind: &'static str,
    /// `boolean`, `string`, `number` or `object`.
    value_type: &'static str,
    /// `draft`, `active`, `completed` or `archived`.
    lifecycle: &'static str,
    /// False: the kill switch was pressed.
    enabled: bool,
    /// Who gets it, in words.
    state: String,
    /// Who gets it, in a word: `nobody`, `serving`, `full` or `stopped`.
    serves: &'static str,
}

impl FlagQuery {
    /// The choices of the desk's toolbar.
    fn filter(&self) -> Filter {
        let of = |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
        let pairs = [
            of("q", self.q.as_deref()),
            of("state", self.state.map(FlagStateWord::as_str)),
            of("tag", self.tag.as_deref()),
            of("owner", self.owner.as_deref()),
            of("kind", self.kind.map(FlagKind::as_str)),
            of("life", self.lifecycle.map(LifecycleFilter::as_str)),
        ];
        Filter::read(pairs.into_iter().flatten())
    }

    fn limit(&self) -> Result<usize, RestError> {
        let limit = self.limit.unwrap_or(FLAG_PAGE_MAX);
        if (1..=FLAG_PAGE_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(RestError::Refused(format!("limit lies between 1 and {FLAG_PAGE_MAX}")))
        }
    }
}

/// The flags of an environment, by key.
#[utoipa::path(
    get,
    path = "/api/v1/flags",
    tag = "flags",
    params(FlagQuery),
    responses((status = 200, body = FlagList), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(crate) async fn list(
    manager: Manager,
    Shared(store): Shared<Store>,
    query: Result<Query<FlagQuery>, QueryRejection>,
) -> Result<Json<FlagList>, RestError> {
    // Anybody with a role may see flags.
    let _viewer = manager.principal.viewer();
    let Query(query) = query?;
    let (limit, filter) = (query.limit()?, query.filter());
    let key = manager.environment()?.key.as_str();
    let snapshot = store.live().snapshot(key).ok_or(RestError::Fault(Fault::Internal))?;
    let is_asked = |it: &&CompiledFlag| {
        let (flag, rollout) = (it.flag(), it.rollout());
        let is_behind = query.cursor.as_deref().is_none_or(|cursor| flag.key.as_str() > cursor);
        is_behind && filter.keeps(&Facts { flag, rollout, on: 0, changed_ms: 0, topics: &[] })
    };
    let mut flags: Vec<_> = snapshot.flags().filter(is_asked).collect();
    flags.sort_by(|a, b| a.flag().key.cmp(&b.flag().key));
    let has_more = flags.len() > limit;
    flags.truncate(limit);
    let last = flags.last().filter(|_| has_more);
    Ok(Json(FlagList {
        environment: key.to_owned(),
        revision: snapshot.revision(),
        next: last.map(|flag| flag.flag().key.to_string()),
        flags: flags.into_iter().map(|flag| state(flag, &snapshot)).collect(),
    }))
}

fn state(compiled: &CompiledFlag, snapshot: &Snapshot) -> FlagState {
    let (flag, rollout) = (compiled.flag(), compiled.rollout());
    let name = engine::group_name(snapshot);
    FlagState {
        key: flag.key.to_string(),
        name: flag.name.clone(),
        owner: flag.owner.clone(),
        tags: flag.tags.clone(),
        kind: flag.kind.as_str(),
        value_type: flag.value_type.as_str(),
        lifecycle: flag.lifecycle.as_str(),
        enabled: rollout.enabled,
        state: rollout_phrase(rollout, &name),
        serves: State::of(rollout).code(),
    }
}
