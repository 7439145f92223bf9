//! Walking over everybody at one moment, in any order.

use std::{ops::Range, sync::Arc};

use engine::Context;

use super::People;

/// Everybody at one moment, as the engine sees them, by their place in the order of the keys.
#[derive(Debug)]
pub(crate) struct Walk(Arc<People>);

impl Walk {
    pub(crate) fn new(people: Arc<People>) -> Self {
        Self(people)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn at(&self, place: usize) -> Option<Context<'_>> {
        self.0.at(place).map(|(subject, traits)| Context::from_traits(subject, traits))
    }

    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = Context<'_>> {
        self.0.chunk(range).map(|(subject, traits)| Context::from_traits(subject, traits))
    }
}
