//! The forms that create a flag and change its definition, as typed.

use std::collections::HashSet;

use engine::{
    Flag, FlagKey, FlagKind, Lifecycle, Problem, TAGS_MAX, VARIANTS_MAX, ValueType, Variant, VariantKey,
};
use islands::key_from_name::key_from_name;
use serde_json::{Value as Json, json};

use crate::form::{error::FieldError, fields::Fields};

/// A flag's definition as typed. The key and the lifecycle are not typed here once the flag exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagForm {
    pub expected: u64,
    pub key: String,
    pub name: String,
    pub description: String,
    /// What customers call it, and what it does for them.
    pub public_name: String,
    pub public_sentence: String,
    pub owner: String,
    /// Separated by commas.
    pub tags: String,
    pub kind: String,
    pub value_type: String,
    /// Key and value.
    pub variants: Vec<(String, String)>,
    /// The place of the off variant, as the radio button posts it.
    pub off: String,
    pub comment: String,
}

pub const KINDS: [(FlagKind, &str, &str, &str); 3] = [
    (FlagKind::Release, "release", "Release", "Brings a feature out step by step, then goes away."),
    (FlagKind::Operational, "operational", "Operational", "Stays, as a switch for whoever runs the system."),
    (FlagKind::Permission, "permission", "Permission", "Stays, as a right that some audiences have."),
];

pub const TYPES: [(ValueType, &str, &str, &str); 4] = [
    (ValueType::Boolean, "boolean", "On or off", "true or false: the feature is there or it is not."),
    (ValueType::String, "string", "Text", "A text per variant, for example a layout's name."),
    (ValueType::Number, "number", "Number", "A number per variant, for example a limit."),
    (ValueType::Object, "object", "JSON object", "A whole configuration per variant."),
];

pub fn kind_word(kind: FlagKind) -> &'static str {
    KINDS.iter().find(|(it, ..)| *it == kind).map_or("", |(_, _, label, _)| label)
}

pub fn kind_code(kind: FlagKind) -> &'static str {
    KINDS.iter().find(|(it, ..)| *it == kind).map_or("", |(_, code, ..)| code)
}

pub fn type_code(value_type: ValueType) -> &'static str {
    TYPES.iter().find(|(it, ..)| *it == value_type).map_or("", |(_, code, ..)| code)
}

pub fn type_word(value_type: ValueType) -> &'static str {
    TYPES.iter().find(|(it, ..)| *it == value_type).map_or("", |(_, _, label, _)| label)
}

impl FlagForm {
    pub fn from_flag(flag: &Flag, version: u64) -> Self {
        let off = flag.variants.iter().position(|variant| variant.key == flag.off_variant);
        Self {
            expected: version,
            key: flag.key.to_string(),
            name: flag.name.clone(),
            description: flag.description.clone(),
            public_name: flag.public_name.clone(),
            public_sentence: flag.public_sentence.clone(),
            owner: flag.owner.clone(),
            tags: flag.tags.join(", "),
            kind: kind_code(flag.kind).to_owned(),
            value_type: type_code(flag.value_type).to_owned(),
            variants: flag.variants.iter().map(|v| (v.key.to_string(), value_text(&v.value))).collect(),
            off: off.unwrap_or_default().to_string(),
            comment: String::new(),
        }
    }

    pub fn from_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.trimmed(name).to_owned();
        let variants = fields.all("variant.key").zip(fields.all("variant.value")).take(VARIANTS_MAX + 1);
        Self {
            expected: fields.trimmed("expected").parse().unwrap_or_default(),
            key: text("key"),
            name: text("name"),
            description: text("description"),
            public_name: text("public_name"),
            public_sentence: text("public_sentence"),
            owner: text("owner"),
            tags: text("tags"),
            kind: text("kind"),
            value_type: text("type"),
            variants: variants.map(|(key, value)| (key.trim().to_owned(), value.to_owned())).collect(),
            off: text("off"),
            comment: text("comment"),
        }
    }

    /// Does what a button of the variant table says; true when it was one.
    pub fn apply(&mut self, intent: &str) -> bool {
        if intent == "add-variant" {
            let value = match self.value_type() {
                Some(ValueType::Boolean) => "true",
                Some(ValueType::Number) => "0",
                Some(ValueType::Object) => "{}",
                Some(ValueType::String) | None => "",
            };
            self.variants.push((String::new(), value.to_owned()));
            return true;
        }
        let Some(at) = intent.strip_prefix("remove-variant:").and_then(|at| at.parse::<usize>().ok()) else {
            return false;
        };
        if at < self.variants.len() {
            self.variants.remove(at);
            if let Some(off) = self.off.parse::<usize>().ok().filter(|off| *off > at) {
                self.off = (off - 1).to_string();
            }
        }
        true
    }

    fn value_type(&self) -> Option<ValueType> {
        TYPES.iter().find(|(_, code, ..)| *code == self.value_type).map(|(it, ..)| *it)
    }

    fn tags(&self) -> Vec<String> {
        // One too many is refused with a sentence; what stands behind it is not read.
        let mut seen = HashSet::new();
        let tags = self.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty() && seen.insert(*tag));
        tags.take(TAGS_MAX + 1).map(str::to_owned).collect()
    }

    /// A new flag with the usual variants of its type. An empty key is derived from the name.
    pub fn create(&self) -> Result<Flag, Vec<FieldError>> {
        let mut errors = Vec::new();
        let derived = if self.key.is_empty() { key_from_name(&self.name) } else { self.key.clone() };
        let key = match FlagKey::parse(&derived) {
            Ok(key) => Some(key),
            // Without a name there is nothing to derive from: that is said beside the name.
            Err(_) if self.key.is_empty() && self.name.is_empty() => None,
            Err(_) if self.key.is_empty() => {
                errors.push(FieldError::at("key", "no key can be made from this name; write one"));
                None
            }
            Err(error) => {
                errors.push(FieldError::at("key", format!("a key {error}")));
                None
            }
        };
        let value_type = self.value_type().unwrap_or(ValueType::Boolean);
        if self.value_type().is_none() && !self.value_type.is_empty() {
            errors.push(FieldError::at("", "choose what a program gets from the list"));
        }
        let mut flag = Flag::boolean(key.unwrap_or_else(placeholder_key), &self.name);
        flag.value_type = value_type;
        for (variant, value) in flag.variants.iter_mut().zip(usual_values(value_type)) {
            variant.value = value;
        }
        self.describe(&mut flag);
        errors.extend(flag.problems().into_iter().map(|problem| field_error(self, problem)));
        if errors.is_empty() { Ok(flag) } else { Err(errors) }
    }

    /// `flag` with what is typed.
    pub fn change(&self, flag: &Flag) -> Result<Flag, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut changed = flag.clone();
        self.describe(&mut changed);
        changed.name.clone_from(&self.name);
        let rows: Vec<_> = self.variants.iter().enumerate().collect();
        let variants: Vec<Option<Variant>> =
            rows.iter().map(|(at, row)| parse_variant(flag.value_type, *at, row, &mut errors)).collect();
        let off = self.off.parse::<usize>().ok().and_then(|at| variants.get(at).cloned());
        match off {
            Some(Some(off)) => changed.off_variant = off.key,
            // The row itself is wrong, which is said there.
            Some(None) => {}
            None => {
                errors.push(FieldError::at("off", "choose the variant for those who do not get the feature"));
            }
        }
        changed.variants = variants.into_iter().flatten().collect();
        if errors.is_empty() {
            errors.extend(changed.problems().into_iter().map(|problem| field_error(self, problem)));
        }
        if errors.is_empty() { Ok(changed) } else { Err(errors) }
    }

    fn describe(&self, flag: &mut Flag) {
        flag.description.clone_from(&self.description);
        flag.public_name.clone_from(&self.public_name);
        flag.public_sentence.clone_from(&self.public_sentence);
        flag.owner.clone_from(&self.owner);
        flag.tags = self.tags();
        if let Some((kind, ..)) = KINDS.iter().find(|(_, code, ..)| *code == self.kind) {
            flag.kind = *kind;
        }
    }
}

/// Stands in while the typed key is wrong; never saved.
fn placeholder_key() -> FlagKey {
    FlagKey::parse("flag").unwrap_or_else(|_| unreachable!("a literal key"))
}

/// The values of a new flag's `on` and `off`.
fn usual_values(value_type: ValueType) -> [Json; 2] {
    match value_type {
        ValueType::Boolean => [json!(true), json!(false)],
        ValueType::String => [json!("on"), json!("off")],
        ValueType::Number => [json!(1), json!(0)],
        ValueType::Object => [json!({"enabled": true}), json!({"enabled": false})],
    }
}

/// How a value is edited: texts bare, everything else as JSON.
fn value_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Object(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => value.to_string(),
    }
}

fn parse_variant(
    value_type: ValueType,
    at: usize,
    (key, value): &(String, String),
    errors: &mut Vec<FieldError>,
) -> Option<Variant> {
    let key = VariantKey::parse(key)
        .map_err(|error| {
            errors.push(FieldError::at(format!("variant.{at}.key"), format!("a variant's key {error}")));
        })
        .ok();
    let value = parse_value(value_type, value)
        .map_err(|sentence| errors.push(FieldError::at(format!("variant.{at}.value"), sentence)))
        .ok();
    Some(Variant { key: key?, value: value? })
}

fn parse_value(value_type: ValueType, text: &str) -> Result<Json, String> {
    let trimmed = text.trim();
    match value_type {
        ValueType::String => Ok(Json::String(text.to_owned())),
        ValueType::Boolean => {
            trimmed.parse::<bool>().map(Json::Bool).map_err(|_| "write true or false".to_owned())
        }
        ValueType::Number => serde_json::from_str(trimmed)
            .ok()
            .filter(Json::is_number)
            .ok_or_else(|| "write a number, for example 30 or 0.5".to_owned()),
        ValueType::Object => match serde_json::from_str::<Json>(trimmed) {
            Ok(value) if value.is_object() => Ok(value),
            Ok(_) => Err("write a JSON object: it begins with { and ends with }".to_owned()),
            Err(error) => Err(format!("this is not JSON: {error}")),
        },
    }
}

/// Puts what the engine found beside the control that it is about.
pub fn field_error(form: &FlagForm, problem: Problem) -> FieldError {
    let row = |variant: &VariantKey| form.variants.iter().rposition(|(key, _)| key == variant.as_str());
    let field = match &problem {
        Problem::Name { .. } => "name".to_owned(),
        Problem::DescriptionTooLong { .. } => "description".to_owned(),
        Problem::OwnerTooLong { .. } => "owner".to_owned(),
        Problem::PublicNameTooLong { .. } | Problem::PublicSentenceAlone => "public_name".to_owned(),
        Problem::PublicSentenceTooLong { .. } => "public_sentence".to_owned(),
        Problem::Tags { .. } => "tags".to_owned(),
        Problem::DuplicateVariant { variant } => {
            row(variant).map_or_else(String::new, |at| format!("variant.{at}.key"))
        }
        Problem::ValueType { variant, .. } | Problem::ValueTooLong { variant, .. } => {
            row(variant).map_or_else(String::new, |at| format!("variant.{at}.value"))
        }
        Problem::VariantCount { .. } => "variants".to_owned(),
        _ => String::new(),
    };
    FieldError::at(field, problem)
}

/// The lifecycle in a word that people read.
pub fn lifecycle_word(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Draft => "Draft",
        Lifecycle::Active => "Active",
        Lifecycle::Completed => "Completed",
        Lifecycle::Archived => "Archived",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, key: &str, value_type: &str) -> FlagForm {
        FlagForm {
            name: name.into(),
            key: key.into(),
            value_type: value_type.into(),
            kind: "operational".into(),
            ..FlagForm::default()
        }
    }

    #[test]
    fn a_key_comes_from_the_name_when_none_is_typed() {
        let flag = new("Fast payment", "", "boolean").create().expect("flag");
        assert_eq!(flag.key.as_str(), "fast-payment");
        assert_eq!(flag.kind, FlagKind::Operational);
    }

    #[test]
    fn a_new_flag_of_any_type_can_be_saved_as_it_is() {
        for (_, code, ..) in TYPES {
            let flag = new("A name", "", code).create().expect("flag");
            assert_eq!(flag.problems(), []);
            assert_eq!(type_code(flag.value_type), code);
        }
    }

    #[test]
    fn a_flag_without_a_name_is_refused_beside_the_name() {
        let errors = new("", "", "boolean").create().expect_err("errors");
        assert_eq!(errors.iter().map(|w| &*w.field).collect::<Vec<_>>(), ["name"]);
        let errors = new("日本", "", "boolean").create().expect_err("errors");
        assert_eq!(errors[0].field, "key");
        assert_eq!(errors[0].sentence, "No key can be made from this name; write one.");
    }

    #[test]
    fn a_definition_survives_the_form_unchanged() {
        for (_, code, ..) in TYPES {
            let mut flag = new("A name", "", code).create().expect("flag");
            flag.tags = vec!["checkout".into(), "q3".into()];
            assert_eq!(FlagForm::from_flag(&flag, 3).change(&flag), Ok(flag));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_beside_it() {
        let flag = new("A name", "", "object").create().expect("flag");
        let mut form = FlagForm::from_flag(&flag, 1);
        form.variants[0].1 = "{\"a\": }".into();
        form.variants[1].1 = "[1]".into();
        let errors = form.change(&flag).expect_err("errors");
        assert_eq!(errors[0].field, "variant.0.value");
        assert!(errors[0].sentence.starts_with("This is not JSON: expected value at line 1"), "{errors:?}");
        assert_eq!(errors[1].field, "variant.1.value");
    }

    #[test]
    fn removing_a_row_keeps_the_off_variant() {
        let flag = new("A name", "", "string").create().expect("flag");
        let mut form = FlagForm::from_flag(&flag, 1);
        assert!(form.apply("add-variant"));
        assert!(form.apply("remove-variant:0"));
        assert_eq!(form.off, "0");
        assert_eq!(form.variants[0].0, "off");
        assert!(!form.apply("save"));
    }
}
