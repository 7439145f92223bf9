//! A feature under control: its value type and variants.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    key::{FlagKey, VariantKey},
    problem::{NAME_CHARS_MAX, PUBLIC_SENTENCE_CHARS_MAX, Problem},
    value_type::ValueType,
};

pub const VARIANTS_MAX: usize = 50;
pub const TAGS_MAX: usize = 20;
pub const TAG_CHARS_MAX: usize = 50;
/// Longest variant value, as JSON text.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

crate::words! {
    /// What the flag is for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum FlagKind: serde {
        /// Releases a feature; ends when it is at 100 % everywhere.
        Release = "release",
        /// Stays as a switch for operations.
        Operational = "operational",
        /// Stays as a right that some audiences have.
        Permission = "permission",
    }
}

crate::words! {
    /// Where a flag is in its life. Only `Archived` changes what is decided: an archived flag is not found.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Lifecycle: serde {
        Draft = "draft",
        Active = "active",
        Completed = "completed",
        Archived = "archived",
    }
}

/// A named value that a subject can be served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    pub key: VariantKey,
    pub value: Json,
}

/// A feature under control, the same in every environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    pub key: FlagKey,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub kind: FlagKind,
    pub value_type: ValueType,
    pub variants: Vec<Variant>,
    /// Served to whoever does not get the feature.
    pub off_variant: VariantKey,
    pub lifecycle: Lifecycle,
    /// What customers call it; empty: it is not spoken of to them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_name: String,
    /// What it does for them, in a sentence; perhaps empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_sentence: String,
}

impl Flag {
    /// A boolean release flag with the variants `on` and `off`, as a draft.
    pub fn boolean(key: FlagKey, name: &str) -> Self {
        let variant = |key: &str, value: bool| Variant {
            key: VariantKey::parse(key).unwrap_or_else(|_| unreachable!("a literal key")),
            value: value.into(),
        };
        let variants = vec![variant("on", true), variant("off", false)];
        Self {
            key,
            name: name.to_owned(),
            description: String::new(),
            owner: String::new(),
            tags: Vec::new(),
            kind: FlagKind::Release,
            value_type: ValueType::Boolean,
            off_variant: variants[1].key.clone(),
            variants,
            lifecycle: Lifecycle::Draft,
            public_name: String::new(),
            public_sentence: String::new(),
        }
    }

    pub fn variant(&self, key: &VariantKey) -> Option<&Variant> {
        self.variants.iter().find(|v| v.key == *key)
    }

    /// What a rule serves when it names no split: the first variant that is not the off variant.
    pub fn on_variant(&self) -> Option<&Variant> {
        self.variants.iter().find(|v| v.key != self.off_variant)
    }

    /// Everything that is wrong with the definition; empty when it can be saved.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        Problem::check_name(&self.name, &mut problems);
        Problem::check_description(&self.description, &mut problems);
        if self.owner.chars().count() > NAME_CHARS_MAX {
            problems.push(Problem::OwnerTooLong { max: NAME_CHARS_MAX });
        }
        if self.public_name.chars().count() > NAME_CHARS_MAX {
            problems.push(Problem::PublicNameTooLong { max: NAME_CHARS_MAX });
        }
        if self.public_sentence.chars().count() > PUBLIC_SENTENCE_CHARS_MAX {
            problems.push(Problem::PublicSentenceTooLong { max: PUBLIC_SENTENCE_CHARS_MAX });
        }
        if self.public_name.is_empty() && !self.public_sentence.is_empty() {
            problems.push(Problem::PublicSentenceAlone);
        }
        if self.tags.len() > TAGS_MAX
            || self.tags.iter().any(|t| t.is_empty() || t.chars().count() > TAG_CHARS_MAX)
        {
            problems.push(Problem::Tags { max: TAGS_MAX, chars_max: TAG_CHARS_MAX });
        }
        if self.variants.len() < 2 || self.variants.len() > VARIANTS_MAX {
            problems.push(Problem::VariantCount { max: VARIANTS_MAX });
        }
        let mut seen = HashSet::new();
        for variant in &self.variants {
            let key = variant.key.clone();
            if !seen.insert(&variant.key) {
                problems.push(Problem::DuplicateVariant { variant: key });
            } else if !self.value_type.accepts(&variant.value) {
                problems.push(Problem::ValueType { variant: key, value_type: self.value_type });
            } else if variant.value.to_string().len() > VALUE_BYTES_MAX {
                problems.push(Problem::ValueTooLong { variant: key, max: VALUE_BYTES_MAX });
            }
        }
        if self.variant(&self.off_variant).is_none() {
            problems.push(Problem::UnknownVariant { variant: self.off_variant.clone() });
        }
        problems
    }
}
