//! What was found in an export, and what of it is left out.

use std::collections::BTreeMap;

use store::{Exposure, Omission};

use super::{error::OtlpError, thin};
use crate::{intake::outcomes::Outcome, limits::OTLP_ITEMS_MAX};

/// What was found, each with the text that its id is made of.
#[derive(Default)]
pub struct Extracted {
    pub exposures: Vec<(String, Exposure)>,
    /// For the ledger alone: nobody knows of which arm they are.
    pub unplaced: Vec<(String, Exposure)>,
    pub(crate) outcomes: Vec<(String, Outcome)>,
    /// Spans or records with features of which nothing was taken.
    pub rejected: i64,
    omitted: BTreeMap<Omission, (u64, String)>,
}

impl Extracted {
    pub fn items(&self) -> usize {
        self.exposures.len() + self.unplaced.len() + self.outcomes.len()
    }

    /// Refuses an export that brings too much.
    pub fn has_room(&self) -> Result<(), OtlpError> {
        if self.items() > OTLP_ITEMS_MAX { Err(thin::too_many()) } else { Ok(()) }
    }

    pub fn omit(&mut self, omission: Omission, why: impl Into<String>) {
        let (times, _) = self.omitted.entry(omission).or_insert_with(|| (0, why.into()));
        *times += 1;
    }

    /// Why how much was left out, each with the sentence of the first.
    pub fn omitted(&self) -> impl Iterator<Item = (Omission, u64, &str)> {
        self.omitted.iter().map(|(omission, (times, why))| (*omission, *times, why.as_str()))
    }

    /// What the sender is told: how many items were rejected whole, and what was left out, also of the others. `None`
    /// where everything was taken.
    pub fn partly(&self) -> Option<(i64, String)> {
        let phrase = |(omission, times, why): (Omission, u64, &str)| {
            let why: String = why.chars().take(WHY_CHARS_MAX).collect();
            format!("{} ({why})", omission.phrase(times))
        };
        let phrases: Vec<_> = self.omitted().map(phrase).collect();
        (!phrases.is_empty()).then(|| (self.rejected, format!("left out: {}", phrases.join("; "))))
    }
}

/// Of what a sender wrote, so much is repeated.
const WHY_CHARS_MAX: usize = 200;
