//! The one place where known people are counted, for every page and preview. A question is answered from a growing random
//! sample and, where that can be afforded, exactly; the answer is kept as long as definitions and people are the same, and
//! everybody who asks the same shares it. Counting happens on threads of its own, behind everything else.

mod desk;
mod entry;
mod job;
mod moves;
mod questions;
mod threads;

use std::{sync::Arc, time::Duration};

use engine::{Counted, Flag, Problem, Rollout, Snapshot, Survey};

use entry::{Asked, Found, Subject};
use job::Work;
use threads::Shared;

pub use desk::DeskCount;
pub use moves::{Moves, Moving};
pub use questions::{ConditionCounts, GroupChange, GroupCount, Listed};

use crate::{Clock, People, Timed, Viewer, live::Live};

/// How long whoever asks waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For everybody to be counted.
    pub exact: Duration,
    /// For any answer at all, all in all.
    pub first: Duration,
}

impl Patience {
    /// A page is rendered with what there is by then; it looks again by itself.
    pub const PAGE: Self = Self { exact: Duration::from_millis(60), first: Duration::from_millis(150) };
    /// While somebody moves a fader.
    pub const PREVIEW: Self = Self { exact: Duration::from_millis(80), first: Duration::from_millis(400) };
}

/// Whose question it is: the next one of the same person in the same place takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asker(String);

impl Asker {
    /// `place`: what the person looks at, for example a flag in an environment.
    pub fn new(by: &Viewer, place: &str) -> Self {
        Self(format!("{:?}\n{place}", by.id()))
    }
}

/// Counts people. Cheap to clone; the threads end with the last clone.
#[derive(Debug, Clone)]
pub struct Census(Arc<Threads>);

#[derive(Debug)]
struct Threads(Arc<Shared>);

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Census {
    pub(crate) fn new(live: Live, clock: Clock) -> Self {
        Self(Arc::new(Threads(Arc::new(Shared::new(live, clock)))))
    }

    /// How long questions took to their final answer, and how many wait or are being counted.
    pub fn report(&self) -> (Timed, usize) {
        (self.0.0.took.look(), self.0.0.open())
    }

    fn people(&self) -> Arc<People> {
        self.0.0.live.people()
    }

    /// A survey of one flag: from it every position of every fader of `rollouts` is counted, and one rollout compared with
    /// another, without another look at anybody. `rollouts` may differ from what is in force; only what they are apart from
    /// percentages and the kill switch matters. `None`: nothing is known yet; ask again.
    pub async fn survey(
        &self,
        by: &Viewer,
        snapshot: &Arc<Snapshot>,
        flag: &Arc<Flag>,
        rollouts: &[&Rollout],
        (asker, patience): (Option<Asker>, Patience),
    ) -> Result<Option<Arc<Survey>>, Problem> {
        if by.require_in(snapshot.environment()).is_err() {
            return Ok(None);
        }
        let shapes: Vec<_> = rollouts.iter().map(|it| Arc::new(it.shape())).collect();
        let subject = Subject::Rollouts { flag: Arc::clone(flag), shapes: shapes.clone() };
        let definitions = [snapshot];
        let question = Asked::new(subject, &definitions, self.people());
        // What cannot be compiled is told at once, whether it was counted before or not.
        let compile =
            |shape: &Arc<Rollout>| snapshot.with_flag(Arc::clone(flag), Arc::clone(shape)).map(Arc::new);
        let snapshots: Vec<_> = shapes.iter().map(compile).collect::<Result<_, _>>()?;
        let work = || Work::survey(&flag.key, &snapshots);
        Ok(match self.0.0.ask(question, work, asker, patience).await {
            Some((Found::Survey(survey), _)) => Some(survey),
            Some((Found::Counted(..) | Found::Moved(_), _)) | None => None,
        })
    }

    async fn counted(
        &self,
        asked: Asked<'_>,
        work: impl FnOnce() -> Option<Work>,
        (asker, patience): (Option<Asker>, Patience),
    ) -> Option<(Arc<Counted>, Arc<Listed>, bool)> {
        match self.0.0.ask(asked, work, asker, patience).await {
            Some((Found::Counted(counted, listed), is_final)) => Some((counted, listed, is_final)),
            Some((Found::Survey(_) | Found::Moved(_), _)) | None => None,
        }
    }
}
