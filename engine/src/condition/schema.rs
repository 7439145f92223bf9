//! The attributes that a workspace knows, their types, and which of them to trust.

use serde::{Deserialize, Serialize};

use super::{
    attribute::{AttributeValue, Attributes},
    version,
};
use crate::AttributeName;

/// What an attribute holds; decides which operators the builder offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    Text,
    Number,
    Boolean,
    List,
    Date,
    Semver,
}

impl AttributeType {
    /// Whether a stored value is of this type: dates and versions are texts that read as such,
    /// and a date may be a number of milliseconds.
    pub fn accepts(self, value: &AttributeValue) -> bool {
        match (self, value) {
            (Self::Text, AttributeValue::Text(_))
            | (Self::Number, AttributeValue::Number(_))
            | (Self::Boolean, AttributeValue::Boolean(_))
            | (Self::List, AttributeValue::List(_)) => true,
            (Self::Date, AttributeValue::Text(text)) => crate::read_date(text).is_ok(),
            (Self::Date, AttributeValue::Number(n)) => n.with_text(|text| crate::read_date(text).is_ok()),
            (Self::Semver, AttributeValue::Text(text)) => version::parse_version(text).is_some(),
            (
                Self::Text | Self::Number | Self::Boolean | Self::List | Self::Date | Self::Semver,
                AttributeValue::Boolean(_)
                | AttributeValue::Number(_)
                | AttributeValue::Text(_)
                | AttributeValue::List(_),
            ) => false,
        }
    }

    /// What a value has to look like, for whoever sends it.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Date => "a date like 2026-01-31",
            Self::Semver => "a version like 2.10.0",
        }
    }
}

/// One line of the workspace's attribute schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeDefinition {
    pub name: AttributeName,
    #[serde(rename = "type")]
    pub value_type: AttributeType,
    #[serde(default)]
    pub description: String,
    /// A client token cannot set it: it comes from stored traits or from a server.
    #[serde(default)]
    pub trusted: bool,
    /// Says who somebody is (a name, an address): shown only to roles that look people up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub personal: bool,
}

/// The attributes a workspace knows; others may still be sent and tested, and are untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributeSchema(Vec<AttributeDefinition>);

impl AttributeSchema {
    pub fn new(mut definitions: Vec<AttributeDefinition>) -> Self {
        definitions.sort_by(|a, b| a.name.cmp(&b.name));
        Self(definitions)
    }

    pub fn get(&self, name: &str) -> Option<&AttributeDefinition> {
        self.0.iter().find(|d| d.name.as_str() == name)
    }

    pub fn is_trusted(&self, name: &str) -> bool {
        self.get(name).is_some_and(|d| d.trusted)
    }

    pub fn is_personal(&self, name: &str) -> bool {
        self.get(name).is_some_and(|d| d.personal)
    }

    /// The values that are not of their attributes' types. Attributes the schema does not know may hold anything.
    pub fn mistyped<'a>(
        &'a self,
        attributes: &'a Attributes,
    ) -> impl Iterator<Item = (&'a AttributeDefinition, &'a AttributeValue)> {
        attributes.iter().filter_map(|(name, value)| {
            let definition = self.get(name)?;
            (!definition.value_type.accepts(value)).then_some((definition, value))
        })
    }

    /// The attributes without the personal ones.
    #[must_use]
    pub fn without_personal(&self, attributes: &Attributes) -> Attributes {
        let shown = attributes.iter().filter(|(name, _)| !self.is_personal(name));
        shown.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    pub fn definitions(&self) -> &[AttributeDefinition] {
        &self.0
    }
}
