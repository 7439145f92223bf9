//! Questions that are counted in one pass over the people.

use std::sync::Arc;

use super::{Impact, Sample};
use crate::{CompiledGroup, Context, FlagKey, Snapshot, VariantKey};

/// What is asked of each person.
#[derive(Debug, Clone)]
pub enum Question {
    /// Whether they have the flag: are served something else than its off variant.
    Holds { snapshot: Arc<Snapshot>, flag: FlagKey },
    /// Whether they have it before and after a change.
    Changes { flag: FlagKey, before: Arc<Snapshot>, after: Arc<Snapshot> },
    /// Whether they are in the group, before and after a change of its definition.
    Belongs { before: Option<Arc<CompiledGroup>>, after: Arc<CompiledGroup> },
}

/// Questions, and what was found so far.
#[derive(Debug, Clone)]
pub struct Tally {
    questions: Arc<Vec<Question>>,
    impacts: Vec<Impact>,
}

/// What a tally came to, in the order of its questions.
#[derive(Debug, Clone)]
pub struct Counted {
    pub sample: Sample,
    pub impacts: Vec<Impact>,
}

impl Question {
    pub(super) fn ask(&self, impact: &mut Impact, context: &Context<'_>, now_ms: i64) {
        match self {
            Self::Holds { snapshot, flag } => {
                let on = on(snapshot, flag, context, now_ms);
                impact.count(on, on);
            }
            Self::Changes { flag, before, after } => {
                impact.count(on(before, flag, context, now_ms), on(after, flag, context, now_ms));
            }
            Self::Belongs { before, after } => {
                let was = before.as_ref().map(|group| group.contains(context, now_ms));
                let is = after.contains(context, now_ms);
                impact.count(was.unwrap_or(false).then_some(()), is.then_some(()));
            }
        }
    }

    /// How many decisions one person costs.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Holds { .. } => 1,
            Self::Changes { .. } => 2,
            Self::Belongs { before, .. } => 1 + usize::from(before.is_some()),
        }
    }
}

/// The variant that is served, when it is not the off variant.
fn on<'s>(
    snapshot: &'s Snapshot,
    flag: &FlagKey,
    context: &Context<'_>,
    now_ms: i64,
) -> Option<&'s VariantKey> {
    let decision = snapshot.evaluate(flag.as_str(), context, now_ms).ok()?;
    decision.is_on(snapshot.flag(flag.as_str())?).then_some(&decision.variant.key)
}

impl Tally {
    pub fn new(questions: Vec<Question>) -> Self {
        let impacts = vec![Impact::default(); questions.len()];
        Self { questions: Arc::new(questions), impacts }
    }

    /// How many decisions one person costs.
    pub fn cost(&self) -> usize {
        self.questions.iter().map(Question::cost).sum()
    }

    /// Counts one person.
    pub fn look(&mut self, context: &Context<'_>, now_ms: i64) {
        for (question, impact) in self.questions.iter().zip(&mut self.impacts) {
            question.ask(impact, context, now_ms);
        }
    }

    /// Forgets what was found.
    pub fn begin_again(&mut self) {
        self.impacts.fill(Impact::default());
    }

    /// What was found among the people who were looked at, of whom there are `known` in all.
    pub fn counted(&self, known: usize) -> Counted {
        let seen = self.impacts.first().map_or(known, |impact| impact.sample.seen);
        let sample = Sample { seen, known };
        let impacts = self.impacts.iter().map(|impact| Impact { sample, ..*impact }).collect();
        Counted { sample, impacts }
    }
}
