//! What the condition builder knows on a page: the schema, what known people have, and how many each row matches.

use std::collections::{BTreeMap, BTreeSet};

use engine::{AttributeSchema, AttributeType, TARGETING_KEY};
use store::Operation;

use super::{counts::RowCounts, form::ConditionForm};
use crate::page::Page;

/// Attribute names that only later people have are not suggested; they can still be typed.
const PEOPLE_SAMPLED_MAX: usize = 1000;

/// Suggestions for the builders of a page, and how many people each of their rows matches: all counted at once.
pub async fn vocabularies(page: &Page, drafts: &[&ConditionForm]) -> Vec<Vocabulary> {
    let vocabularies: Vec<_> = drafts.iter().map(|draft| suggestions(page, draft)).collect();
    let rows = RowCounts::of(page, drafts, &vocabularies).await;
    vocabularies.into_iter().zip(rows).map(|(it, rows)| Vocabulary { rows, ..it }).collect()
}

/// The same for one builder.
pub async fn vocabulary(page: &Page, draft: &ConditionForm) -> Vocabulary {
    vocabularies(page, &[draft]).await.into_iter().next().unwrap_or_default()
}

/// Values of known people are shown to those who may look people up; those of personal attributes to nobody: that would be
/// looking people up without a word in the audit log.
fn suggestions(page: &Page, draft: &ConditionForm) -> Vocabulary {
    let live = page.store().live();
    let Some(snapshot) = live.snapshot(page.environment.key.as_str()) else { return Vocabulary::default() };
    if !page.may(Operation::ReadPeople) {
        return Vocabulary::new(snapshot.attributes(), []);
    }
    let people = live.people();
    let sample = people.iter().take(PEOPLE_SAMPLED_MAX);
    let names: BTreeSet<&str> = sample.flat_map(|(_, traits)| traits.iter().map(|(name, _)| name)).collect();
    Vocabulary::new(snapshot.attributes(), names).with_values(draft, |name| {
        if snapshot.attributes().is_personal(name) { Vec::new() } else { people.attribute_values(name) }
    })
}

/// What the builder can suggest: attributes with their types, and values that known people have.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    pub(super) attributes: BTreeMap<String, Attribute>,
    values: BTreeMap<String, Vec<String>>,
    pub(super) rows: RowCounts,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Attribute {
    pub(super) value_type: Option<AttributeType>,
    pub(super) description: String,
}

impl Vocabulary {
    /// The schema's attributes and those that known people have beside them.
    pub fn new<'a>(schema: &AttributeSchema, traits: impl IntoIterator<Item = &'a str>) -> Self {
        let mut attributes: BTreeMap<_, _> =
            traits.into_iter().map(|name| (name.to_owned(), Attribute::default())).collect();
        let key = Attribute {
            value_type: Some(AttributeType::Text),
            description: "who the flag is evaluated for".to_owned(),
        };
        attributes.insert(TARGETING_KEY.to_owned(), key);
        for definition in schema.definitions() {
            let attribute = Attribute {
                value_type: Some(definition.value_type),
                description: definition.description.clone(),
            };
            attributes.insert(definition.name.to_string(), attribute);
        }
        Self { attributes, ..Self::default() }
    }

    /// Adds the known values of the attributes that `draft` tests; `values` finds those of one attribute.
    #[must_use]
    pub fn with_values(mut self, draft: &ConditionForm, values: impl Fn(&str) -> Vec<String>) -> Self {
        for attribute in draft.attributes() {
            self.values.entry(attribute.to_owned()).or_insert_with(|| values(attribute));
        }
        self
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    pub(super) fn type_of(&self, attribute: &str) -> Option<AttributeType> {
        self.attributes.get(attribute.trim())?.value_type
    }

    pub(super) fn values_of(&self, attribute: &str) -> &[String] {
        self.values.get(attribute.trim()).map_or(&[], Vec::as_slice)
    }
}
