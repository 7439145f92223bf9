//! What the condition builder can suggest on a page: the schema, and what known people have.

use std::collections::BTreeSet;

use store::Operation;

use super::{builder::Vocabulary, form::ConditionDraft};
use crate::page::Page;

/// Attribute names that only later people have are not suggested; they can still be typed.
const PEOPLE_SAMPLED_MAX: usize = 1000;

/// Suggestions for one builder. Values of known people are shown to those who may look people up.
pub fn vocabulary(page: &Page, draft: &ConditionDraft) -> Vocabulary {
    let live = page.store().live();
    let Some(snapshot) = live.snapshot(page.environment.key.as_str()) else { return Vocabulary::default() };
    if !page.principal.may(Operation::ReadPeople) {
        return Vocabulary::new(snapshot.attributes(), []);
    }
    let people = live.people();
    let sample = people.iter().take(PEOPLE_SAMPLED_MAX);
    let names: BTreeSet<&str> = sample.flat_map(|(_, traits)| traits.iter().map(|(name, _)| name)).collect();
    Vocabulary::new(snapshot.attributes(), names).with_values(draft, |name| people.attribute_values(name))
}
