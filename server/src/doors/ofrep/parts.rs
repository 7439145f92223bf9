//! The parts of an answer that are the same for everybody who is served a variant, written once per definition.

use std::{ptr, sync::Arc};

use engine::{Flag, Variant};
use serde_json::json;

use super::mark::Mark;

/// What answers about one flag consist of, as JSON.
pub struct FlagParts {
    /// They hold for this definition, whatever the revision.
    flag: Arc<Flag>,
    /// In the order of the flag's variants.
    variants: Box<[VariantParts]>,
    /// That it was asked for by itself; the same for all its definitions.
    pub asked: Arc<Mark>,
}

/// `{"key":…,"value":…,"reason":"` and `","variant":"on","metadata":`: the reason stands between, the metadata behind.
pub struct VariantParts {
    pub before_reason: Box<[u8]>,
    pub after_reason: Box<[u8]>,
}

impl FlagParts {
    pub fn new(flag: &Arc<Flag>, asked: Arc<Mark>) -> Self {
        let key = json!(flag.key.as_str());
        let parts = |variant: &Variant| VariantParts {
            before_reason: format!("{{\"key\":{key},\"value\":{},\"reason\":\"", variant.value)
                .into_bytes()
                .into(),
            after_reason: format!("\",\"variant\":{},\"metadata\":", json!(variant.key.as_str()))
                .into_bytes()
                .into(),
        };
        Self { flag: Arc::clone(flag), variants: flag.variants.iter().map(parts).collect(), asked }
    }

    pub fn are_of(&self, flag: &Arc<Flag>) -> bool {
        Arc::ptr_eq(&self.flag, flag)
    }

    /// `variant` is one of this very flag's.
    pub fn of(&self, variant: &Variant) -> Option<&VariantParts> {
        let at = self.flag.variants.iter().position(|own| ptr::eq(own, variant))?;
        self.variants.get(at)
    }

    pub fn bytes_max(&self) -> usize {
        let bytes = |parts: &VariantParts| parts.before_reason.len() + parts.after_reason.len();
        self.variants.iter().map(bytes).max().unwrap_or(0)
    }
}
