//! `POST /api/v1/flags/{key}/rollout/preview`: what saving a rollout would do to the people we know, and whom it would move.

use std::time::Duration;

use app::forecast::Drafted;
use axum::Json;
use engine::{Count, Impact, Rollout, Side, group_name, rollout_changes};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Asker, Moves, Moving, Patience, StoreError};
use utoipa::ToSchema;

use super::{
    at_flag::AtFlag,
    document,
    error::RestError,
    fields::wrong,
    pointer::{self, Sent},
};
use crate::{edge::body::Unread, limits::MOVED_NAMES_MAX};

/// A program waits longer than somebody who moves a fader, and shorter than a page may take.
const PATIENCE: Patience = Patience { exact: Duration::from_secs(2), first: Duration::from_secs(3) };

/// A rollout that is not saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposedRollout {
    /// As it would be sent with a change.
    #[schema(value_type = document::Rollout)]
    rollout: Box<RawValue>,
    /// So many of each side are named, up to 50. For those who may look people up; the audit log is told.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 50)]
    names: usize,
}

/// What saving it would do. Of a stopped flag: what it would do once resumed.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolloutPreview {
    /// Of the environment that it is compared with.
    revision: u64,
    /// What differs, in words.
    changes: Vec<String>,
    /// What it does to the people we know.
    sentence: String,
    /// `null`: they are still being counted; ask again.
    people: Option<PeopleMoved>,
    /// `null`: not asked for, or still being looked for.
    names: Option<NamesMoved>,
}

/// How many people we know have it, and how many a change moves.
#[derive(Serialize, ToSchema)]
struct PeopleMoved {
    known: usize,
    /// Fewer than are known: the numbers are from a sample.
    looked_at: usize,
    before: Number,
    after: Number,
    gained: Number,
    lost: Number,
    /// They have it before and after, in another variant.
    switched: Number,
}

/// So many people; in 95 of 100 samples, the true number is within `within` of it.
#[derive(Serialize, ToSchema)]
#[schema(as = NumberOfPeople)]
struct Number {
    people: usize,
    within: usize,
}

/// The first of each side, by key.
#[derive(Serialize, ToSchema)]
struct NamesMoved {
    gained: Vec<Mover>,
    lost: Vec<Mover>,
    switched: Vec<Mover>,
}

/// Somebody whom a change moves, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = MovedPerson)]
struct Mover {
    subject: String,
    why: String,
}

impl From<Count> for Number {
    fn from(count: Count) -> Self {
        match count {
            Count::Exact(people) => Self { people, within: 0 },
            Count::About { about, within } => Self { people: about, within },
        }
    }
}

impl From<Impact> for PeopleMoved {
    fn from(impact: Impact) -> Self {
        let number = |hits| impact.sample.count(hits).into();
        Self {
            known: impact.sample.known,
            looked_at: impact.sample.seen,
            before: number(impact.before),
            after: number(impact.after),
            gained: number(impact.gained),
            lost: number(impact.lost),
            switched: number(impact.switched),
        }
    }
}

impl NamesMoved {
    fn of(moves: &Moves, names: usize) -> Self {
        let side = |side| {
            let people = moves.page(side, 0, names).into_iter();
            people.map(|(subject, why)| Mover { subject, why }).collect()
        };
        Self { gained: side(Side::Gained), lost: side(Side::Lost), switched: side(Side::Switched) }
    }
}

/// Whom saving a rollout would add, take it from or give another variant: how many of the people we know and, where that is
/// asked for, the first of them by name. Nothing is saved.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/rollout/preview",
    tag = "rollouts",
    params(("key" = String, Path, description = "The flag's key")),
    request_body = ProposedRollout,
    responses((status = 200, body = RolloutPreview)),
)]
pub(crate) async fn preview(at: AtFlag, body: Unread) -> Result<Json<RolloutPreview>, RestError> {
    let viewer = at.there.flag_editor()?.viewer();
    let sent = at.body::<ProposedRollout>(body).await?;
    let ProposedRollout { rollout, names } = sent.value;
    let reader = (names > 0).then(|| at.manager.principal.people_reader()).transpose()?;
    if names > MOVED_NAMES_MAX {
        let sentence = format!("at most {MOVED_NAMES_MAX} of each side are named");
        return Err(wrong("/names", sentence));
    }
    let draft: Rollout = pointer::read(&rollout, "/rollout", "rollout")?;
    let snapshot = at.snapshot()?;
    let compiled = snapshot.flag(at.flag.as_str()).ok_or(RestError::NotFound("flag"))?;
    let (flag, saved) = (compiled.flag(), compiled.rollout());
    let refused = |problems| Sent::Rollout(&draft, "/rollout").refusal(StoreError::Refused(problems));
    let problems = draft.problems(flag, |group| snapshot.group(group.as_str()).is_some());
    if !problems.is_empty() {
        return Err(refused(problems));
    }
    let drafted = Drafted { snapshot: &snapshot, saved, draft: &draft, protected: false };
    let asker = || Some(Asker::new(&viewer, &format!("preview {} {}", at.environment, at.flag)));
    let shapes = drafted.surveyed();
    let survey = at.store.census().survey(&viewer, &snapshot, flag, &shapes, (asker(), PATIENCE)).await;
    let survey = survey.map_err(|problem| refused(vec![problem]))?;
    let impact = survey.as_ref().map(|it| it.impact((0, saved), (shapes.len() - 1, &draft)));
    let forecast = survey.as_ref().map_or_else(|| drafted.uncounted(), |it| drafted.forecast(it));
    let moves = match &reader {
        Some(reader) => {
            let (before, after) = (saved.clone(), draft.clone().into());
            let moving = Moving::Rollout { flag: flag.clone(), before, after };
            at.store.moves(reader, &snapshot, moving, (asker(), PATIENCE)).await?
        }
        None => None,
    };
    let changes = rollout_changes(saved, &draft, &group_name(&snapshot));
    Ok(Json(RolloutPreview {
        revision: snapshot.revision(),
        changes: changes.into_iter().map(|change| change.phrase).collect(),
        sentence: forecast.sentence,
        people: impact.map(Into::into),
        names: moves.map(|moves| NamesMoved::of(&moves, names)),
    }))
}
