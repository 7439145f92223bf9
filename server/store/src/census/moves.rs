//! Whom a change moves, by name: for those who may look people up, and never without a word in the audit log.

use std::{collections::HashSet, sync::Arc};

use engine::{
    AttributeName, CompiledGroup, Condition, Context, Flag, Group, Moved, Mover, Problem, Question, Rollout,
    Side, Snapshot, Traits, group_name, move_reason,
};

use super::{
    Asker, Patience,
    entry::{Asked, Found, Subject},
    job::Work,
};
use crate::{People, PeopleReader, Store, StoreError};

/// A change of which somebody wants to know whom it moves.
#[derive(Debug, Clone)]
pub enum Moving {
    /// Of a rollout; of a stopped one what resuming it would do.
    Rollout { flag: Arc<Flag>, before: Arc<Rollout>, after: Arc<Rollout> },
    /// Of a group's definition; `None`: there was none.
    Group { before: Option<Arc<Group>>, after: Arc<Group> },
}

/// Those whom a change moves, all of one moment.
#[derive(Debug, Clone)]
pub struct Moves {
    pub moved: Arc<Moved>,
    people: Arc<People>,
    compared: Compared,
    now_ms: i64,
}

/// What explains why somebody moves.
#[derive(Debug, Clone)]
enum Compared {
    Rollouts { key: String, before: (Arc<Snapshot>, Arc<Rollout>), after: (Arc<Snapshot>, Arc<Rollout>) },
    Group(Arc<Group>),
}

impl Moves {
    /// Some of those on one side, from the `skipped`-th on in the order of their keys, and why each moves.
    pub fn page(&self, side: Side, skipped: usize, limit: usize) -> Vec<(String, String)> {
        let places = self.moved.places(side).iter().skip(skipped).take(limit);
        let people = places.filter_map(|place| self.people.at(usize::try_from(*place).ok()?));
        people.map(|(subject, traits)| (subject.to_owned(), self.reason(side, subject, traits))).collect()
    }

    fn reason(&self, side: Side, subject: &str, traits: Traits<'_>) -> String {
        match &self.compared {
            Compared::Rollouts { key, before, after } => {
                let context = Context::from_traits(subject, traits);
                let explain = |snapshot: &Snapshot| snapshot.explain(key, &context, self.now_ms);
                let (was, is) = (explain(&before.0), explain(&after.0));
                move_reason(side, (&was, &before.1), (&is, &after.1), &group_name(&after.0))
            }
            Compared::Group(group) => tested(group, traits),
        }
    }
}

/// What the condition looks at: `tier = vip, role missing`.
fn tested(group: &Group, traits: Traits<'_>) -> String {
    let mut tested = group.condition.as_ref().map(Condition::attributes).unwrap_or_default();
    let mut seen = HashSet::new();
    tested.retain(|name| seen.insert(name.as_str()));
    let of = |name: &AttributeName| match traits.get(name.as_str()) {
        Some(value) => format!("{name} = {}", value.display()),
        None => format!("{name} is missing"),
    };
    tested.iter().map(|name| of(name)).collect::<Vec<_>>().join(", ")
}

impl Store {
    /// Whom a change would move among the known people. Audited before anybody is shown, once for each reader and flag or
    /// group in ten minutes. `None`: nothing is known yet; ask again.
    pub async fn moves(
        &self,
        by: &PeopleReader,
        snapshot: &Arc<Snapshot>,
        moving: Moving,
        (asker, patience): (Option<Asker>, Patience),
    ) -> Result<Option<Moves>, StoreError> {
        by.require_in(snapshot.environment())?;
        let people = self.live().people();
        let now_ms = self.clock().now_ms();
        let (subject, question, compared) = match moving {
            Moving::Rollout { flag, before, after } => {
                let place = format!("moves {} {}", snapshot.environment(), flag.key);
                let whom = format!("looked at whom a change of {} would move", flag.name);
                self.audit_place(by, &place, &whom).await?;
                compare_rollouts(snapshot, &flag, &before, &after)
                    .map_err(|it| StoreError::Refused(vec![it]))?
            }
            Moving::Group { before, after } => {
                self.audit_group_shown(by, before.as_ref().map(|group| &group.key)).await?;
                compare_groups(snapshot, before, after).map_err(|it| StoreError::Refused(vec![it]))?
            }
        };
        let definitions = [snapshot];
        let asked = Asked::new(subject, &definitions, Arc::clone(&people));
        let work = || Some(Work::Moves(Mover::new(question)));
        let found = self.census().0.0.ask(asked, work, asker, patience).await;
        Ok(match found {
            Some((Found::Moved(moved), _)) => Some(Moves { moved, people, compared, now_ms }),
            Some((Found::Survey(_) | Found::Counted(..), _)) | None => None,
        })
    }
}

type Comparison = (Subject, Question, Compared);

fn compare_rollouts(
    snapshot: &Arc<Snapshot>,
    flag: &Arc<Flag>,
    before: &Rollout,
    after: &Rollout,
) -> Result<Comparison, Problem> {
    let running = |rollout: &Rollout| Arc::new(Rollout { enabled: true, ..rollout.clone() });
    let (before, after) = (running(before), running(after));
    let with =
        |rollout: &Arc<Rollout>| snapshot.with_flag(Arc::clone(flag), Arc::clone(rollout)).map(Arc::new);
    let (was, is) = (with(&before)?, with(&after)?);
    let subject = Subject::RolloutMoves {
        flag: Arc::clone(flag),
        before: Arc::clone(&before),
        after: Arc::clone(&after),
    };
    let question =
        Question::Changes { flag: flag.key.clone(), before: Arc::clone(&was), after: Arc::clone(&is) };
    let compared =
        Compared::Rollouts { key: flag.key.to_string(), before: (was, before), after: (is, after) };
    Ok((subject, question, compared))
}

fn compare_groups(
    snapshot: &Arc<Snapshot>,
    before: Option<Arc<Group>>,
    after: Arc<Group>,
) -> Result<Comparison, Problem> {
    let compile =
        |group: &Arc<Group>| CompiledGroup::new(Arc::clone(group), snapshot.attributes()).map(Arc::new);
    let question = Question::Belongs {
        before: before.as_ref().and_then(|it| compile(it).ok()),
        after: compile(&after)?,
    };
    let subject = Subject::GroupMoves { before, after: Arc::clone(&after) };
    Ok((subject, question, Compared::Group(after)))
}
