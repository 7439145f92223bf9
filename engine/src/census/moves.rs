//! Whom a change moves: not how many, but which of the people, by their places. A place is four bytes, so that everybody
//! can be kept; who stands there, and why they move, is looked up for the few that are shown.

use super::{Impact, Question, Sample};
use crate::Context;

crate::words! {
    /// What a change does to somebody whom it moves.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Side {
        Gained = "gained",
        Lost = "lost",
        /// On before and after, with another variant.
        Switched = "switched",
    }
}

/// Notes whom a question moves, person by person.
#[derive(Debug, Clone)]
pub struct Mover {
    question: Question,
    moved: Moved,
}

/// The places of those whom a change moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    pub sample: Sample,
    gained: Vec<u32>,
    lost: Vec<u32>,
    switched: Vec<u32>,
}

impl Mover {
    pub fn new(question: Question) -> Self {
        Self { question, moved: Moved::default() }
    }

    /// How many decisions one person costs.
    pub fn cost(&self) -> usize {
        self.question.cost()
    }

    /// Looks at whoever stands at `place`.
    pub fn look(&mut self, place: usize, context: &Context<'_>, now_ms: i64) {
        self.moved.sample.seen += 1;
        let mut one = Impact::default();
        self.question.ask(&mut one, context, now_ms);
        let side = match (one.gained, one.lost, one.switched) {
            (0, 0, 0) => return,
            (0, 0, _) => Side::Switched,
            (0, _, _) => Side::Lost,
            (_, _, _) => Side::Gained,
        };
        if let Ok(place) = u32::try_from(place) {
            self.moved.places_mut(side).push(place);
        }
    }

    /// Forgets who was seen.
    pub fn begin_again(&mut self) {
        self.moved = Moved::default();
    }

    /// Who was found so far, in the order of their places, of `known` people.
    pub fn moved(&self, known: usize) -> Moved {
        let mut moved = self.moved.clone();
        moved.sample.known = known;
        for side in Side::ALL {
            moved.places_mut(side).sort_unstable();
        }
        moved
    }
}

impl Moved {
    pub fn places(&self, side: Side) -> &[u32] {
        match side {
            Side::Gained => &self.gained,
            Side::Lost => &self.lost,
            Side::Switched => &self.switched,
        }
    }

    fn places_mut(&mut self, side: Side) -> &mut Vec<u32> {
        match side {
            Side::Gained => &mut self.gained,
            Side::Lost => &mut self.lost,
            Side::Switched => &mut self.switched,
        }
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        4 * (self.gained.len() + self.lost.len() + self.switched.len())
    }
}
