//! Attribute values as callers send them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::{ValueRef, text::same};

/// A value that a condition can test. Objects and nulls are not: they count as missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AttributeValue {
    Boolean(bool),
    Number(f64),
    Text(String),
    /// Elements in their text form.
    List(Vec<String>),
}

impl AttributeValue {
    /// From JSON; `None` for null and objects. An integer that a float would round stays exact as a text.
    pub fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Null | Json::Object(_) => None,
            Json::Bool(b) => Some(Self::Boolean(*b)),
            Json::Number(n) if is_rounded(n) => Some(Self::Text(n.to_string())),
            Json::Number(n) => n.as_f64().map(Self::Number),
            Json::String(s) => Some(Self::Text(s.clone())),
            Json::Array(items) => Some(Self::List(items.iter().filter_map(element_text).collect())),
        }
    }

    /// How a person reads it.
    pub fn display(&self) -> String {
        ValueRef::from(self).display()
    }
}

/// The value is null or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attribute is a text, a number, true or false, or a list of these")]
pub struct NotAnAttribute;

/// Identifiers are often integers above 2^53, where floats have gaps.
pub(super) fn is_exact(magnitude: u64) -> bool {
    magnitude <= 1 << 53
}

fn is_rounded(n: &serde_json::Number) -> bool {
    let magnitude = n.as_u64().or_else(|| n.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|n| !is_exact(n))
}

fn element_text(json: &Json) -> Option<String> {
    match AttributeValue::from_json(json) {
        None | Some(AttributeValue::List(_)) => None,
        Some(scalar) => Some(scalar.display()),
    }
}

/// By name; of two with one name the last counts.
pub(super) fn put_in_order<N: Ord, V>(members: &mut Vec<(N, V)>) {
    if !members.is_sorted_by(|(a, _), (b, _)| a < b) {
        members.sort_by(|(a, _), (b, _)| b.cmp(a));
        members.reverse();
        members.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }
}

/// Among so few, looking at each is quicker than halving.
const LINEAR_MAX: usize = 12;

/// Attributes of one subject or call: few, sorted by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(into = "BTreeMap<String, AttributeValue>")]
pub struct Attributes(Vec<(Box<str>, AttributeValue)>);

impl Attributes {
    pub const EMPTY: &'static Self = &Self(Vec::new());

    /// From a JSON object's members; what cannot be tested (null, objects) is left out.
    pub fn from_json(members: &serde_json::Map<String, Json>) -> Self {
        members
            .iter()
            .filter_map(|(name, json)| Some((name.clone(), AttributeValue::from_json(json)?)))
            .collect()
    }

    /// Members as a document has them, in any order; `None` for what cannot be tested.
    pub(super) fn from_members(mut members: Vec<(Box<str>, Option<AttributeValue>)>) -> Self {
        put_in_order(&mut members);
        Self(members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    #[inline]
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        if self.0.len() <= LINEAR_MAX {
            return self.0.iter().find(|(n, _)| same(n, name)).map(|(_, value)| value);
        }
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    pub fn set(&mut self, name: &str, value: AttributeValue) {
        match self.0.binary_search_by(|(n, _)| (**n).cmp(name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name.into(), value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> + Clone {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, AttributeValue)> for Attributes {
    /// Of two values with one name the last wins.
    fn from_iter<I: IntoIterator<Item = (String, AttributeValue)>>(items: I) -> Self {
        items.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl From<BTreeMap<String, AttributeValue>> for Attributes {
    fn from(map: BTreeMap<String, AttributeValue>) -> Self {
        Self(map.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl From<Attributes> for BTreeMap<String, AttributeValue> {
    fn from(attributes: Attributes) -> Self {
        attributes.0.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (n, text) in [(17.0, "17"), (-3.0, "-3"), (0.5, "0.5"), (1e20, "1e20")] {
            assert_eq!(AttributeValue::Number(n).display(), text);
        }
    }

    #[test]
    fn an_identifier_beyond_the_exact_floats_keeps_its_digits() {
        for n in [9_007_199_254_740_993_i64, i64::MAX, -9_007_199_254_740_993] {
            let value = AttributeValue::from_json(&n.into());
            assert_eq!(value, Some(AttributeValue::Text(n.to_string())));
        }
        let exact = AttributeValue::from_json(&9_007_199_254_740_992_i64.into());
        assert_eq!(exact.map(|value| value.display()), Some("9007199254740992".to_owned()));
    }

    #[test]
    fn a_stored_number_is_read_back_to_the_last_bit() {
        let value = AttributeValue::Number(8.236_008_364_499_214_5e-19);
        let stored = serde_json::to_string(&value).expect("JSON");
        assert_eq!(serde_json::from_str::<AttributeValue>(&stored).expect("value"), value);
    }

    #[test]
    fn null_and_objects_count_as_missing() {
        let json = serde_json::json!({"a": null, "b": {"c": 1}, "d": [1, "x", {"y": 1}], "e": true});
        let attributes = Attributes::from_json(json.as_object().expect("object"));
        assert_eq!(attributes.get("a"), None);
        assert_eq!(attributes.get("b"), None);
        assert_eq!(attributes.get("d"), Some(&AttributeValue::List(vec!["1".into(), "x".into()])));
        assert_eq!(attributes.len(), 2);
    }
}
